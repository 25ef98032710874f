import assert from 'node:assert/strict';
import { parse } from '../../../src/experiment/parse.ts';
import type { Experiment } from '../../../src/experiment/types.ts';
import { parseConfig } from '../../../src/model/config.ts';
import { expectedTensors } from '../../../src/model/names.ts';
import type { ModelConfig, TensorRef } from '../../../src/model/types.ts';
import { type ResolveOptions, resolve } from '../../../src/plan/resolve.ts';
import type { ArmPlan, CorpusContent, Plan, PlannableFacts, RunPlan } from '../../../src/plan/types.ts';

/** The shape of the reference's 32-layer llama (data/reference/slayer/base), written out so that no file is needed. */
export const slayerShape = {
  model_type: 'llama',
  hidden_size: 16,
  intermediate_size: 32,
  num_hidden_layers: 32,
  num_attention_heads: 2,
  num_key_value_heads: 2,
  vocab_size: 64,
  max_position_embeddings: 128,
  rms_norm_eps: 1e-5,
  rope_theta: 10000,
  tie_word_embeddings: false,
  hidden_act: 'silu',
  torch_dtype: 'float32',
};

export function config(changes: Record<string, unknown> = {}): ModelConfig {
  return parseConfig({ ...slayerShape, ...changes }, 'config.json');
}

/** Headers of a model that lies nowhere: enough for everything that does not read weights. */
export function headers(of: ModelConfig): Map<string, TensorRef> {
  let offset = 0;
  return new Map(
    expectedTensors(of).map(({ name, shape }) => {
      const bytes = 4 * shape.reduce((a, b) => a * b, 1);
      const ref: TensorRef = { name, shape, dtype: 'F32', file: '/model/model.safetensors', offset, bytes };
      offset += bytes;
      return [name, ref];
    }),
  );
}

/** A corpus as a gathering would have found it. */
export function corpus(name: string, changes: Partial<CorpusContent> = {}): CorpusContent {
  return {
    name,
    kind: 'text',
    hash: name.padEnd(64, '0'),
    documents: 100,
    tokens: 10_000,
    exact: true,
    holdoutDocuments: 0,
    ...changes,
  };
}

export function facts(changes: Partial<PlannableFacts> = {}, of: ModelConfig = config()): PlannableFacts {
  return {
    depth: 'all',
    problems: [],
    base: { folder: '/model', config: of, tensors: headers(of), hash: 'a'.repeat(64), tokenizerHash: 'b'.repeat(64) },
    corpora: { text: { files: ['/data/text.jsonl'] }, other: { files: ['/data/other.txt'] } },
    contents: { text: corpus('text'), other: corpus('other') },
    taskContents: {},
    ...changes,
  };
}

/** An experiment whose `arms:` (and more) are the given lines; corpora and training are there. */
export function experiment(lines: string, training = 'steps: 10'): Experiment {
  const text = [
    'strata: 1',
    'model: model',
    'corpora:',
    '  text: { files: data/text.jsonl, field: text }',
    '  other: { files: data/other.txt, split: line }',
    `training: { corpus: text, batch: 4, sequence: 32, learning_rate: 1e-3, ${training} }`,
    lines,
  ].join('\n');
  const parsed = parse(text, { file: '/lab/test.strata.yaml' });
  assert.deepEqual(parsed.diagnostics, []);
  assert.ok(parsed.experiment);
  return parsed.experiment;
}

export function plan(
  lines: string,
  { training, known, ...options }: ResolveOptions & { training?: string; known?: PlannableFacts } = {},
): Plan {
  return resolve(experiment(lines, training), known ?? facts(), options);
}

export function arm(plan: Plan, name: string): ArmPlan {
  const found = plan.arms.find((a) => a.name === name);
  assert.ok(found, `no arm ${name}: ${JSON.stringify(plan.diagnostics)}`);
  return found;
}

export function runsOf(plan: Plan, name: string): RunPlan[] {
  return plan.runs.filter((run) => run.arm === name);
}
