import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { planJson } from '../../../src/cli/plan-json.ts';
import { planText } from '../../../src/cli/plan-text.ts';
import { corpus, facts, plan } from './world.ts';

const written = `title: Shallow expansion against LoRA and full fine-tuning
tasks:
  recall: { kind: choice, files: recall.jsonl }
evaluation: { tasks: [recall, "perplexity:other"], every: 64 }
arms:
  base: {}
  s:
    expand: { after: shallow_half, blocks: 8, init: average }
    prune: { last: 2 }
    merge: { into: 29, of: [29, 30, 31] }
    train: [new, merged]
  pro: { expand: { after: [3, 3], init: copy, identity: false }, train: [layers 3+2] }
  lora: { lora: { rank: match, arm: s, rslora: true } }
  both: { train: [layers 0-1, norms, head], lora: { rank: 4, targets: [q_proj, v_proj], layers: [10, 11, 12] } }
  full: { train: [all] }
  s_chat: { from: s, train: [all], training: { tokens: 1000000, micro_batch: 2 } }
seeds: [1, 2]`;

const known = facts({
  contents: {
    text: corpus('text', { documents: 1200, tokens: 84_123 }),
    other: corpus('other', { documents: 48_210, tokens: 1_204_000, exact: false, holdoutDocuments: 2537 }),
  },
  tasks: { recall: { files: ['/data/recall.jsonl'] } },
  taskContents: { recall: { hashes: ['1'], tokens: 25_000, documents: 200 } },
  machine: {
    memory: 2 ** 34,
    threads: 2,
    speed: {
      flopsPerSecond: 1e9,
      node: 1e-5,
      kinds: { Add: 1e-10, 'matrix product': 1e-11 },
      optimizer: 1e-9,
      sum: 1e-9,
    },
  },
});
const planned = plan(written, { known, training: 'steps: 128, replay: { corpus: other, share: 0.25 }' });
const states = new Map(planned.runs.slice(1, 3).map((run, i) => [run.id, ['finished', 'resumable (canceled)'][i]!]));

/** Golden text: STRATA_GOLDEN=1 writes it anew, to be read before it is committed. */
test('a plan at 80 columns', async () => {
  const golden = join(import.meta.dirname, 'plan.golden.txt');
  const text = `${planText(planned, { columns: 80, states, tensors: false })}\n`;
  if (process.env['STRATA_GOLDEN']) await writeFile(golden, text);
  assert.equal(text, await readFile(golden, 'utf8'));
});

test('lines fit their width, narrow or wide', () => {
  for (const columns of [60, 80, 100])
    for (const line of planText(planned, { columns, states, tensors: false }).split('\n'))
      assert.ok([...line].length <= columns, line);
});

test('--tensors lists every trained tensor of each arm', () => {
  const lines = planText(planned, { columns: 80, states, tensors: true }).split('\n');
  for (const name of planned.arms.find((a) => a.name === 's')?.trained ?? [])
    assert.ok(
      lines.some((line) => line.endsWith(name)),
      name,
    );
});

test('as JSON: everything by name, in snake_case, with the state of each run', () => {
  const json = JSON.parse(JSON.stringify(planJson(planned, states)));
  assert.deepEqual(json.arms.find((a: { name: string }) => a.name === 's').trained, planned.arms[1]?.trained);
  assert.equal(json.arms[1].trained_parameters, 23328);
  assert.deepEqual(json.arms[1].layers[2], {
    now: 2,
    kind: 'new',
    after: 1,
    ordinal: 1,
    label: '1+',
    init: 'average',
    sources: [1, 2],
    identity: true,
  });
  assert.deepEqual(
    json.runs.slice(0, 3).map((run: { arm: string; state: string }) => [run.arm, run.state]),
    [
      ['base', 'new'],
      ['s', 'finished'],
      ['s', 'resumable (canceled)'],
    ],
  );
});
