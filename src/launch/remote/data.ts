import { open, readdir, realpath, stat } from 'node:fs/promises';
import { basename, join, relative } from 'node:path';
import { privateFolder, readJson, writeAtomic } from '../../base/files.ts';
import { sha256 } from '../../base/hash.ts';
import { type HashCache, hashCache } from '../../base/hash-cache.ts';
import { noProgress, type Progress } from '../../base/log.ts';
import { isCompanion } from '../../model/companions.ts';
import { openModel } from '../../model/open.ts';
import { type OverlayRecord, overlayName } from '../../model/overlay-read.ts';
import type { RunSources, TaskRequest } from '../../plan/types.ts';
import type { Home } from '../../record/layout.ts';
import { payloadLimit } from '../agent/protocol.ts';
import type { Order } from '../place.ts';
import type { Connection } from './connection.ts';

/** A file of this machine that a run reads, under the name that it has in its folder on the host. */
interface Sent {
  path: string;
  name: string;
  sha256: string;
  size: number;
}

/**
 * Sends what orders read, by content, each content once, and gives the same orders with the paths of the host. Only what decides
 * nothing (a path) is changed: hashes are the same there.
 */
export async function sendData(
  connection: Connection,
  home: Home,
  orders: readonly Order[],
  progress: Progress = noProgress,
): Promise<Order[]> {
  const cache = hashCache(join(home.cache, 'hashes.json'));
  const folders = new FolderSender(connection, cache, join(home.cache, 'sent'), progress);
  const sent: Order[] = [];
  for (const order of orders) {
    const { request } = order;
    const sources = await folders.sources(request.sources);
    const tasks: TaskRequest[] = [];
    for (const task of request.tasks) {
      tasks.push({
        ...task,
        files: await folders.files(task.files),
        ...(task.shotFiles && { shotFiles: await folders.files(task.shotFiles) }),
      });
    }
    sent.push({ ...order, request: { ...request, sources, tasks } });
  }
  await cache.save();
  return sent;
}

/** Sends files and folders of one list of orders; what was sent before is only looked up. */
class FolderSender {
  readonly #connection: Connection;
  readonly #cache: HashCache;
  /** For what is written only to be sent. */
  readonly #scratch: string;
  readonly #progress: Progress;
  readonly #known = new Map<string, Promise<string>>();

  constructor(connection: Connection, cache: HashCache, scratch: string, progress: Progress) {
    this.#connection = connection;
    this.#scratch = scratch;
    this.#cache = cache;
    this.#progress = progress;
  }

  async sources(sources: RunSources): Promise<RunSources> {
    const { model, parent: _parent, adapter, corpus, replay, distill, analysis } = sources;
    const lists: string[][] = [];
    for (const files of analysis ?? []) lists.push(await this.files(files));
    return {
      model: await this.folder(model),
      ...(adapter !== undefined && {
        adapter: await this.#once(adapter, async () => this.#send(await this.#filesOf(adapter))),
      }),
      ...(corpus && { corpus: await this.files(corpus) }),
      ...(replay && { replay: await this.files(replay) }),
      ...(distill && { distill: await this.files(distill) }),
      ...(analysis && { analysis: lists }),
    };
  }

  /** Paths on the host of single files. Their names there are hashes: a name here may be anything. */
  async files(paths: readonly string[]): Promise<string[]> {
    const there: string[] = [];
    for (const path of paths) {
      there.push(
        await this.#once(path, async () => {
          const file = await this.#read(path, '');
          const name = `${file.sha256.slice(0, 16)}${/(?:\.[A-Za-z0-9]{1,10}){1,2}$/.exec(basename(path))?.[0] ?? ''}`;
          return `${await this.#send([{ ...file, name }])}/${name}`;
        }),
      );
    }
    return there;
  }

  /** A model: what it is read from, and of an overlay (a run's model) its base too. */
  folder(path: string): Promise<string> {
    return this.#once(path, async () => {
      const model = await openModel(path);
      if (model.base) return this.#overlay(model.folder, model.base.folder);
      const names = new Set(['config.json']);
      for (const { file } of model.tensors.values()) names.add(relative(path, file));
      for (const name of await readdir(path)) {
        if (isCompanion(name) || name.endsWith('.safetensors.index.json')) names.add(name);
      }
      const files: Sent[] = [];
      for (const name of names) files.push(await this.#read(join(path, name), name));
      return this.#send(files);
    });
  }

  /** A run's model: its own files, and a layer map that names the base where that lies there. */
  async #overlay(path: string, base: string): Promise<string> {
    const record = await readJson<OverlayRecord>(join(path, overlayName));
    const text = JSON.stringify({ ...record, base: { ...record.base, folder: await this.folder(base) } });
    const map = join(await privateFolder(this.#scratch), `${sha256(text).slice(0, 16)}.json`);
    await writeAtomic(map, text);
    return this.#send([
      ...(await this.#filesOf(path)).filter(({ name }) => name !== overlayName),
      await this.#read(map, overlayName),
    ]);
  }

  async #filesOf(path: string): Promise<Sent[]> {
    const files: Sent[] = [];
    for (const entry of await readdir(path, { withFileTypes: true })) {
      if (!entry.isDirectory()) files.push(await this.#read(join(path, entry.name), entry.name));
    }
    return files;
  }

  #once(path: string, send: () => Promise<string>): Promise<string> {
    const known = this.#known.get(path) ?? send();
    this.#known.set(path, known);
    return known;
  }

  async #read(path: string, name: string): Promise<Sent> {
    const real = await realpath(path);
    const { size } = await stat(real);
    return { path: real, name, size, sha256: await this.#cache.hashFile(real) };
  }

  /** Sends what the host lacks of these files and makes a folder of them there. */
  async #send(files: readonly Sent[]): Promise<string> {
    const blobs = files.map(({ sha256, size }) => ({ sha256, size }));
    const { have } = await this.#connection.value('stat', { blobs });
    for (const file of new Map(files.map((f) => [f.sha256, f])).values()) {
      const there = have[file.sha256] ?? 0;
      if (there !== 'whole') await this.#put(file, there);
    }
    const tree = { files: files.map(({ name, sha256 }) => ({ name, sha256 })) };
    return (await this.#connection.value('link', tree)).folder;
  }

  async #put({ path, sha256, size }: Sent, offset: number): Promise<void> {
    const asked = this.#connection.ask('put', { sha256, size, offset });
    let over = false;
    void asked.reply.then(
      () => (over = true),
      () => (over = true),
    );
    const handle = await open(path);
    try {
      for (let at = offset; at < size && !over; ) {
        const { buffer, bytesRead } = await handle.read(Buffer.allocUnsafe(payloadLimit), 0, payloadLimit, at);
        if (bytesRead === 0) break;
        await asked.more({}, buffer.subarray(0, bytesRead));
        at += bytesRead;
        this.#progress.report(`sending ${basename(path)}`, at, size);
      }
      if (!over) await asked.more({});
    } finally {
      await handle.close();
    }
    await asked.reply;
  }
}
