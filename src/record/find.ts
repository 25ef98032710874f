import { appendFile, readdir, stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { basename, dirname, isAbsolute, join, resolve } from 'node:path';
import { exists, privateFolder } from '../base/files.ts';
import { readJsonLines } from '../base/jsonl.ts';
import { attempt, fail } from '../base/problem.ts';
import { home, layout, runId } from './layout.ts';
import { readRun } from './read.ts';
import type { Run } from './types.ts';

function placesFile(): string {
  const state = process.env['XDG_STATE_HOME'];
  return join(state && isAbsolute(state) ? state : join(homedir(), '.local', 'state'), 'strata', 'places.jsonl');
}

/** Remembers a `.strata` folder, so that its runs are found from anywhere. A memory that cannot be kept is no failure. */
export async function rememberPlace(strataFolder: string): Promise<void> {
  const file = placesFile();
  try {
    const known = await readJsonLines<{ folder: string }>(file);
    if (known.some(({ folder }) => folder === strataFolder)) return;
    await privateFolder(dirname(file));
    await appendFile(file, `${JSON.stringify({ folder: strataFolder })}\n`, { mode: 0o600 });
  } catch {
    // A home that cannot be written (a container, a service account) still runs experiments.
  }
}

async function isFolder(path: string): Promise<boolean> {
  return stat(path).then(
    (s) => s.isDirectory(),
    () => false,
  );
}

/** `.strata` folders upwards from a folder, nearest first. */
async function homesAbove(from: string): Promise<string[]> {
  const found: string[] = [];
  for (let folder = resolve(from); ; folder = dirname(folder)) {
    if (await isFolder(join(folder, '.strata', 'runs'))) found.push(join(folder, '.strata'));
    if (dirname(folder) === folder) return found;
  }
}

/** `.strata` folders where `run` was used before and that are still there. */
async function homesRemembered(): Promise<string[]> {
  const remembered = await readJsonLines<{ folder: string }>(placesFile()).catch(() => []);
  const found: string[] = [];
  for (const { folder } of remembered) if (await isFolder(join(folder, 'runs'))) found.push(folder);
  return found;
}

/** `.strata` folders: upwards from `from` (nearest first), then those where `run` was used before. */
export async function findHomes(from: string): Promise<string[]> {
  return [...new Set([...(await homesAbove(from)), ...(await homesRemembered())])];
}

/** Folders of the runs in a `.strata`; [] if there is none. */
export async function runFolders(strataFolder: string): Promise<string[]> {
  const { runs } = home(strataFolder);
  const names = await readdir(runs).catch(() => [] as string[]);
  return names.filter((name) => runId.test(name)).map((name) => join(runs, name));
}

/** Runs of one `.strata` in the order they were asked for. Directories that cannot be read are named in `damaged`. */
export async function runsOf(strataFolder: string): Promise<{ runs: Run[]; damaged: string[] }> {
  const runs: Run[] = [];
  const damaged: string[] = [];
  for (const folder of await runFolders(strataFolder)) {
    const result = await attempt(() => readRun(folder));
    if (result.ok) runs.push(result.value);
    else damaged.push(folder);
  }
  runs.sort((a, b) => a.request.asked - b.request.asked || a.request.order - b.request.order);
  return { runs, damaged };
}

/** All runs that can be seen from a folder. */
export async function findRuns(from: string): Promise<Run[]> {
  const all: Run[] = [];
  for (const folder of await findHomes(from)) all.push(...(await runsOf(folder)).runs);
  return all;
}

/** `id`, `id-2`, `id-3` …: what `run --fresh` makes of one plan's run; [] if there is none. Newest last. */
export async function versionsOf(strataFolder: string, id: string): Promise<string[]> {
  const pattern = new RegExp(`^${id}(?:-(\\d+))?$`);
  const found: { folder: string; version: number }[] = [];
  for (const folder of await runFolders(strataFolder)) {
    const match = pattern.exec(basename(folder));
    if (match) found.push({ folder, version: Number(match[1] ?? 1) });
  }
  return found.sort((a, b) => a.version - b.version).map(({ folder }) => folder);
}

/** The newest run directory of a plan's run, or undefined. */
export async function newestOf(strataFolder: string, id: string): Promise<string | undefined> {
  return (await versionsOf(strataFolder, id)).at(-1);
}

/**
 * The run that an argument RUN means: a path, an id, or the unique beginning of one (design §8).
 * Fails with `unknown-run` or `unknown-run-ambiguous`.
 */
export async function resolveRun(argument: string, from: string): Promise<Run> {
  const path = resolve(from, argument);
  if (await exists(join(path, layout.spec))) return readRun(path);
  // What is near goes before what is remembered: the same experiment may have been run in a copy of the folder.
  const groups = [...(await homesAbove(from)).map((folder) => [folder]), await homesRemembered()];
  let matches: string[] = [];
  for (const homes of groups) {
    const folders = (await Promise.all(homes.map(runFolders))).flat();
    const named = folders.filter((folder) => basename(folder) === argument);
    matches = named.length > 0 ? named : folders.filter((folder) => basename(folder).startsWith(argument));
    if (matches.length > 0) break;
  }
  if (matches.length === 1) return readRun(matches[0]!);
  if (matches.length === 0) {
    fail('unknown-run', `No run is called ${argument}, and none begins so.`, { remedy: 'strata runs lists the runs.' });
  }
  const shown = matches.slice(0, 4).map((folder) => basename(folder));
  fail('unknown-run-ambiguous', `${argument} means ${matches.length} runs: ${shown.join(', ')}.`, {
    remedy: 'Write more of it, or the path of the run directory.',
  });
}
