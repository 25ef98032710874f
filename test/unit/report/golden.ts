import assert from 'node:assert/strict';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const folder = join(dirname(fileURLToPath(import.meta.url)), 'golden');

/** Holds a text against the file beside the tests; `UPDATE_GOLDEN=1` writes it anew, for a person to read in the diff. */
export function assertGolden(name: string, text: string): void {
  const path = join(folder, name);
  if (process.env['UPDATE_GOLDEN'] === '1') writeFileSync(path, text);
  assert.ok(existsSync(path), `${name} does not exist; UPDATE_GOLDEN=1 writes it`);
  assert.equal(text, readFileSync(path, 'utf8'));
}
