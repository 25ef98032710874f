import assert from 'node:assert/strict';
import { test } from 'node:test';
import { endings, endingWords } from '../../../src/extension/runs/endings.ts';
import { progressOf, type RunEntry } from '../../../src/extension/runs/entry.ts';
import { type RunNode, RunTree } from '../../../src/extension/runs/tree.ts';
import { states } from '../../../src/record/state.ts';
import { entry } from './runs-world.ts';

function treeOf(...changed: RunEntry[]): RunTree {
  const tree = new RunTree();
  tree.update({ changed, removed: [] });
  return tree;
}

/** The whole tree as indented lines. */
function lines(tree: RunTree, nodes: RunNode[] = tree.roots(), depth = 0): string[] {
  return nodes.flatMap((node) => [
    `${'  '.repeat(depth)}${node.label}: ${node.description}`,
    ...lines(tree, tree.children(node), depth + 1),
  ]);
}

test('experiments, their arms in the order of the file, and seeds where there are several', () => {
  const tree = treeOf(
    entry({ id: 's-2', seed: 2, order: 2, state: 'running' }),
    entry({ id: 's-1', order: 1, values: [{ task: 'recall', metric: 'acc', value: 0.71 }] }),
    entry({ id: 'base', arm: 'base', seed: undefined, order: 0 }),
    entry({ id: 'lora', arm: 'lora', order: 3, state: 'waiting' }),
    entry({
      id: 'old',
      experiment: { file: '/x/old.strata.yaml', stem: 'old' },
      asked: 1,
      state: 'failed',
      reason: 'No.',
    }),
  );
  assert.deepEqual(lines(tree), [
    'demo: 2 of 4 done, 1 running, 1 waiting',
    '  base: done',
    '  s: 1 of 2 done, 1 running',
    '    seed 1: done · recall 0.710',
    '    seed 2: running',
    '  lora, seed 1: waiting',
    'old: 0 of 1 done, 1 failed',
    '  s, seed 1: failed · No.',
  ]);
});

test('a run at work says how far it is, how fast, how long still, and its loss', () => {
  const progress = {
    label: 'training',
    share: 0.456,
    rate: 12_345,
    remaining: 130,
    step: { done: 45, total: 100, loss: 1.2345 },
  };
  const [, row] = lines(treeOf(entry({ id: 'a', state: 'running', progress })));
  assert.equal(row, '  s, seed 1: running · 45 % · 12.3 k tokens/s · 2 min left · loss 1.23');
});

test('of runs with the same arm and seed all but the newest are older', () => {
  const tree = treeOf(entry({ id: 'a', asked: 1 }), entry({ id: 'b', asked: 2 }));
  assert.deepEqual(lines(tree).slice(1), ['  s: 2 done', '    seed 1: done', '    seed 1: done, older']);
});

test('each state has an icon and a word, and what can be done with it', () => {
  const can = (state: RunEntry['state']) =>
    treeOf(entry({ id: 'a', state })).children(treeOf(entry({ id: 'a', state })).roots()[0]!)[0]!;
  for (const [state, { ended, word }] of Object.entries(states)) {
    const node = can(state as RunEntry['state']);
    assert.ok(node.description.startsWith(word), state);
    assert.ok(node.spoken.includes(word), state);
    assert.equal(node.context.includes('cancelable'), !ended, state);
    assert.equal(node.context.includes('removable'), state === 'waiting' || ended, state);
  }
  assert.match(can('canceled').context, /resumable/);
  assert.doesNotMatch(can('succeeded').context, /resumable/);
});

test('a run that only goes on is one row to draw again; a new state also its experiment; a new run everything', () => {
  const tree = treeOf(entry({ id: 'a', state: 'running' }), entry({ id: 'b', seed: 2 }));
  const going = entry({ id: 'a', state: 'running', progress: { label: 'training', share: 0.5 } });
  assert.deepEqual(tree.update({ changed: [going], removed: [] }), [going.folder]);
  assert.deepEqual(tree.update({ changed: [entry({ id: 'a' })], removed: [] }), ['/x/demo.strata.yaml']);
  assert.equal(tree.update({ changed: [entry({ id: 'c', seed: 3 })], removed: [] }), undefined);
  assert.equal(tree.update({ changed: [], removed: [going.folder] }), undefined);
  assert.deepEqual(lines(tree), ['demo: 2 done', '  s: 2 done', '    seed 2: done', '    seed 3: done']);
});

test('keys lead back to rows, and rows to their parents', () => {
  const tree = treeOf(entry({ id: 'a' }), entry({ id: 'b', seed: 2 }), entry({ id: 'c', arm: 'lora', order: 1 }));
  const [experiment] = tree.roots();
  for (const arm of tree.children(experiment!)) {
    assert.equal(tree.node(arm.key)?.label, arm.label);
    assert.equal(tree.parent(arm)?.key, experiment!.key);
    for (const run of tree.children(arm)) {
      assert.equal(tree.node(run.key)?.label, run.label);
      assert.equal(tree.parent(run)?.key, arm.key);
    }
  }
});

test('what cannot be read as a run stands at the end with the reason', () => {
  const tree = new RunTree();
  tree.update({ changed: [{ id: 'x', folder: '/x/x', damaged: 'torn' }, entry({ id: 'a' })], removed: [] });
  assert.deepEqual(lines(tree), ['demo: 1 done', '  s, seed 1: done', 'x: cannot be read']);
});

test('progress: training by steps, other work by what its event counts', () => {
  const step = { step: 25, tokens: 0, loss: 2, grad_norm: 1, lr: 1, tokens_per_second: 100, wall: 1 };
  const training = { batch: 2, sequence: 10 };
  const steps = { time: 0, type: 'progress', stage: 'train', label: 'steps', done: 0, total: 100 } as const;
  assert.deepEqual(progressOf({ current: steps, step, steps: 100 }, training), {
    label: 'training',
    share: 0.25,
    rate: 100,
    remaining: (75 * 20) / 100,
    step: { done: 25, total: 100, loss: 2 },
  });
  const task = { ...steps, stage: 'evaluate', label: 'recall', done: 5, total: 20 } as const;
  assert.deepEqual(progressOf({ current: task, steps: 0 }, undefined), { label: 'recall', share: 0.25 });
  assert.deepEqual(progressOf({ steps: 100 }, training), { label: 'training' });
});

test('an experiment has ended when none of its runs waits or works; this is told once', () => {
  const going = [entry({ id: 'a', state: 'running' }), entry({ id: 'b', seed: 2, state: 'waiting' })];
  const first = endings({}, going);
  assert.deepEqual(first.ended, []);
  const half = endings(first.going, [entry({ id: 'a' }), going[1]!]);
  assert.deepEqual(half.ended, []);
  const all = [entry({ id: 'a' }), entry({ id: 'b', seed: 2, state: 'failed' }), entry({ id: 'c', seed: 3 })];
  const last = endings(half.going, all);
  assert.deepEqual(last.ended.map(endingWords), ['1 done, 1 failed']);
  assert.deepEqual(last.going, {});
  assert.deepEqual(endings(last.going, all).ended, []);
});

test('an experiment that ended while no window was open is told by the next one', () => {
  const { going } = endings({}, [entry({ id: 'a', state: 'running' })]);
  const remembered = JSON.parse(JSON.stringify(going));
  assert.equal(endings(remembered, [entry({ id: 'a' })]).ended.length, 1);
});

test('an experiment whose runs were all removed ends in silence', () => {
  const { going } = endings({}, [entry({ id: 'a', state: 'waiting' })]);
  assert.deepEqual(endings(going, []), { ended: [], going: {} });
});
