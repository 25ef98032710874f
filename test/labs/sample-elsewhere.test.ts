import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { cp, mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { stringify } from 'yaml';
import { sha256File } from '../../src/base/hash.ts';
import { layout } from '../../src/record/layout.ts';
import { needsSlurm, type SlurmLab, slurmLab } from '../launch/slurm/lab.ts';
import { lab, needsSshd } from '../launch/ssh/lab.ts';
import { root, temporaryFolder } from '../support.ts';

/*
 * The sample experiment elsewhere: same scores and the same weights, bit for bit, as here.
 */

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

/** The sample in a folder of its own; returns the folder. */
async function sample(): Promise<string> {
  const folder = await temporaryFolder();
  for (const name of ['base', 'data', 'shallow-vs-rivals.strata.yaml'])
    await cp(join(root, 'samples', name), join(folder, name), { recursive: true });
  return folder;
}

const slurm = needsSlurm.skip === false ? await slurmLab() : ({} as SlurmLab);
// Made here: what a test makes is removed with it.
const localFolder = await sample();
let local: Promise<Report> | undefined;
const here = () => {
  local ??= strata(localFolder, '--on', 'local', '--fresh');
  return local;
};

/** Holds runs against those of this machine. `folderOf`: where a run lives. Returns how many files of weights were compared. */
async function same(runs: Report['runs'], folderOf: (id: string) => string): Promise<number> {
  const reasons = runs.filter(({ state }) => state !== 'succeeded').map(({ arm, reason }) => `${arm}: ${reason}`);
  assert.deepEqual(reasons, []);
  const { runs: ours } = await here();
  assert.equal(ours.length, runs.length);
  let compared = 0;
  for (const one of ours) {
    const other = runs.find(({ arm }) => arm === one.arm)!;
    assert.notEqual(other.folder, one.folder);
    // Hashes of every tensor, re-read from disk at the end by the run itself.
    for (const name of [layout.scores, layout.tensors, layout.importance])
      if (existsSync(join(one.folder, name)))
        assert.deepEqual(json<object>(other.folder, name), json<object>(one.folder, name), `${one.arm}: ${name}`);
    const own = await weights(one.folder);
    assert.deepEqual(await weights(folderOf(other.id)), own, one.arm);
    compared += Object.keys(own).length;
  }
  assert.ok(compared >= 5, `${compared} files of weights were compared`);
  return compared;
}

/** A host without Node on its PATH and with a profile that prints, in the settings of this test. Returns its alias and its runs. */
async function host(setup: string[] = []): Promise<{ alias: string; data: string }> {
  const there = await lab({ profile: 'echo noise\n' });
  const config = join(there.folder, 'config', 'strata');
  await mkdir(config, { recursive: true });
  const settings = { ...there.settings, hosts: { [there.alias]: { setup } } };
  await writeFile(join(config, 'config.yaml'), stringify(settings));
  return { alias: there.alias, data: join(there.home, '.local/share/strata') };
}

/** Arrays of a folder with runs, by how many tasks they have. */
async function arrays(strataFolder: string): Promise<number[]> {
  const names = (await readdir(join(strataFolder, 'slurm'))).filter((name) => name !== 'post');
  for (const name of names) assert.match(name, /^shallow-vs-rivals-[0-9a-f]{10}$/);
  return names.map((name) => json<{ tasks: unknown[] }>(join(strataFolder, 'slurm', name), 'array.json').tasks.length);
}

test('the sample on a host without Node', needsSshd, async (t) => {
  const { alias, data } = await host();
  const { runs } = await strata(await sample(), '--on', `ssh:${alias}`);
  const compared = await same(runs, (id) => join(data, 'runs', id));
  t.diagnostic(`${runs.length} runs, ${compared} files of weights identical`);
});

test('the sample on Slurm, as an array', needsSlurm, async (t) => {
  const folder = await sample();
  const { runs } = await strata(folder, '--on', 'slurm');
  const compared = await same(runs, (id) => join(folder, '.strata', 'runs', id));
  assert.deepEqual(await arrays(join(folder, '.strata')), [runs.length]);
  t.diagnostic(`${runs.length} runs of one array, ${compared} files of weights identical`);
});

const needsBoth = needsSshd.skip === false ? needsSlurm : needsSshd;
test('the sample on Slurm behind a login node without Node', needsBoth, async (t) => {
  const { alias, data } = await host([`export SLURM_CONF=${join(slurm.folder, 'slurm.conf')}`]);
  const { runs } = await strata(await sample(), '--on', `slurm:${alias}`);
  const compared = await same(runs, (id) => join(data, 'runs', id));
  assert.deepEqual(await arrays(data), [runs.length]);
  t.diagnostic(`${runs.length} runs of one array, ${compared} files of weights identical`);
});
