import assert from 'node:assert/strict';
import { test } from 'node:test';
import { probe } from '../../src/engine/probe.ts';

test('the speed of a machine is a plausible number, and scoring is not slower by an order of magnitude', async () => {
  const { training, scoring } = await probe(1);
  for (const speed of [training, scoring]) assert.ok(speed > 1e8 && speed < 1e14, `${speed} FLOP/s`);
  assert.ok(scoring > training / 10);
});
