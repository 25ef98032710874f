import {
  appendFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { sha256, sha256File } from '../../base/hash.ts';
import { layout } from '../../record/layout.ts';
import { type MirrorRecord, readMirror, writeMirror } from '../../record/mirror.ts';
import { states } from '../../record/state.ts';
import type { RunRequest } from '../../record/types.ts';
import type { MirrorCursor, RunStatus, StreamPart } from '../agent/protocol.ts';
import { isAppended, isReplaced, isRequest, keptHere } from '../mirrored.ts';

/** What came does not follow what is here: the run is to be asked for again, from what is here now. */
export type Applied = 'applied' | 'again' | 'complete' | 'gone';

/**
 * The local run directory of a run that lives elsewhere. What is here is the cursor: the size of a file that grows is the next
 * byte wanted, so that nothing is lost or taken twice however often the link breaks. Writes are synchronous: parts are applied in
 * the order in which they come.
 */
export class MirroredRun {
  readonly folder: string;
  readonly id: string;
  #record: MirrorRecord;
  #asked = 0;
  #sizes = new Map<string, number>();
  /** Content of a replaced file as far as it has come. */
  #incoming: { name: string; chunks: Buffer[]; size: number } | undefined;

  private constructor(folder: string, id: string, record: MirrorRecord) {
    this.folder = folder;
    this.id = id;
    this.#record = record;
  }

  /** Undefined where the folder is no mirror. */
  static async open(folder: string, id: string): Promise<MirroredRun | undefined> {
    const record = await readMirror(folder);
    return record && new MirroredRun(folder, id, record);
  }

  get complete(): boolean {
    return this.#record.complete;
  }

  /** What is here, for asking anew. Reads and hashes the files that are replaced as a whole. */
  async cursor(): Promise<MirrorCursor> {
    this.#asked++;
    this.#incoming = undefined;
    this.#sizes = new Map();
    const { created } = this.#record;
    const cursor: MirrorCursor = { asked: this.#asked, created, appended: {}, replaced: {} };
    for (const name of this.#names()) {
      const path = join(this.folder, name);
      if (isAppended(name)) {
        const { size } = statSync(path);
        this.#sizes.set(name, size);
        cursor.appended[name] = size;
      } else cursor.replaced[name] = isRequest(name) ? keptHere : await sha256File(path);
    }
    return cursor;
  }

  async apply(part: StreamPart, payload: Buffer): Promise<Applied> {
    // It was sent before the host knew that it was asked anew.
    if (part.asked !== this.#asked) return 'applied';
    switch (part.kind) {
      case 'appended':
        return this.#append(part.name, part.offset, payload);
      case 'shrunk':
        return this.#begin(part.name);
      case 'replaced':
        return this.#replace(part, payload);
      case 'state':
        await this.#say(part.status, false);
        return 'applied';
      case 'complete':
        return this.#end(part);
      case 'gone':
        return this.#gone(part.created);
    }
  }

  #append(name: string, offset: number, bytes: Buffer): Applied {
    if (!isAppended(name)) return 'applied';
    if (offset !== (this.#sizes.get(name) ?? 0)) return 'again';
    appendFileSync(join(this.folder, name), bytes, { mode: 0o600 });
    this.#sizes.set(name, offset + bytes.length);
    return 'applied';
  }

  /** The host lost the end of a file (a power cut): what is here is not what is there. */
  #begin(name: string): Applied {
    if (isAppended(name) && this.#sizes.has(name)) {
      truncateSync(join(this.folder, name), 0);
      this.#sizes.set(name, 0);
    }
    return 'applied';
  }

  #replace(part: Extract<StreamPart, { kind: 'replaced' }>, bytes: Buffer): Applied {
    const { name, offset, last } = part;
    if (!isReplaced(name)) return 'applied';
    if (offset === 0) this.#incoming = { name, chunks: [], size: 0 };
    const incoming = this.#incoming;
    if (incoming?.name !== name || incoming.size !== offset) return 'again';
    incoming.chunks.push(Buffer.from(bytes));
    incoming.size += bytes.length;
    if (!last) return 'applied';
    this.#incoming = undefined;
    const content = Buffer.concat(incoming.chunks);
    if (sha256(content) !== part.sha256) return 'again';
    this.#write(name, isRequest(name) ? this.#adapted(content) : content);
    return 'applied';
  }

  #write(name: string, content: string | Uint8Array): void {
    const path = join(this.folder, name);
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    const temporary = `${path}.${process.pid}.part`;
    writeFileSync(temporary, content, { mode: 0o600 });
    renameSync(temporary, path);
  }

  /** A request that somebody else made there: names and paths are those of this machine, as far as they are known here. */
  #adapted(content: Buffer): string | Buffer {
    const theirs = JSON.parse(content.toString('utf8')) as RunRequest;
    for (let n = theirs.attempt - 1; n >= 0; n--) {
      const path = join(this.folder, layout.request(n));
      if (!existsSync(path)) continue;
      const ours = JSON.parse(readFileSync(path, 'utf8')) as RunRequest;
      const known = new Map(ours.tasks.map((task) => [task.hash, task]));
      const tasks = theirs.tasks.map((task) => known.get(task.hash) ?? task);
      const { experiment, sources } = ours;
      return `${JSON.stringify({ ...theirs, experiment, sources, tasks }, null, 2)}\n`;
    }
    return content;
  }

  async #say(status: RunStatus, complete: boolean): Promise<void> {
    const { created, state, attempts } = status;
    const reason = printable(status.reason);
    const before = this.#record;
    if (
      before.attempts === attempts &&
      before.state === state &&
      before.reason === reason &&
      before.complete === complete
    )
      return;
    this.#record = { created, attempts, state, ...(reason !== undefined && { reason }), heard: Date.now(), complete };
    await writeMirror(this.folder, this.#record);
  }

  /** Holds every file against its hash there; what differs is fetched again. */
  async #end({ status, files }: Extract<StreamPart, { kind: 'complete' }>): Promise<Applied> {
    if (!states[status.state].ended) return 'again';
    let whole = true;
    for (const [name, { size, sha256: wanted }] of Object.entries(files)) {
      if (!(isAppended(name) || isReplaced(name)) || isRequest(name)) continue;
      const path = join(this.folder, name);
      // Nothing was ever sent of a file without bytes.
      if (size === 0 && isAppended(name)) writeFileSync(path, '', { mode: 0o600 });
      if (existsSync(path) && (await sha256File(path)) === wanted) continue;
      rmSync(path, { force: true });
      whole = false;
    }
    if (!whole) return 'again';
    await this.#say(status, true);
    return 'complete';
  }

  /** The host has no such run, or another one of the same id: then what is here was of the earlier one. */
  async #gone(created: number | undefined): Promise<Applied> {
    if (created === undefined) {
      this.#record = {
        ...this.#record,
        state: 'lost',
        reason: 'Its host does not have it any more.',
        heard: Date.now(),
        complete: true,
      };
      await writeMirror(this.folder, this.#record);
      return 'gone';
    }
    for (const name of this.#names()) {
      if (name !== layout.request(0)) rmSync(join(this.folder, name), { force: true });
    }
    this.#record = { created, attempts: 1, state: 'waiting', heard: Date.now(), complete: false };
    await writeMirror(this.folder, this.#record);
    return 'again';
  }

  #names(): string[] {
    const samples = join(this.folder, layout.samples);
    const names = [
      ...readdirSync(this.folder),
      ...(existsSync(samples) ? readdirSync(samples).map((name) => `${layout.samples}/${name}`) : []),
    ];
    return names.filter((name) => isAppended(name) || isReplaced(name));
  }
}

/** A reason is shown in terminals: nothing that a host says may steer one. */
export function printable(text: string | undefined): string | undefined {
  return text?.replace(/[\p{Cc}\p{Cf}]/gu, '').slice(0, 2000);
}
