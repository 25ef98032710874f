import * as z from 'zod';

/**
 * The experiment language: the one source of the input types, of `docs/experiment.schema.json` and of the reference page
 * `docs/experiment.md`. Semantics of the keys: design §4. What can only be said about several keys together is in `checks/`.
 */

/** Words for messages and the reference page where the schema alone does not give good ones. */
export const words = z.registry<{
  /** `must be …`. */
  expected?: string;
  /** What holds when the key is left out and no constant does. */
  default?: string;
}>();

/** Which alternative of a union is meant (a schema), decided before zod sees the value. */
export const alternatives = z.registry<{ choose: (value: unknown) => unknown }>();

/** A key of a mapping: its rule and examples of its value. */
const key = <S extends z.ZodType>(schema: S, rule: string, ...examples: unknown[]): S =>
  schema.meta({ description: rule, ...(examples.length > 0 && { examples }) });
function said<S extends z.ZodType>(schema: S, expected: string): S {
  words.add(schema, { expected });
  return schema;
}
function defaulting<S extends z.ZodType>(schema: S, text: string): S {
  words.add(schema, { default: text });
  return schema;
}
function chosenBy<S extends z.ZodUnion>(schema: S, choose: (value: unknown) => z.ZodType | undefined): S {
  alternatives.add(schema, { choose });
  return schema;
}

/** A union of mappings whose alternative is the first whose key is present; `otherwise` when none is. */
function byKey<const O extends readonly [z.ZodObject, ...z.ZodObject[]]>(
  options: O,
  keys: readonly string[],
  otherwise?: z.ZodObject,
) {
  return chosenBy(z.union(options), (value) => options[keys.findIndex((k) => hasKey(value, k))] ?? otherwise);
}
const hasKey = (value: unknown, k: string) => typeof value === 'object' && value !== null && Object.hasOwn(value, k);

const name = (what = 'a name: small letters, digits and _, a letter first') =>
  said(z.string().regex(/^[a-z][a-z0-9_]*$/), what);
const armName = () => name('the name of an arm');
const corpusName = () => name('the name of a corpus');
const path = () => said(z.string().min(1), 'a path relative to this file');
const files = () => said(z.union([path(), z.array(path()).min(1)]), 'a path relative to this file, or a list of such');
/** A list with at least one entry, and what its entries are called. */
const many = <S extends z.ZodType>(entry: S, what: string) => said(z.array(entry).min(1), `a list of ${what}`);
const layers = () => many(layer(), 'layer numbers');
const count = () => z.int().min(1);
const layer = () => said(z.int().min(0), 'a layer number (whole, from 0)');
const share = () => said(z.number().gt(0).lt(1), 'a share above 0 and below 1');
const hostPattern = /^[A-Za-z0-9][A-Za-z0-9._-]*$/;
const host = () => said(z.string().regex(hostPattern), 'the name of a host');
const slurmWord = () => said(z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._:/&|@-]*$/), 'a plain word as Slurm takes it');

export const importanceMetrics = ['angular', 'influence', 'removal', 'duplication', 'attention'] as const;
/** Those that rank layers; `attention` only describes them. */
export const rankingMetrics = ['angular', 'influence', 'removal', 'duplication'] as const;
export const expandRules = ['shallow_half', 'deep_half', 'uniform', 'analysis'] as const;

const textCorpus = z.strictObject({
  files: key(
    files(),
    'Files or glob patterns: `.jsonl` has one document a line, `.txt` one a file.',
    'data/new/*.jsonl',
  ),
  field: key(
    z.string().min(1).optional(),
    'The field of each `.jsonl` record. A list of `{role, content}` there makes it a chat: loss on assistant turns only.',
    'text',
  ),
  split: key(z.enum(['paragraph', 'line']).optional(), 'Cuts `.txt` files into documents.', 'paragraph'),
  holdout: key(
    share().optional(),
    'Share of documents, chosen by the hash of their text, that is never trained on; `perplexity:NAME` is measured there.',
    0.05,
  ),
});
const tokenCorpus = z.strictObject({
  tokens: key(
    files(),
    'Token rows, taken in order: JSON lines `{"input_ids": […], "labels": […]}` or a safetensors file with these tensors.',
    'data/rows.jsonl',
  ),
});
export const corpus = byKey([tokenCorpus, textCorpus], ['tokens'], textCorpus);

const limit = () =>
  said(
    z
      .number()
      .gt(0)
      .refine((n) => n < 1 || Number.isInteger(n)),
    'a number of documents, or a share below 1',
  );
const ownTask = {
  files: key(files(), 'JSON lines, one question a line.', 'data/recall-new.jsonl'),
  description: key(z.string().optional(), 'Text before everything else in the prompt.'),
  target_delimiter: key(z.string().default(' '), 'Between context and answer.'),
  shot_delimiter: key(z.string().default('\n\n'), 'Between the examples (shots).'),
  shots: key(z.int().min(0).default(0), 'Solved examples in the prompt.', 5),
  shots_from: key(
    defaulting(files().optional(), "the task's own files, never the question itself"),
    'Where examples are drawn from.',
  ),
  sampler: key(
    z.enum(['random', 'first']).default('random'),
    'How examples are drawn: seeded for every document, or the first.',
  ),
  limit: key(limit().optional(), 'Only the first documents.', 200),
  chat: key(z.boolean().default(false), "Wrap the prompt in the model's chat template."),
};
const choiceTask = z.strictObject({
  kind: key(z.literal('choice'), 'Records `{context, choices, answer: index}`.'),
  ...ownTask,
});
const generateTask = z.strictObject({
  kind: key(z.literal('generate'), 'Records `{context, answer: text or list of texts}`.'),
  ...ownTask,
  max_tokens: key(count().default(64), 'Most tokens that are generated.'),
  stop: key(said(z.array(z.string().min(1)), 'a list of texts').default(['\n']), 'Texts that end the answer.'),
  extract: key(
    z
      .strictObject({
        pattern: key(z.string().min(1), 'Regular expression; group 1 is the answer.', '#### (-?[0-9.,]+)'),
        take: key(z.enum(['first', 'last']).default('first'), 'Which match counts.'),
      })
      .optional(),
    'Takes the answer out of the generated text.',
  ),
  match: key(z.enum(['exact', 'regex']).default('exact'), 'How the answer is compared with the reference.'),
});
const documents = said(z.string().regex(/^\d+(-\d+)?(\s*,\s*\d+(-\d+)?)*$/), 'documents such as 100-139');
const benchmarkTask = z.strictObject({
  benchmark: key(z.string().min(1), 'Name of a built-in benchmark.', 'arc_challenge'),
  files: key(
    z
      .strictObject({
        train: key(path().optional(), 'Examples (shots) come from here.'),
        validation: key(path().optional(), 'What is evaluated where there is no test.'),
        dev: key(path().optional(), 'Examples of MMLU.'),
        test: key(path().optional(), 'What is evaluated.'),
      })
      .default({}),
    'Its splits in a published layout; else looked for in the folder STRATA_DATA.',
  ),
  shots: key(z.int().min(0).optional(), 'Solved examples in the prompt.', 5),
  documents: key(documents.optional(), 'Only these documents, by their index in the split.', '100-139'),
  limit: key(limit().optional(), 'Only the first documents.', 200),
  max_tokens: key(count().optional(), 'Most tokens that are generated.', 256),
});
/** A task whose kind is missing or unknown: only this is said about it. */
const anyTask = z.looseObject({ kind: z.enum(['choice', 'generate']) });
export const task = chosenBy(z.union([benchmarkTask, choiceTask, generateTask]), (value) => {
  if (hasKey(value, 'benchmark')) return benchmarkTask;
  const kind = (value as { kind?: unknown } | null)?.kind;
  return kind === 'choice' ? choiceTask : kind === 'generate' ? generateTask : anyTask;
});

const analysis = z.strictObject({
  metrics: key(
    many(z.enum(importanceMetrics), `metrics: ${importanceMetrics.join(', ')}`).default([
      'angular',
      'influence',
      'removal',
      'duplication',
    ]),
    'What is measured of every layer; `attention` describes layers and ranks none.',
  ),
  corpus: key(corpusName(), 'The corpus that is measured on.', 'general'),
  tokens: key(count().default(32768), 'Tokens that are measured on.'),
  tasks: key(
    said(z.array(z.string()), 'a list of tasks').default([]),
    '`removal` and `duplication` are scored on these tasks as well.',
    ['recall_old'],
  ),
});

const expand = z.strictObject({
  after: key(
    z.union([layers(), z.enum(expandRules)]),
    'Base layers after which a block is inserted (`[3, 3]` makes 3+1 and 3+2), or a rule that spreads `blocks` over a region: `shallow_half` layers 0 … ⌊L/2⌋−1, `deep_half` the rest, `uniform` all; `analysis` takes the most important.',
    'shallow_half',
    [1, 3],
  ),
  blocks: key(count().optional(), 'With a rule: how many blocks are inserted.', 3),
  by: key(z.enum(rankingMetrics).optional(), 'With `after: analysis`: the metric that ranks the layers.', 'influence'),
  init: key(
    z.enum(['average', 'copy', 'random']).default('average'),
    'Weights of a block after layer i: the average of layers i and i+1, a copy of layer i, or random.',
  ),
  identity: key(z.boolean().default(true), 'Zeroes `o_proj` and `down_proj`, so that the block starts as x → x.'),
});
const prune = said(
  byKey(
    [
      z.strictObject({ last: key(count(), 'Deletes the last n layers.', 2) }),
      z.strictObject({
        by: key(z.enum(rankingMetrics), 'Deletes the n least important layers by this metric.', 'influence'),
        count: key(count(), 'How many layers are deleted.', 2),
        contiguous: key(z.boolean().default(false), 'One block of n neighbouring layers.'),
      }),
      z.strictObject({ layers: key(layers(), 'Deletes these base layers.', [6, 7]) }),
    ],
    ['last', 'by', 'layers'],
  ),
  '`{last: n}`, `{layers: […]}` or `{by: METRIC, count: n}`',
);
const merge = z.strictObject({
  into: key(layer(), 'The base layer that becomes the average.', 9),
  of: key(layers(), 'The base layers that are averaged; pruned ones may be among them.', [9, 10, 11]),
});
const lora = z.strictObject({
  rank: key(
    z.union([count(), z.literal('match')]).optional(),
    'Rank of the factors; `match` takes the rank nearest to the trained parameters of `arm`. May be left out with `adapter`.',
    8,
    'match',
  ),
  arm: key(armName().optional(), 'With `rank: match`: the arm to match.', 's'),
  alpha: key(
    defaulting(z.number().gt(0).optional(), "2·rank, or the adapter's"),
    'The update is scaled by alpha / rank.',
    16,
  ),
  targets: key(
    z.union([z.literal('all_linear'), many(z.string().min(1), 'module names')]).default('all_linear'),
    'Linear modules that get factors.',
    ['q_proj', 'v_proj'],
  ),
  layers: key(
    defaulting(layers().optional(), 'every layer'),
    'Layers of the resulting stack, numbered from 0, that get factors.',
  ),
  rslora: key(z.boolean().default(false), 'Scales by alpha / √rank.'),
  adapter: key(path().optional(), 'Folder of a PEFT adapter to start from.'),
});

/** One of the three is required after an arm's overrides are applied; each replaces the others. */
export const lengthUnits = ['steps', 'tokens', 'epochs'] as const;
export const training = z.strictObject({
  corpus: key(corpusName(), 'The corpus that is learnt.', 'new_facts'),
  replay: key(
    z
      .strictObject({
        corpus: key(corpusName(), 'The corpus that is mixed in.', 'general'),
        share: key(share(), 'Share of the sequences, spread evenly; not counted in epochs.', 0.25),
      })
      .optional(),
    'Mixes old text in, against forgetting.',
  ),
  steps: key(count().optional(), 'Length in optimizer steps. Exactly one of `steps`, `tokens`, `epochs`.', 128),
  tokens: key(count().optional(), 'Length in tokens: ⌈tokens / (batch · sequence)⌉ steps.', 1_000_000),
  epochs: key(
    said(z.number().gt(0).optional(), 'a number above 0'),
    "Length in passes over the main corpus's rows.",
    3,
  ),
  batch: key(count().default(8), 'Sequences in one optimizer step.'),
  micro_batch: key(defaulting(count().optional(), 'batch'), 'Sequences in one forward pass; divides `batch`.', 4),
  sequence: key(
    defaulting(z.int().min(2).optional(), "the smaller of 512 and the model's positions"),
    'Tokens in one row.',
    128,
  ),
  packing: key(
    z.enum(['document', 'stream']).default('document'),
    '`document`: attention stays inside a document and positions restart; `stream`: across.',
  ),
  learning_rate: key(z.number().gt(0), 'Highest learning rate of AdamW.', 1e-3),
  schedule: key(z.enum(['constant', 'linear', 'cosine']).default('cosine'), 'How the rate falls after the warm-up.'),
  warmup: key(
    said(
      z
        .number()
        .min(0)
        .refine((n) => n < 1 || Number.isInteger(n))
        .default(0.05),
      'a share below 1 or a number of steps',
    ),
    'Below 1: share of the steps; else a number of steps.',
  ),
  betas: key(
    said(
      z.tuple([z.number().min(0).lt(1), z.number().min(0).lt(1)]).default([0.9, 0.95]),
      'a list of two numbers from 0 to below 1',
    ),
    "AdamW's decay rates.",
  ),
  epsilon: key(z.number().gt(0).default(1e-8), "AdamW's epsilon."),
  weight_decay: key(z.number().min(0).default(0), 'Decoupled decay of tensors of two or more dimensions.'),
  clip: key(z.number().min(0).default(1), 'Global gradient norm is clipped to this; 0 = off.'),
  precision: key(z.enum(['float32', 'mixed']).default('float32'), 'Number format of the computation.'),
  base_precision: key(
    z.enum(['auto', 'float32', 'bfloat16', 'int4']).default('auto'),
    'Number format of frozen weights in memory.',
  ),
  recompute: key(
    z.union([z.literal('auto'), z.boolean()]).default('auto'),
    'Activation checkpointing: less memory, more time.',
  ),
  checkpoint_every: key(count().default(50), 'Optimizer steps between checkpoints.'),
  distill: key(
    z
      .strictObject({
        teacher: key(armName(), 'The arm whose model teaches.', 'base'),
        weight: key(z.number().gt(0), 'Weight of the Kullback-Leibler term.', 0.5),
        corpus: key(corpusName(), 'The corpus it is taken on.', 'general'),
      })
      .optional(),
    'Keeps the model near another one on a corpus.',
  ),
});

export type TrainingInput = z.input<typeof training>;
/** An arm's `training:` — every key may be left out; `null` removes what the experiment says. */
export type TrainingOverrides = { [K in keyof TrainingInput]?: TrainingInput[K] | null };
const overrideShape = Object.fromEntries(
  Object.entries(training.shape).map(([k, schema]) => {
    const bare = schema instanceof z.ZodDefault ? (schema.unwrap() as z.ZodType) : schema;
    const known = words.get(schema);
    const nullable = bare.nullable().optional();
    if (known) words.add(nullable, known);
    return [k, nullable.meta({ description: schema.description })];
  }),
);
const overrides: z.ZodType<TrainingOverrides, TrainingOverrides> = z.strictObject(overrideShape);

const arm = z.strictObject({
  from: key(armName().optional(), 'Starts from the finished weights of this arm with the same seed; no surgery.', 's'),
  expand: key(expand.optional(), 'Inserts blocks.'),
  prune: key(prune.optional(), 'Deletes layers: `{last: n}`, `{layers: […]}` or `{by: METRIC, count: n}`.'),
  merge: key(merge.optional(), 'Averages several layers into one.'),
  train: key(
    said(z.array(z.string().min(1)), 'a list of selectors').optional(),
    'What the optimizer touches: `all`, `new`, `merged`, `layers a-b`, `layers n`, `layers n+`, `layers n+k`, `embeddings`, `head`, `norms`, or a glob on tensor names of the resulting model.',
    ['new', 'merged'],
  ),
  lora: key(lora.optional(), 'Low-rank factors beside frozen weights (PEFT).'),
  training: key(overrides.optional(), 'Overrides of `training`, key by key; `null` removes a key.', {
    learning_rate: 0.003,
  }),
});

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
    device: key(z.enum(['auto', 'cpu', 'webgpu', 'cuda']).default('auto'), 'What computes.'),
  })
  .meta({ title: 'Strata experiment' });

export type FileInput = z.input<typeof file>;
export type ArmInput = z.input<typeof arm>;
export const schemas = { corpus, task, analysis, expand, prune, merge, lora, arm, evaluation, compare, target };
