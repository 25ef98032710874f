import assert from 'node:assert/strict';
import { test } from 'node:test';
import { initialView, parseToHost, parseToPanel, readView } from '../../../src/protocol/panel.ts';
import { compare } from '../../../src/report/comparison.ts';
import { makeWorld } from '../report/world.ts';

const comparison = compare(makeWorld([1]), { resamples: 100 });
const state = {
  source: { kind: 'experiment', file: '/x.strata.yaml' },
  title: 'X',
  choice: {},
  comparison,
  runs: [],
  notices: [],
};

test('what the host sends is known', () => {
  assert.deepEqual(parseToPanel({ type: 'state', state }), { type: 'state', state });
  assert.ok(parseToPanel({ type: 'view', view: initialView }));
  assert.ok(
    parseToPanel({ type: 'state', state: { ...state, comparison: undefined, problem: { code: 'x', message: 'y' } } }),
  );
});

const refusedByPanel: unknown[] = [
  undefined,
  'state',
  { type: 'state' },
  { type: 'constructor' },
  { type: '__proto__', state },
  { type: 'state', state: { ...state, comparison: {} } },
  { type: 'state', state: { ...state, source: { kind: 'runs', folders: 'x' } } },
  { type: 'view', view: { ...initialView, zoom: { a: { x: [2, 1] } } } },
];
test('the panel refuses everything else', () => {
  for (const message of refusedByPanel) assert.equal(parseToPanel(message), undefined, JSON.stringify(message));
});

test('what the panel sends is known', () => {
  for (const message of [
    { type: 'ready', restored: false },
    { type: 'choose', choice: { baseline: 's' } },
    { type: 'save', format: 'png', name: 'x', content: '' },
    { type: 'saveView', view: initialView },
    { type: 'retry' },
  ])
    assert.deepEqual(parseToHost(message), message);
});

const refusedByHost: unknown[] = [
  null,
  { type: 'ready' },
  { type: 'save', format: 'exe', name: 'x', content: '' },
  { type: 'export', format: '../x' },
  { type: 'choose', choice: { baseline: 1 } },
  { type: 'showLog', folder: ['x'] },
  { type: 'toString' },
];
test('the host refuses everything else', () => {
  for (const message of refusedByHost) assert.equal(parseToHost(message), undefined, JSON.stringify(message));
});

test('of a view from elsewhere, what makes sense is kept', () => {
  assert.deepEqual(readView({ filter: 'lora', smoothing: 7, hidden: 'all', sort: { column: 'arm' }, extra: 1 }), {
    ...initialView,
    filter: 'lora',
  });
  assert.deepEqual(readView(undefined), initialView);
});
