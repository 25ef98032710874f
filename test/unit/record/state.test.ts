import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Liveness } from '../../../src/record/platform.ts';
import { type AttemptFacts, deriveState, heartbeatLimit, type Outcome, states } from '../../../src/record/state.ts';
import type { RunState } from '../../../src/record/types.ts';

const nothing: AttemptFacts = {
  cancelAsked: false,
  claimed: false,
  started: false,
  supervisor: 'dead',
  worker: 'dead',
  sameBoot: false,
};
const claimed: AttemptFacts = { ...nothing, claimed: true, supervisor: 'alive', sameBoot: true, host: 'here' };
const running: AttemptFacts = { ...claimed, started: true, worker: 'alive' };
const killed: AttemptFacts = { ...running, supervisor: 'dead', worker: 'dead' };
const elsewhere: AttemptFacts = { ...running, supervisor: 'unknown', worker: 'unknown', sameBoot: false, host: 'far' };

const table: [what: string, facts: AttemptFacts, state: RunState, reason?: RegExp][] = [
  ['nobody claimed it', nothing, 'waiting'],
  ['canceled while it waited', { ...nothing, cancelAsked: true }, 'canceled', /before it was started/],
  ['claimed, no worker yet', claimed, 'starting'],
  ['the worker runs', running, 'running'],
  ['cancel asked', { ...running, cancelAsked: true }, 'canceling'],
  ['the supervisor was killed, the worker goes on', { ...running, supervisor: 'dead' }, 'orphaned', /goes on/],
  ['both were killed', killed, 'lost', /killed/],
  ['both were killed, cancel was asked', { ...killed, cancelAsked: true }, 'canceled'],
  ['killed between claim and start', { ...claimed, supervisor: 'dead' }, 'lost', /interrupted/],
  ['the machine was restarted', { ...killed, sameBoot: false }, 'lost', /restarted/],
  ['the worker finished without a supervisor', { ...killed, result: { state: 'succeeded', time: 1 } }, 'succeeded'],
  [
    'the worker failed without a supervisor',
    { ...killed, result: { state: 'failed', problem: { code: 'nan', message: 'The loss is NaN.' }, time: 1 } },
    'failed',
    /The loss is NaN/,
  ],
  [
    'stopped at a checkpoint without a supervisor',
    { ...killed, result: { state: 'checkpointed', time: 1 } },
    'preempted',
  ],
  ['on another host, heard of', { ...elsewhere, heartbeatAge: 3000 }, 'running'],
  ['on another host, starting', { ...elsewhere, started: false, heartbeatAge: 3000 }, 'starting'],
  ['on another host, cancel asked', { ...elsewhere, heartbeatAge: 3000, cancelAsked: true }, 'canceling'],
  ['on another host, silent', { ...elsewhere, heartbeatAge: heartbeatLimit }, 'lost', /far/],
  ['on another host, never beat', elsewhere, 'lost', /far/],
];
for (const [what, facts, state, reason] of table) {
  test(`${what}: ${state}`, () => {
    const derived = deriveState(facts);
    assert.equal(derived.state, state);
    if (reason) assert.match(derived.reason ?? '', reason);
  });
}

const bools = [false, true];
const livenesses: Liveness[] = ['alive', 'dead', 'unknown'];
const outcomes: (Outcome | undefined)[] = [undefined, 'succeeded', 'failed', 'canceled', 'skipped', 'preempted'];
const results = [undefined, 'succeeded', 'failed', 'checkpointed'] as const;
function* everything(): Generator<AttemptFacts> {
  for (const outcome of outcomes)
    for (const result of results)
      for (const cancelAsked of bools)
        for (const claimed of bools)
          for (const started of bools)
            for (const supervisor of livenesses)
              for (const worker of livenesses)
                for (const sameBoot of bools)
                  for (const heartbeatAge of [undefined, 0, heartbeatLimit + 1])
                    yield {
                      ...(outcome && { exit: { outcome, by: 'supervisor' as const, time: 1 } }),
                      ...(result && { result: { state: result, time: 1 } }),
                      cancelAsked,
                      claimed,
                      started,
                      supervisor,
                      worker,
                      sameBoot,
                      ...(heartbeatAge !== undefined && { heartbeatAge }),
                    };
}

test('whatever the files say, there is one state, and these rules hold', () => {
  let count = 0;
  for (const f of everything()) {
    count++;
    const { state } = deriveState(f);
    const shown = JSON.stringify(f);
    if (f.exit) {
      assert.equal(state, f.exit.outcome, `an exit record is final: ${shown}`);
      continue;
    }
    if (!f.claimed) assert.equal(state, f.cancelAsked ? 'canceled' : 'waiting', `nobody runs it: ${shown}`);
    if (f.claimed && f.supervisor === 'alive')
      assert.ok(states[state].active, `a live supervisor decides later: ${shown}`);
    if (f.claimed && f.supervisor === 'dead' && f.worker === 'alive')
      assert.equal(state, 'orphaned', `a live worker is never said to be over: ${shown}`);
    if (state === 'succeeded') assert.equal(f.result?.state, 'succeeded', `success needs a verdict: ${shown}`);
    if (state === 'skipped') assert.fail(`only an exit record skips: ${shown}`);
    if (state === 'lost') assert.ok(f.claimed && !f.result && !f.cancelAsked && f.supervisor !== 'alive', shown);
  }
  assert.equal(count, 6 * 4 * 8 * 9 * 2 * 3);
});
