import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createOnce, exists, privateFolder } from '../../base/files.ts';
import { canonicalJson, sha256 } from '../../base/hash.ts';
import { attempt, Failure, fail } from '../../base/problem.ts';
import { type Home, layout } from '../../record/layout.ts';
import { readRecord } from '../../record/snapshot.ts';
import type { Run } from '../../record/types.ts';
import type { Program } from '../program.ts';
import { slurm } from './client.ts';
import { type Binding, submitArguments } from './jobs.ts';
import { checkSlurm, type SlurmOptions } from './options.ts';
import { jobScript, setupFile } from './script.ts';

/*
 * `.strata/slurm/<name>/` holds an array: `array.json` (what was asked for), `job` (the number that Slurm gave it), `released`, and
 * what its script reads. Each step can be repeated: an array that a killed process left half-way is gone on with.
 */

export interface ArrayRecord {
  name: string;
  /** By index. */
  tasks: { run: string; attempt: number }[];
  options: SlurmOptions;
  after?: string;
}

export const arraysFolder = (home: Home): string => join(home.folder, 'slurm');

export const readBinding = (folder: string, n: number) => readRecord<Binding>(folder, layout.slurm(n));

/** `<experiment>-<hash>`: the same runs, asked for at the same time, are the same array; `round` counts submissions. Pure. */
export function arrayName(home: Home, runs: readonly Run[], options: SlurmOptions, round: number): string {
  const [first] = runs;
  const stem = first!.request.experiment.stem.replace(/[^A-Za-z0-9._-]+/g, '-').replace(/^[^A-Za-z0-9]+/, '');
  const what = runs.map(({ id, request }) => [id, request.attempt, request.asked]);
  const hash = sha256(canonicalJson({ folder: home.folder, what, options, round })).slice(0, 10);
  return `${stem.slice(0, 40) || 'strata'}-${hash}`;
}

/** Writes down an array of these runs. `task` is the command line of its tasks. */
export async function describeArray(
  home: Home,
  runs: readonly Run[],
  options: SlurmOptions,
  task: Program,
  after?: string,
): Promise<void> {
  const arrays = await privateFolder(arraysFolder(home));
  const { name, folder } = await freshName(home, arrays, runs, options);
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const words = [...(options.container ?? []), ...task, folder];
  if (words.some((word) => /[\n\0]/.test(word))) {
    fail('invalid-slurm', 'A path with a line break in it cannot be used on a cluster.', { place: folder });
  }
  await writeFile(join(folder, 'command'), words.map((word) => `${word}\n`).join(''), { mode: 0o600 });
  await writeFile(join(folder, 'setup'), setupFile(options.modules, options.setup), { mode: 0o600 });
  const record: ArrayRecord = {
    name,
    tasks: runs.map(({ id, attempts }) => ({ run: id, attempt: attempts - 1 })),
    options,
    ...(after !== undefined && { after }),
  };
  // Last: without it there is no array.
  await createOnce(join(folder, 'array.json'), JSON.stringify(record));
}

/** Runs whose job ended before they had begun are submitted anew, under another name. */
async function freshName(home: Home, arrays: string, runs: readonly Run[], options: SlurmOptions) {
  for (let round = 0; ; round++) {
    const name = arrayName(home, runs, options, round);
    const folder = join(arrays, name);
    if (!(await exists(join(folder, 'released')))) return { name, folder };
  }
}

export async function readArray(folder: string): Promise<ArrayRecord | undefined> {
  const text = await readFile(join(folder, 'array.json'), 'utf8').catch(() => undefined);
  return text === undefined ? undefined : (JSON.parse(text) as ArrayRecord);
}

/** The number that Slurm gave the array; undefined before it was submitted. */
export async function jobOf(folder: string): Promise<string | undefined> {
  return readFile(join(folder, 'job'), 'utf8').catch(() => undefined);
}

/** Folders of arrays that were described and not released. */
export async function unreleased(home: Home): Promise<string[]> {
  const found: string[] = [];
  for (const name of await readdir(arraysFolder(home)).catch(() => [] as string[])) {
    const folder = join(arraysFolder(home), name);
    if ((await exists(join(folder, 'array.json'))) && !(await exists(join(folder, 'released')))) found.push(folder);
  }
  return found.sort();
}

/**
 * Submits an array held, records its number, binds its runs, releases it. Whatever of that has happened is found and not done
 * again; of several submissions of which the answers were lost, the first counts. Fails as `slurm` does.
 */
export async function submitArray(home: Home, folder: string): Promise<void> {
  const array = (await readArray(folder))!;
  let job = await jobOf(folder);
  if (job === undefined) {
    job = (await submittedBefore(array.name)) ?? (await submitHeld(folder, array));
    await createOnce(join(folder, 'job'), job);
  }
  for (const [index, { run, attempt: n }] of array.tasks.entries()) {
    const path = join(home.runs, run, layout.slurm(n));
    // A run that was removed meanwhile needs none.
    await createOnce(path, JSON.stringify({ array: array.name, job, index })).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOENT') throw error;
    });
  }
  await release(job);
  await createOnce(join(folder, 'released'), '');
}

async function submitHeld(folder: string, { name, tasks, options, after }: ArrayRecord): Promise<string> {
  const submission = { name, folder, tasks: tasks.length, options: checkSlurm(options) };
  const args = submitArguments({ ...submission, ...(after !== undefined && { after }) });
  const sent = await attempt(() => slurm('sbatch', args, jobScript));
  // NUMBER or NUMBER;CLUSTER
  const [, number] = sent.ok ? (/^(\d+)(;|$)/m.exec(sent.value.trim()) ?? []) : [];
  if (number !== undefined) return number;
  // Without an answer it may be there all the same.
  const found = await submittedBefore(name);
  if (found !== undefined) return found;
  if (!sent.ok) throw new Failure(sent.problem);
  return fail('slurm-refused', 'sbatch did not say which number the job has.');
}

/** The first held array of that name; others, from answers that were lost, are taken back. */
async function submittedBefore(name: string): Promise<string | undefined> {
  const out = await slurm('squeue', ['--me', '-h', '-t', 'PENDING', '-n', name, '-o', '%F']);
  const [first, ...others] = [...new Set(out.split('\n').map((line) => line.trim()))]
    .filter((id) => /^\d+$/.test(id))
    .sort((a, b) => Number(a) - Number(b));
  if (others.length > 0) await slurm('scancel', others);
  return first;
}

async function release(job: string): Promise<void> {
  const released = await attempt(() => slurm('scontrol', ['release', job]));
  // Refused where a killed process had released it already: it has run, or was canceled; what became of it, looking tells.
  if (!released.ok && released.problem.code !== 'slurm-refused') throw new Failure(released.problem);
}
