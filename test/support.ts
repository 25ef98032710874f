import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after } from 'node:test';
import { fileURLToPath } from 'node:url';

/** The project's folder, also from a bundle of the suite in `dist/test`. */
export const root: string = (() => {
  let folder = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(folder, 'tsconfig.json'))) folder = dirname(folder);
  return folder;
})();
const sharedRoot = join(root, '..', 'shared');

/** Parts that must be there: named in STRATA_REQUIRE, a missing one fails instead of being skipped. */
const required = new Set((process.env['STRATA_REQUIRE'] ?? '').split(',').filter(Boolean));

/**
 * `{ skip }` for node:test: false if `there`, else the reason; throws if the part is required.
 * Use as `test('…', needs('shared', existsSync(x), 'no ../shared'), () => …)`.
 */
export function needs(part: string, there: boolean, reason: string): { skip: string | false } {
  if (there) return { skip: false };
  if (required.has(part)) throw new Error(`STRATA_REQUIRE names ${part}, but: ${reason}`);
  return { skip: reason };
}

/** Options for a test that uses reference data beside the project. */
export const needsShared = needs('shared', existsSync(sharedRoot), 'the reference data (../shared) is not here');

/** A path in the reference data: `data('reference/tiny-llama')`. */
export function data(path: string): string {
  return join(sharedRoot, 'data', path);
}

/** A temporary folder that is removed after the tests of this file. */
export async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'strata-test-'));
  after(() => rm(folder, { recursive: true, force: true }));
  return folder;
}
