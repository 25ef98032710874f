import type { Dirent } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { isAbsolute, join, resolve, sep } from 'node:path';
import { exists } from '../base/files.ts';

/**
 * Absolute files that patterns stand for, relative to `from`: patterns in their order, the matches of one sorted by path
 * (code units, the same on every machine), each file once. `*` and `?` match within a folder's level, `**` any number of
 * levels; names that begin with a dot only where the pattern says so. A pattern without wildcards is returned whether or not
 * the file exists, so that reading it can say what is missing; one with wildcards may match nothing.
 */
export async function resolveFiles(patterns: readonly string[], from: string): Promise<string[]> {
  const files = new Set<string>();
  for (const pattern of patterns) {
    for (const file of await matches(pattern, from)) files.add(file);
  }
  return [...files];
}

/** Whether a pattern has wildcards. */
export function isGlob(pattern: string): boolean {
  return /[*?]/.test(pattern);
}

async function matches(pattern: string, from: string): Promise<string[]> {
  const path = isAbsolute(pattern) ? pattern : join(from, pattern);
  if (!isGlob(pattern) || (await exists(path))) return [resolve(path)];
  const levels = path.split(/[\\/]/);
  const first = levels.findIndex(isGlob);
  const found = await walk(levels.slice(0, first).join(sep) || sep, levels.slice(first));
  return [...new Set(found)].sort((a, b) => (a < b ? -1 : a > b ? 1 : 0));
}

/** Files under `folder` that match the levels of a pattern. */
async function walk(folder: string, [level = '', ...rest]: string[]): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => []);
  const any = level === '**';
  // `**` stands for no level as well.
  const out = any && rest.length > 0 ? await walk(folder, rest) : [];
  const fits = any ? /^[^.]/ : levelPattern(level);
  for (const entry of entries) {
    if (!fits.test(entry.name)) continue;
    const path = join(folder, entry.name);
    // A link may be either: reading it as a folder finds out, and a file has no entries.
    const maybeFolder = entry.isDirectory() || entry.isSymbolicLink();
    if (any) {
      if (entry.isDirectory()) out.push(...(await walk(path, ['**', ...rest])));
      else if (rest.length === 0 && (await isFile(entry, path))) out.push(path);
    } else if (rest.length === 0) {
      if (await isFile(entry, path)) out.push(path);
    } else if (maybeFolder) out.push(...(await walk(path, rest)));
  }
  return out;
}

/** A file, or a link that leads to one or nowhere: reading it says what is wrong. Nobody ever ends reading a pipe. */
async function isFile(entry: Dirent, path: string): Promise<boolean> {
  if (!entry.isSymbolicLink()) return entry.isFile();
  return stat(path).then(
    (target) => target.isFile(),
    () => true,
  );
}

function levelPattern(level: string): RegExp {
  const source = level
    .replace(/[\\^$.+()[\]{}|]/g, '\\$&')
    .replaceAll('*', '.*')
    .replaceAll('?', '.');
  return new RegExp(level.startsWith('.') ? `^${source}$` : `^(?!\\.)${source}$`, 'su');
}
