import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import esbuild from 'esbuild';
import { mended } from '../../../scripts/mended.mjs';
import { root, temporaryFolder } from '../../support.ts';

const fixtures = join(root, 'test/unit/data/fixtures');

/** What a bundle, as programs are built, says of a Parquet file: the number of its records, or the message. */
async function readBundled(file: string): Promise<string> {
  const outfile = join(await temporaryFolder(), 'read.mjs');
  const contents = `
    import { readRecordFile } from './src/data/records.ts';
    import { attempt } from './src/base/problem.ts';
    const read = await attempt(() => readRecordFile(process.argv[2]));
    console.log(read.ok ? read.value.length : read.problem.message);`;
  await esbuild.build({
    stdin: { contents, resolveDir: root, loader: 'ts' },
    outfile,
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    plugins: [mended],
  });
  const { stdout } = await promisify(execFile)(process.execPath, [outfile, file], { timeout: 30_000 });
  return stdout.trim();
}

test('a page whose header gives no size is refused, which the library alone reads for ever; whole files are read', async () => {
  const said = await readBundled(join(fixtures, 'page-without-size.parquet'));
  assert.equal(said, 'The Parquet file cannot be read: a page without a size.');
  for (const name of ['brotli', 'gzip', 'snappy'])
    assert.equal(await readBundled(join(fixtures, `${name}.parquet`)), '2', name);
});
