import * as z from 'zod';
import { rankingMetrics } from './schema-data.ts';
import {
  armName,
  byKey,
  corpusName,
  count,
  defaulting,
  key,
  layer,
  layers,
  many,
  path,
  said,
  share,
  taskName,
  words,
} from './schema-kit.ts';

// Arms of an experiment file: surgery, LoRA, and how they train.

export const expandRules = ['shallow_half', 'deep_half', 'uniform', 'analysis'] as const;

export const expand = z.strictObject({
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
export const prune = said(
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
export const merge = z.strictObject({
  into: key(layer(), 'The base layer that becomes the average.', 9),
  of: key(layers(), 'The base layers that are averaged; pruned ones may be among them.', [9, 10, 11]),
});
export const lora = z.strictObject({
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
  precision: key(
    z.enum(['float32', 'mixed']).default('float32'),
    'Number format of products; `mixed`: float16, with masters, sums and optimizer in float32 (`device: webgpu`).',
  ),
  base_precision: key(
    z.enum(['auto', 'float32', 'bfloat16', 'int4']).default('auto'),
    'How frozen matrices of the layers are kept and computed with: `auto` and `float32` as they are stored; `bfloat16` rounded; `int4` in blocks of 32 values with a factor each, 5 bits a weight, for LoRA or new blocks on a large base. Training and the evaluations of the run compute with the same weights; `logs` and `compare` say what the rounding costs before training, in nats per token. `export` and `from` go on from the weights as they are stored.',
  ),
  recompute: key(
    z.union([z.literal('auto'), z.boolean()]).default('auto'),
    'Activation checkpointing: less memory, more time.',
  ),
  checkpoint_every: key(count().default(50), 'Optimizer steps between checkpoints.'),
  distill: key(
    z
      .strictObject({
        teacher: key(armName(), 'The arm whose model teaches: one that changes nothing.', 'base'),
        weight: key(z.number().gt(0), 'The loss is cross-entropy + weight · KL.', 0.5),
        corpus: key(
          corpusName(),
          'Where KL is taken: each step has a further `batch` of its sequences; its texts are not learnt.',
          'general',
        ),
      })
      .optional(),
    'Keeps the model near the unchanged one: adds weight · KL(teacher ‖ model), nats, the mean over the positions of `corpus` whose next token would be learnt. It costs more than twice the time.',
  ),
  keep: key(
    said(
      z
        .union([z.literal('last'), z.strictObject({ best: key(taskName(), 'An evaluated task.', 'recall_new') })])
        .default('last'),
      '`last` or `{best: TASK}`',
    ),
    'Which weights are the result: those of the last step, or those of the evaluation (every n steps and the last; of equals the earliest) with the best primary metric of a task. A task that chooses says more good of the arm than one that does not: choose by one that the verdict is not about.',
    { best: 'recall_new' },
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

export const arm = z.strictObject({
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
