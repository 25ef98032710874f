import assert from 'node:assert/strict';
import { test } from 'node:test';
import { assemble } from '../../../scripts/kernels.mjs';
import { kernelsBase64 } from '../../../src/engine/kernels.ts';

test('kernels.ts is what kernels.wat assembles to', async () => {
  assert.equal(kernelsBase64, await assemble(), 'run `node scripts/kernels.mjs`');
});
