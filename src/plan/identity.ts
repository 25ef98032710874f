import { canonicalJson, sha256 } from '../base/hash.ts';
import type { RunSpec } from './types.ts';

/** sha256 of what decides a run's weights (design §5). */
export function specHash(spec: RunSpec): string {
  return sha256(canonicalJson(spec));
}

const longest = 63;

/**
 * `<stem>-<arm>-<seed>-<8 of the hash>` in `[a-z0-9-]`, at most 63 characters (a DNS label: also a valid name of a job or a
 * session anywhere). Too long a name loses letters of the stem, then of the arm, never of seed and hash. Without a seed (an
 * arm that is only evaluated) the part is left out. Other devices than cpu stand behind the hash.
 */
export function runId(
  stem: string,
  arm: string,
  seed: number | undefined,
  hash: string,
  device: RunSpec['device'] = 'cpu',
): string {
  const tail = [seed, hash.slice(0, 8), device === 'cpu' ? undefined : device].filter((p) => p !== undefined).join('-');
  const armPart = cut(arm.toLowerCase().replace(/[^a-z0-9]/g, '-'), longest - tail.length - 3);
  const stemPart = cut(slug(stem) || 'x', longest - tail.length - armPart.length - 2);
  return `${stemPart}-${armPart}-${tail}`;
}

/** A file's name in `[a-z0-9-]`, no dash at either end. */
function slug(text: string): string {
  return text
    .normalize('NFKD')
    .toLowerCase()
    .replace(/\p{M}/gu, '')
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-+|-+$/g, '');
}

function cut(text: string, length: number): string {
  return text.length <= length ? text : text.slice(0, Math.max(1, length)).replace(/-+$/, '');
}
