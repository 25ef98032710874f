import { createHash } from 'node:crypto';
import { type FileHandle, open, readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { sha256 } from '../../base/hash.ts';
import { attempt } from '../../base/problem.ts';
import { layout } from '../../record/layout.ts';
import { states } from '../../record/state.ts';
import { isAppended, isExit, isReplaced, keptHere } from '../mirrored.ts';
import { type MirrorCursor, payloadLimit, type StreamNews, type StreamPart } from './protocol.ts';
import { runStatus } from './status.ts';

type SendNews = (news: StreamNews, payload?: Uint8Array) => Promise<void>;

/** Bytes of one run that are sent before the next run has its turn. */
const turn = 1 << 20;
/** A state that did not change is said again after so many milliseconds: the reader knows then that it was looked at. */
const sayAgain = 2_000;
const newline = 0x0a;

/** One run of a stream: what its reader has, and what it was told last. */
export class Followed {
  readonly #folder: string;
  readonly #id: string;
  readonly #cursor: MirrorCursor;
  /** Size and time of a replaced file when it was read last. */
  readonly #seen = new Map<string, string>();
  #said = '';
  #saidAt = Number.NEGATIVE_INFINITY;

  constructor(folder: string, id: string, cursor: MirrorCursor) {
    this.#folder = folder;
    this.#id = id;
    this.#cursor = { ...cursor, appended: { ...cursor.appended }, replaced: { ...cursor.replaced } };
  }

  /** Sends what is new; `over` once there is nothing more to come, `waiting` if it waits to be started. */
  async look(
    part: (part: StreamPart, payload?: Uint8Array) => Promise<void>,
  ): Promise<'over' | 'moved' | 'still' | 'waiting'> {
    const { asked } = this.#cursor;
    const send: SendNews = (news, payload) => part({ run: this.#id, asked, ...news }, payload);
    // The state is derived before the files are read: if it says that the run has ended, everything is in them.
    const read = await attempt(() => runStatus(this.#folder));
    if (!read.ok) {
      await send({ kind: 'gone' });
      return 'over';
    }
    const status = read.value;
    if (status.created !== this.#cursor.created) {
      await send({ kind: 'gone', created: status.created });
      return 'over';
    }
    const { ended } = states[status.state];
    const names = await mirroredNames(this.#folder);
    let moved = false;
    let rest = turn;
    const whole = names.filter(isReplaced);
    for (const name of whole.filter((name) => !isExit(name))) {
      const sent = await this.#sendReplaced(name, send);
      moved ||= sent > 0;
      rest -= sent;
    }
    let cut = false;
    for (const name of names.filter(isAppended)) {
      const sent = await this.#sendAppended(name, ended, rest, send);
      moved ||= sent > 0;
      rest -= sent;
      cut ||= rest <= 0;
    }
    if (cut) return 'moved';
    // Who finds the record of an end there finds everything else, too.
    for (const name of whole.filter(isExit)) moved = (await this.#sendReplaced(name, send)) > 0 || moved;
    if (ended && !moved) {
      await send({ kind: 'complete', status, files: await hashesOf(this.#folder, names) });
      return 'over';
    }
    const said = JSON.stringify(status);
    if (said !== this.#said || performance.now() - this.#saidAt > sayAgain) {
      this.#said = said;
      this.#saidAt = performance.now();
      if (!ended) await send({ kind: 'state', status });
    }
    return moved ? 'moved' : status.state === 'waiting' ? 'waiting' : 'still';
  }

  async #sendReplaced(name: string, send: SendNews): Promise<number> {
    const have = this.#cursor.replaced[name];
    if (have === keptHere) return 0;
    const path = join(this.#folder, name);
    const info = await stat(path, { bigint: true }).catch(() => undefined);
    if (!info) return 0;
    const seen = `${info.ino} ${info.size} ${info.mtimeNs}`;
    if (this.#seen.get(name) === seen) return 0;
    const content = await readFile(path).catch(() => undefined);
    if (!content) return 0;
    this.#seen.set(name, seen);
    const hash = sha256(content);
    if (hash === have) return 0;
    const facts = { kind: 'replaced' as const, name, size: content.length, sha256: hash };
    for (let offset = 0; ; offset += payloadLimit) {
      const last = offset + payloadLimit >= content.length;
      await send({ ...facts, offset, last }, content.subarray(offset, offset + payloadLimit));
      if (last) break;
    }
    this.#cursor.replaced[name] = hash;
    return Math.max(1, content.length);
  }

  async #sendAppended(name: string, ended: boolean, most: number, send: SendNews): Promise<number> {
    const path = join(this.#folder, name);
    const from = this.#cursor.appended[name] ?? 0;
    const info = await stat(path).catch(() => undefined);
    if (!info || info.size === from) return 0;
    if (info.size < from) {
      await send({ kind: 'shrunk', name, size: info.size });
      this.#cursor.appended[name] = 0;
      return 1;
    }
    const handle = await open(path, 'r').catch(() => undefined);
    if (!handle) return 0;
    try {
      let sent = 0;
      for (let offset = from; offset < info.size && sent < most; ) {
        const bytes = await wholeRecords(handle, offset, info.size, ended || !name.endsWith('.jsonl'));
        if (bytes.length === 0) break;
        await send({ kind: 'appended', name, offset }, bytes);
        offset += bytes.length;
        sent += bytes.length;
        this.#cursor.appended[name] = offset;
      }
      return sent;
    } finally {
      await handle.close();
    }
  }
}

/** The next bytes, ending with a whole line where there is one: a torn line is sent only at the very end of a run. */
async function wholeRecords(handle: FileHandle, offset: number, size: number, torn: boolean): Promise<Buffer> {
  const wanted = Math.min(payloadLimit, size - offset);
  const { buffer, bytesRead } = await handle.read(Buffer.allocUnsafe(wanted), 0, wanted, offset);
  const bytes = buffer.subarray(0, bytesRead);
  const end = bytes.lastIndexOf(newline) + 1;
  if (end > 0) return offset + end < size || !torn ? bytes.subarray(0, end) : bytes;
  return torn || wanted === payloadLimit ? bytes : bytes.subarray(0, 0);
}

/** Files of a run directory that a mirror has, in the order in which they are sent. */
async function mirroredNames(folder: string): Promise<string[]> {
  const [own, samples] = await Promise.all([
    readdir(folder).catch(() => [] as string[]),
    readdir(join(folder, layout.samples)).catch(() => [] as string[]),
  ]);
  const names = [...own, ...samples.map((name) => `${layout.samples}/${name}`)];
  return names.filter((name) => isAppended(name) || isReplaced(name)).sort();
}

async function hashesOf(
  folder: string,
  names: readonly string[],
): Promise<Record<string, { size: number; sha256: string }>> {
  const files: Record<string, { size: number; sha256: string }> = {};
  for (const name of names) {
    const hash = createHash('sha256');
    let size = 0;
    const handle = await open(join(folder, name), 'r').catch(() => undefined);
    if (!handle) continue;
    try {
      for await (const chunk of handle.createReadStream({ autoClose: false })) {
        hash.update(chunk as Buffer);
        size += (chunk as Buffer).length;
      }
    } finally {
      await handle.close();
    }
    files[name] = { size, sha256: hash.digest('hex') };
  }
  return files;
}
