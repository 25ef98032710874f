import { randomBytes } from 'node:crypto';
import { mkdir, readdir, rename, rm, statfs } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { syncFolder } from '../base/files.ts';
import { fail } from '../base/problem.ts';

/**
 * Makes a folder that is there whole or not at all: `fill` writes into a sibling, which takes the name last. An existing
 * folder is replaced only if it is empty. `bytes` is what will be written; a disk without the room is refused before the work.
 */
export async function newFolder(out: string, bytes: number, fill: (folder: string) => Promise<void>): Promise<void> {
  const path = resolve(out);
  await refuseExisting(path);
  await mkdir(dirname(path), { recursive: true });
  const { bavail, bsize } = await statfs(dirname(path));
  if (bavail * bsize < bytes)
    fail('disk-full', `${path} would need ${gigabytes(bytes)}, but its disk has ${gigabytes(bavail * bsize)} left.`, {
      place: path,
      remedy: 'Free some space, or name a folder on another disk.',
    });
  const temporary = join(dirname(path), `.${basename(path)}.${process.pid}.${randomBytes(4).toString('hex')}.part`);
  try {
    await mkdir(temporary);
    await fill(temporary);
    await syncFolder(temporary);
    await refuseExisting(path);
    await rename(temporary, path);
    await syncFolder(dirname(path));
  } catch (error) {
    await rm(temporary, { recursive: true, force: true });
    throw error;
  }
}

async function refuseExisting(path: string): Promise<void> {
  const entries = await readdir(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    throw error;
  });
  if (entries.length > 0)
    fail('usage-folder-exists', `${path} exists and is not empty.`, {
      place: path,
      remedy: 'Name a folder that does not exist yet; nothing is overwritten.',
    });
}

function gigabytes(bytes: number): string {
  return `${(bytes / 1e9).toFixed(1)} GB`;
}
