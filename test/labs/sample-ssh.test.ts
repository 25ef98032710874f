import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { cp, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { stringify } from 'yaml';
import { sha256File } from '../../src/base/hash.ts';
import { layout } from '../../src/record/layout.ts';
import type { Scores } from '../../src/record/types.ts';
import { lab, needsSshd } from '../launch/ssh/lab.ts';
import { root, temporaryFolder } from '../support.ts';

const run = promisify(execFile);

interface Report {
  runs: { id: string; arm: string; state: string; reason?: string; folder: string }[];
}

/** Runs the sample experiment with these options, as a person does. */
async function strata(folder: string, ...options: string[]): Promise<Report> {
  const { stdout } = await run(
    process.execPath,
    [
      join(root, 'dist/strata.mjs'),
      'run',
      join(folder, 'shallow-vs-rivals.strata.yaml'),
      '--threads',
      '1',
      '--json',
      ...options,
    ],
    { cwd: folder, maxBuffer: 1 << 28 },
  );
  return JSON.parse(stdout) as Report;
}

/** Weights of a run by file name. */
async function weights(folder: string): Promise<Record<string, string>> {
  const model = join(folder, layout.model);
  if (!existsSync(model)) return {};
  const names = readdirSync(model)
    .filter((name) => name.endsWith('.safetensors'))
    .sort();
  return Object.fromEntries(await Promise.all(names.map(async (name) => [name, await sha256File(join(model, name))])));
}

const json = <T>(folder: string, name: string): T => JSON.parse(readFileSync(join(folder, name), 'utf8')) as T;

test(
  'the sample on a host without Node: same scores and the same weights, bit for bit, as here',
  needsSshd,
  async (t) => {
    const host = await lab({ profile: 'echo noise\n' });
    const folder = await temporaryFolder();
    for (const name of ['base', 'data', 'shallow-vs-rivals.strata.yaml'])
      await cp(join(root, 'samples', name), join(folder, name), { recursive: true });
    await mkdir(join(host.folder, 'config', 'strata'), { recursive: true });
    await writeFile(join(host.folder, 'config', 'strata', 'config.yaml'), stringify(host.settings));

    const there = await strata(folder, '--on', `ssh:${host.alias}`);
    assert.deepEqual(
      there.runs.map(({ arm, state, reason }) => [arm, state, reason]).filter(([, state]) => state !== 'succeeded'),
      [],
    );
    const here = await strata(folder, '--on', 'local', '--fresh');
    assert.equal(here.runs.length, there.runs.length);
    let compared = 0;
    for (const local of here.runs) {
      const remote = there.runs.find(({ arm }) => arm === local.arm)!;
      assert.notEqual(remote.folder, local.folder);
      if (existsSync(join(local.folder, layout.scores)))
        assert.deepEqual(
          json<Scores>(remote.folder, layout.scores),
          json<Scores>(local.folder, layout.scores),
          local.arm,
        );
      if (!existsSync(join(local.folder, layout.tensors))) continue;
      // Hashes of every tensor, re-read from disk at the end by the run itself.
      assert.deepEqual(json(remote.folder, layout.tensors), json(local.folder, layout.tensors), local.arm);
      const fetched = await weights(join(host.home, '.local/share/strata/runs', remote.id));
      assert.deepEqual(fetched, await weights(local.folder), local.arm);
      compared += Object.keys(fetched).length;
    }
    assert.ok(compared >= 5, `${compared} files of weights were compared`);
    t.diagnostic(`${here.runs.length} runs, ${compared} files of weights identical`);
  },
);
