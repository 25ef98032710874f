import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';

/** sha256 as 64 lower-case hexadecimal digits. */
export function sha256(data: string | Uint8Array): string {
  return createHash('sha256').update(data).digest('hex');
}

/** sha256 of bytes `[start, end)` of a file (all of it by default), streamed. */
export async function sha256File(path: string, start = 0, end?: number): Promise<string> {
  const hash = createHash('sha256');
  if (end !== undefined && end <= start) return hash.digest('hex');
  const last = end === undefined ? undefined : end - 1;
  for await (const chunk of createReadStream(path, { start, end: last, highWaterMark: 1 << 20 })) hash.update(chunk);
  return hash.digest('hex');
}

/** JSON with sorted keys and without `undefined`: equal values give equal text, whatever order they were built in. */
export function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map((v) => canonicalJson(v === undefined ? null : v)).join(',')}]`;
  if (value !== null && typeof value === 'object') {
    const entries = Object.entries(value as Record<string, unknown>).filter(([, v]) => v !== undefined);
    entries.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
    return `{${entries.map(([k, v]) => `${JSON.stringify(k)}:${canonicalJson(v)}`).join(',')}}`;
  }
  return JSON.stringify(value);
}
