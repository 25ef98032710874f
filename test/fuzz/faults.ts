import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fail } from '../../src/base/problem.ts';
import { type Reader, writeAll } from './reader.ts';

const file = 'x.json';
const whole = '{"a":1}';

/** A reader that does wrong as soon as the file is not whole. */
const faulty = (name: string, wrong: (path: string) => unknown): Reader => ({
  name,
  seed: (folder) => writeAll(folder, { [file]: whole }),
  targets: [{ file, format: 'json' }],
  async read(folder) {
    const path = join(folder, file);
    if ((await readFile(path, 'utf8')) !== whole) await wrong(path);
  },
});

let kept: Buffer | undefined;

/** Readers with the faults that the fuzzer is there to find, so that it is seen to find them. */
export const faults: readonly Reader[] = [
  faulty('faulty-throws', () => {
    throw new TypeError('x is not a function');
  }),
  faulty('faulty-says-nothing', (path) => fail('invalid-x', 'It is wrong.', { place: path })),
  faulty('faulty-hangs', () => {
    for (;;);
  }),
  faulty('faulty-waits', () => new Promise(() => setInterval(() => {}, 1000))),
  faulty('faulty-hungry', (path) => {
    kept = Buffer.alloc(100 * 2 ** 20, 1);
    fail('invalid-x', `It is wrong, ${kept.length}.`, { place: path, remedy: 'Mend it.' });
  }),
  faulty('faulty-starved', () => {
    const all: unknown[] = [];
    for (;;) all.push({ all });
  }),
  faulty('faulty-dies', () => process.kill(process.pid, 'SIGKILL')),
];
