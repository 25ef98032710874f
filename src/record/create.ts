import { randomBytes } from 'node:crypto';
import { mkdir, rename, rm, stat, unlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { createOnce, privateFolder, syncFolder } from '../base/files.ts';
import { fail, systemCode } from '../base/problem.ts';
import type { RunSpec } from '../plan/types.ts';
import { type Home, layout, runId } from './layout.ts';
import type { ExitRecord } from './state.ts';
import type { PlaceRecord, RunRequest } from './types.ts';

const text = (value: unknown) => `${JSON.stringify(value, null, 2)}\n`;

/** Fails with `place-of-another` if the folder belongs to another user: runs are closed to all but their owner. */
async function refuseOwned(folder: string): Promise<void> {
  const owner = (await stat(folder).catch(() => undefined))?.uid;
  const user = process.getuid?.();
  if (owner === undefined || user === undefined || owner === user) return;
  fail('place-of-another', `${folder} holds the runs of another user (uid ${owner}), and they are closed to others.`, {
    place: folder,
    remedy: 'Copy the experiment into a folder of your own, or ask its owner for the results (strata compare --out).',
  });
}

/** Makes `.strata/` with its folders, closed to others and ignored by git. */
export async function prepareHome(home: Home): Promise<void> {
  try {
    await privateFolder(home.folder);
    await Promise.all([home.runs, home.unfinished, home.dispatcher].map(privateFolder));
    await createOnce(join(home.folder, '.gitignore'), '*\n');
  } catch (error) {
    await refuseOwned(home.folder);
    throw error;
  }
}

/**
 * Creates a run directory with attempt 0. It appears whole or not at all (written elsewhere, then renamed), and at most
 * once: false if it was there already.
 */
export async function createRun(
  home: Home,
  id: string,
  parts: { spec: RunSpec; place: PlaceRecord; request: RunRequest },
): Promise<boolean> {
  if (!runId.test(id))
    fail('invalid-run-id', `${id} is no run id.`, { remedy: 'Use a shorter name for the file or the arm.' });
  await prepareHome(home);
  const temporary = join(home.unfinished, `${id}.${process.pid}.${randomBytes(4).toString('hex')}`);
  try {
    await mkdir(temporary, { mode: 0o700 });
    const write = (name: string, value: unknown) =>
      writeFile(join(temporary, name), text(value), { mode: 0o600, flag: 'wx', flush: true } as object);
    await write(layout.spec, parts.spec);
    await write(layout.place, parts.place);
    await write(layout.request(parts.request.attempt), parts.request);
    // rename(2) of a folder replaces an empty folder only, and a run directory never is.
    await rename(temporary, join(home.runs, id));
    await syncFolder(home.runs);
    return true;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOTEMPTY' || code === 'EEXIST') return false;
    // Windows refuses to rename onto any folder with EPERM.
    if (code === 'EPERM' && process.platform === 'win32') return false;
    throw error;
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
}

/** Asks for a further attempt; false if somebody else asked for it first. */
export function createAttempt(folder: string, request: RunRequest): Promise<boolean> {
  return createOnce(join(folder, layout.request(request.attempt)), text(request));
}

const full = new Set(['ENOSPC', 'EDQUOT']);
const reserveBytes = 64 * 1024;

/** Sets space aside for the records of the end. Random bytes, so that a compressing file system really keeps it. */
export async function keepReserve(folder: string): Promise<void> {
  await writeFile(join(folder, layout.reserve), randomBytes(reserveBytes), { mode: 0o600 }).catch(() => {});
}

/** Carries out a small write that must succeed: on a full disk the reserve is given back first. */
export async function writeOnFullDisk<T>(folder: string, write: () => Promise<T>): Promise<T> {
  try {
    return await write();
  } catch (error) {
    if (!full.has(systemCode(error) ?? '')) throw error;
    await unlink(join(folder, layout.reserve)).catch(() => {});
    return await write();
  }
}

/** Ends an attempt; false if it had ended already. */
export function createExit(folder: string, n: number, exit: ExitRecord): Promise<boolean> {
  return createOnce(join(folder, layout.exit(n)), text(exit));
}

/** Removes a run directory: it disappears at once, then its content is deleted. */
export async function removeRun(home: Home, folder: string): Promise<void> {
  await privateFolder(home.unfinished);
  const doomed = join(home.unfinished, `removed.${process.pid}.${randomBytes(4).toString('hex')}`);
  await rename(folder, doomed);
  await syncFolder(dirname(folder));
  await rm(doomed, { recursive: true, force: true });
}
