import * as z from 'zod';
import { arm, expand, lora, merge, prune, training } from './schema-arms.ts';
import { analysis, corpus, task } from './schema-data.ts';
import {
  armName,
  chosenBy,
  count,
  defaulting,
  hasKey,
  host,
  key,
  many,
  name,
  said,
  slurmWord,
  words,
} from './schema-kit.ts';

/**
 * The experiment language: the one source of the input types, of `docs/experiment.schema.json` and of the reference page
 * `docs/experiment.md`. Semantics of the keys: design §4. What can only be said about several keys together is in `checks/`.
 */

const metricRef = said(
  z.union([
    z.string().min(1),
    z.strictObject({
      task: key(z.string().min(1), 'An evaluated task.', 'recall_new'),
      metric: key(
        defaulting(z.string().min(1).optional(), 'the primary one'),
        'Another metric of the task.',
        'acc_norm',
      ),
    }),
  ]),
  'a task, or `{task, metric}`',
);
const evaluation = z.strictObject({
  tasks: key(
    defaulting(said(z.array(z.string().min(1)), 'a list of tasks').optional(), 'all own tasks'),
    'Own tasks, built-in benchmarks, `perplexity:CORPUS`.',
    ['recall_new', 'perplexity:general'],
  ),
  every: key(count().optional(), 'Evaluates after surgery and every n steps; left out: only at the end.', 64),
});
const compare = z.strictObject({
  baseline: key(
    defaulting(armName().optional(), '`base`, else the first unchanged arm'),
    'The arm everything is compared with.',
    'base',
  ),
  subject: key(defaulting(armName().optional(), 'the first arm with `expand`'), 'The arm in question.', 's'),
  gain: key(metricRef.optional(), 'The task that was to be learnt, or `{task, metric}`.', 'recall_new'),
  forgetting: key(
    said(z.array(metricRef), 'a list of tasks, or of `{task, metric}`').default([]),
    'The tasks that were to be kept.',
    ['recall_old', 'perplexity:general'],
  ),
});
const slurmOptions = {
  partition: key(slurmWord().optional(), 'Where the scheduler looks for a machine.', 'gpu'),
  account: key(slurmWord().optional(), 'Who is charged.'),
  qos: key(slurmWord().optional(), 'Quality of service.'),
  constraint: key(slurmWord().optional(), 'Features the machine must have.', 'a100'),
  gpus: key(z.int().min(0).optional(), 'GPUs of one run.', 1),
  cpus: key(count().optional(), 'Processor cores of one run.', 8),
  memory: key(
    said(z.string().regex(/^\d+[KMGT]?$/i), 'an amount of memory such as 32G').optional(),
    'Memory of one run.',
    '32G',
  ),
  time: key(
    said(z.string().regex(/^(\d+[smhd]|(\d+-)?\d+(:\d\d){1,2})$/), 'a duration such as 2h or 1-12:00:00').optional(),
    'Longest time of one run.',
    '2h',
  ),
};
const targetWord = z.enum(['local', 'slurm']);
const sshTarget = z.strictObject({ ssh: key(host(), 'A host of your ssh configuration.', 'gpu-box') });
const slurmTarget = z.strictObject({
  slurm: key(host(), 'The cluster, a host of your ssh configuration.', 'cluster'),
  ...slurmOptions,
});
const target = said(
  chosenBy(z.union([targetWord, sshTarget, slurmTarget]), (value) =>
    hasKey(value, 'ssh') ? sshTarget : hasKey(value, 'slurm') ? slurmTarget : undefined,
  ),
  '`local`, `{ssh: HOST}` or `{slurm: HOST, partition: …}`',
);

/** The whole file. */
export const file = z
  .strictObject({
    strata: key(said(z.literal(1), '1, the version of the language'), 'Version of this language.'),
    title: key(z.string().optional(), 'One line for reports.', 'Shallow expansion against LoRA'),
    model: key(
      said(z.string().min(1), 'a folder or the id of a model'),
      'Folder with config.json, *.safetensors, tokenizer.json, relative to this file; or an id in the local Hugging Face cache.',
      'samples/base',
    ),
    corpora: key(z.record(name(), corpus).default({}), 'Texts by name.'),
    tasks: key(z.record(name(), task).default({}), 'Own benchmarks beside the built-in ones, by name.'),
    analysis: key(analysis.optional(), 'Measures how important each layer is.'),
    arms: key(z.record(name(), arm), 'Ways to change the model, by name. `{}` is the unchanged model.'),
    training: key(
      training.partial({ corpus: true, learning_rate: true }).optional(),
      'What every trained arm trains with, unless it says otherwise.',
    ),
    evaluation: key(evaluation.optional(), 'What is measured, and when.'),
    compare: key(compare.optional(), 'What the verdict is about.'),
    seeds: key(
      many(z.int().min(0), 'whole numbers').default([1]),
      'One run for each arm that trains and each seed.',
      [1, 2, 3],
    ),
    target: key(target.default('local'), 'Where runs execute: `local`, `{ssh: HOST}`, `{slurm: HOST, partition: …}`.'),
    device: key(
      z.enum(['auto', 'cpu', 'webgpu', 'cuda']).default('auto'),
      'What computes: the processor, a graphics card through WebGPU, or the better of what is there.',
    ),
  })
  .meta({ title: 'Strata experiment' });

words.add(file, { expected: 'a mapping with at least `strata`, `model` and `arms`' });

export type FileInput = z.input<typeof file>;
export type ArmInput = z.input<typeof arm>;
export const schemas = { corpus, task, analysis, expand, prune, merge, lora, arm, evaluation, compare, target };
