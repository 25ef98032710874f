import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { listMissing } from '../../src/launch/missing.ts';
import { nextMoves, type QueueEntry } from '../../src/launch/queue.ts';
import { judge } from '../../src/launch/supervisor.ts';
import { states } from '../../src/record/state.ts';
import type { RunState } from '../../src/record/types.ts';

const entry = (id: string, state: RunState, asked: number, parent?: string): QueueEntry => ({
  id,
  state,
  asked,
  order: 0,
  ...(parent !== undefined && { parent }),
});

test('waiting runs start in the order they were asked for, as many as may run', () => {
  const queue = [
    entry('c', 'waiting', 3),
    entry('a', 'running', 1),
    entry('b', 'waiting', 2),
    entry('d', 'waiting', 4),
  ];
  assert.deepEqual(nextMoves(queue, 1).start, []);
  assert.deepEqual(nextMoves(queue, 2).start, ['b']);
  assert.deepEqual(nextMoves(queue, 9).start, ['b', 'c', 'd']);
  assert.equal(nextMoves(queue, 9).idle, false);
  assert.equal(nextMoves([entry('a', 'running', 1), entry('b', 'failed', 2)], 1).idle, true);
});

test('a child waits for its parent and does not hold up others', () => {
  const queue = [entry('child', 'waiting', 1, 'parent'), entry('other', 'waiting', 2), entry('parent', 'running', 0)];
  assert.deepEqual(nextMoves(queue, 3).start, ['other']);
  queue[2] = entry('parent', 'succeeded', 0);
  assert.deepEqual(nextMoves(queue, 3).start, ['child', 'other']);
});

test('children of what did not succeed are skipped, in chains, whatever the order', () => {
  const queue = [
    entry('grandchild', 'waiting', 1, 'child'),
    entry('child', 'waiting', 2, 'parent'),
    entry('parent', 'lost', 3),
  ];
  const moves = nextMoves(queue, 1);
  assert.deepEqual(
    moves.skip.map((s) => s.id),
    ['child', 'grandchild'],
  );
  assert.equal(moves.skip[0]!.reason, 'Its parent parent is lost.');
  assert.equal(moves.idle, true);
  assert.match(nextMoves([entry('child', 'waiting', 1, 'gone')], 1).skip[0]!.reason, /gone is not here/);
});

test('whatever the queue: never more than jobs, never a child before its parent, and it comes to an end', () => {
  const anyState = fc.constantFrom(...(Object.keys(states) as RunState[]));
  const anyQueue = fc.array(
    fc.record({ state: anyState, asked: fc.nat(5), parent: fc.option(fc.nat(7), { nil: undefined }) }),
    {
      maxLength: 8,
    },
  );
  fc.assert(
    fc.property(anyQueue, fc.integer({ min: 1, max: 4 }), (runs, jobs) => {
      // Parents have lower numbers, as in a plan.
      const queue = runs.map((r, i) =>
        entry(`r${i}`, r.state, r.asked, r.parent !== undefined && r.parent < i ? `r${r.parent}` : undefined),
      );
      for (let round = 0; round <= 2 * queue.length; round++) {
        const moves = nextMoves(queue, jobs);
        const active = queue.filter((e) => states[e.state].active).length;
        assert.ok(moves.start.length <= Math.max(0, jobs - active));
        const byId = new Map(queue.map((e) => [e.id, e]));
        for (const id of moves.start) {
          const e = byId.get(id)!;
          assert.ok(e.parent === undefined || byId.get(e.parent)!.state === 'succeeded');
        }
        for (const { id } of moves.skip) byId.get(id)!.state = 'skipped';
        for (const id of moves.start) byId.get(id)!.state = 'running';
        // What cannot be reached now is heard of again some day; until then its children wait.
        const runner = queue.find((e) => states[e.state].active || e.state === 'unreachable');
        if (runner) runner.state = 'succeeded';
        else if (moves.idle) return;
      }
      assert.equal(nextMoves(queue, jobs).idle, true);
    }),
  );
});

test('how an attempt ended, from its worker', () => {
  const of = (...args: Parameters<typeof judge>) => judge(...args).outcome;
  assert.equal(of(0, null, undefined, {}), 'succeeded');
  assert.equal(of(0, null, 'canceled', {}), 'succeeded', 'it was ready before the cancel reached it');
  assert.equal(of(143, null, 'canceled', {}), 'canceled');
  assert.equal(of(null, 'SIGKILL', 'canceled', {}), 'canceled');
  assert.equal(of(75, null, undefined, {}), 'preempted');
  assert.equal(of(143, null, undefined, {}), 'preempted');
  assert.equal(judge(1, null, undefined, { problem: 'The loss is NaN.' }).reason, 'The loss is NaN.');
  assert.match(judge(null, 'SIGKILL', undefined, {}).reason ?? '', /out of memory/);
  assert.match(judge(null, 'SIGBUS', undefined, {}).reason ?? '', /base model was overwritten/);
  assert.match(judge(74, null, undefined, { lastLine: 'torn' }).reason ?? '', /no space is left.*Free some space/);
  assert.match(judge(7, null, undefined, { lastLine: 'boom' }).reason ?? '', /exit code 7: boom/);
});

test('only missing stages are asked for', () => {
  const task = (name: string, hash: string) => ({ name, hash });
  const trained = { training: {} as never };
  const nothing = { start: false, tensors: false, evaluated: {} };
  assert.deepEqual(listMissing(nothing, trained, []), ['surgery', 'train', 'evaluate']);
  assert.deepEqual(listMissing({ ...nothing, start: true }, trained, []), ['train', 'evaluate']);
  assert.deepEqual(listMissing({ ...nothing, start: true }, {}, []), ['evaluate']);
  const done = { start: true, tensors: true, evaluated: { a: '1' } };
  assert.deepEqual(listMissing(done, trained, [task('a', '1')]), []);
  assert.deepEqual(listMissing(done, trained, [task('a', '2')]), ['evaluate'], 'changed under its name');
  assert.deepEqual(listMissing(done, trained, [task('a', '1'), task('b', '1')]), ['evaluate'], 'new');
});
