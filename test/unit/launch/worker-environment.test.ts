import assert from 'node:assert/strict';
import { test } from 'node:test';
import { workerEnvironment } from '../../../src/launch/worker-environment.ts';

test('a worker asks for large pages, beside what else is set', () => {
  assert.deepEqual(workerEnvironment({ PATH: '/bin' }), {
    PATH: '/bin',
    GLIBC_TUNABLES: 'glibc.malloc.hugetlb=1',
  });
  const { GLIBC_TUNABLES: tunables } = workerEnvironment({ GLIBC_TUNABLES: 'glibc.malloc.arena_max=2' });
  assert.equal(tunables, 'glibc.malloc.arena_max=2:glibc.malloc.hugetlb=1');
});

test('what the user says of large pages holds', () => {
  const own = { GLIBC_TUNABLES: 'glibc.malloc.hugetlb=0' };
  assert.deepEqual(workerEnvironment(own), own);
});
