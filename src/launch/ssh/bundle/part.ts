import { stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { isAbsolute, join } from 'node:path';
import { exists, privateFolder } from '../../../base/files.ts';
import { sha256 } from '../../../base/hash.ts';
import type { HashCache } from '../../../base/hash-cache.ts';
import { type Entry, writeArchive } from './tar.ts';

/** What lies behind one name of a part. */
export interface PartFile {
  name: string;
  path: string;
  executable?: boolean;
}

/**
 * Files that go to a host together and are kept there under the hash of their manifest: the program, the runtime, Python's
 * sandbox, Node. What two bundles have in common is sent once.
 */
export interface Part {
  /** sha256 of `manifest`, and the name of its folder on the host. */
  id: string;
  name: string;
  /** As sha256sum(1) writes and checks it, sorted by name. */
  manifest: string;
  files: PartFile[];
  /** Bytes of the files. */
  size: number;
}

/** Names in a manifest are ours: nothing in them that sha256sum would write in another way. */
const plainName = /^[A-Za-z0-9@][A-Za-z0-9@._/-]*$/;

/** A manifest of name → sha256. Pure. */
export function manifestOf(hashes: ReadonlyMap<string, string>): string {
  const names = [...hashes.keys()].sort();
  for (const name of names) if (!plainName.test(name) || name.includes('..')) throw new RangeError(`bad name ${name}`);
  return names.map((name) => `${hashes.get(name)}  ${name}\n`).join('');
}

export async function makePart(name: string, files: readonly PartFile[], hashes: HashCache): Promise<Part> {
  const known = new Map<string, string>();
  let size = 0;
  for (const file of files) {
    known.set(file.name, await hashes.hashFile(file.path));
    size += (await stat(file.path)).size;
  }
  const manifest = manifestOf(known);
  const sorted = [...files].sort((a, b) => (a.name < b.name ? -1 : 1));
  return { id: sha256(manifest), name, manifest, files: sorted, size };
}

/** The id of a bundle made of these parts, with the host's own Node or with one of them. Pure. */
export function bundleId(program: string, parts: readonly string[]): string {
  return sha256(`strata bundle 1\n${program}\n${[...parts].sort().join('\n')}\n`);
}

/** Where archives and packages are kept that hosts are given. */
export function bundleCache(): string {
  const cache = process.env['XDG_CACHE_HOME'];
  return join(cache && isAbsolute(cache) ? cache : join(homedir(), '.cache'), 'strata', 'bundles');
}

/** The part as a `.tgz`, made once. */
export async function archiveOf(part: Part): Promise<string> {
  const file = join(await privateFolder(bundleCache()), `${part.id}.tgz`);
  if (await exists(file)) return file;
  const entries: Entry[] = [
    { name: 'manifest', source: { text: part.manifest } },
    ...part.files.map(({ name, path, executable }) => ({ name, source: { path }, executable })),
  ];
  await writeArchive(file, entries);
  return file;
}
