import type { RunSpec } from '../../../src/plan/types.ts';
import type { RunRequest } from '../../../src/record/types.ts';

export const spec: RunSpec = {
  engine_semantics: 1,
  model: 'a'.repeat(64),
  surgery: {},
  trained: ['model.layers.0.mlp.up_proj.weight'],
  seed: 1,
  device: 'cpu',
};

export function request(attempt = 0, more: Partial<RunRequest> = {}): RunRequest {
  return {
    attempt,
    experiment: { file: '/x/demo.strata.yaml', stem: 'demo' },
    arm: 's',
    seed: 1,
    hash: 'b'.repeat(64),
    sources: { model: '/x/base' },
    tasks: [],
    threads: 1,
    version: '0',
    asked: 1000 + attempt,
    order: 0,
    stages: ['surgery', 'train', 'evaluate'],
    ...more,
  };
}
