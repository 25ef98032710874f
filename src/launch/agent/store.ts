import { randomBytes } from 'node:crypto';
import { constants, link, mkdir, open, rename, rm, stat, statfs } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { exists, privateFolder, syncFolder } from '../../base/files.ts';
import { canonicalJson, sha256, sha256File } from '../../base/hash.ts';
import { attempt, Failure, fail } from '../../base/problem.ts';
import { plainName } from '../mirrored.ts';
import { touch } from './collect.ts';
import type { Blob, Commands, Tree } from './protocol.ts';

/*
 * What runs read, on a host: `store/blobs/<sha256>` holds contents, `store/trees/<hash>/` folders of them under the names that
 * their readers need (links to the same bytes). A content is sent once, whoever needs it; a transfer that was cut goes on at
 * `store/parts/<sha256>`.
 */

const hashPattern = /^[0-9a-f]{64}$/;
/** Space that stays free beside what is sent. */
const spare = 256 << 20;

export class Store {
  readonly #blobs: string;
  readonly #parts: string;
  readonly #trees: string;
  constructor(root: string) {
    const folder = join(root, 'store');
    this.#blobs = join(folder, 'blobs');
    this.#parts = join(folder, 'parts');
    this.#trees = join(folder, 'trees');
  }

  /** Bytes that are there of each blob. Fails with `disk-full` where the rest does not fit. */
  async stat(blobs: readonly Blob[]): Promise<Commands['stat']['value']> {
    for (const folder of [this.#blobs, this.#parts, this.#trees]) await privateFolder(folder);
    const have: Record<string, number | 'whole'> = {};
    let lacking = 0;
    for (const blob of blobs) {
      checkBlob(blob);
      if (await exists(this.#blob(blob.sha256))) {
        // Who was told so may link it soon: it must not be cleared away before.
        await touch(this.#blob(blob.sha256));
        have[blob.sha256] = 'whole';
        continue;
      }
      const there = (await stat(join(this.#parts, blob.sha256)).catch(() => undefined))?.size ?? 0;
      // More than there should be is no beginning of it.
      have[blob.sha256] = there > blob.size ? 0 : there;
      lacking += blob.size - Math.min(blob.size, there);
    }
    const { bavail, bsize } = await statfs(this.#blobs);
    const freeBytes = bavail * bsize;
    if (lacking > 0 && lacking + spare > freeBytes) {
      fail('disk-full', `${mebibytes(lacking)} are to be sent, and ${mebibytes(freeBytes)} are free there.`, {
        place: this.#blobs,
        remedy: 'Free some space on the host, or choose another folder for Strata there.',
      });
    }
    return { have, freeBytes };
  }

  /**
   * Takes a blob from an offset on. Several may send the same at once: each writes the same bytes at the same places, and begins
   * where bytes are already, so that what lies there has no holes.
   */
  async put({ sha256: hash, size, offset }: Blob & { offset: number }): Promise<Receiver> {
    checkBlob({ sha256: hash, size });
    const path = join(this.#parts, hash);
    if (await exists(this.#blob(hash)))
      return { write: async () => {}, finish: async () => {}, abandon: async () => {} };
    await privateFolder(this.#parts);
    const there = (await stat(path).catch(() => undefined))?.size ?? 0;
    if (offset > there) {
      fail('data-gap', `${hash.slice(0, 12)} was to go on at byte ${offset}, and there are ${there}.`, {
        remedy: 'Send it again.',
      });
    }
    // Made where it is missing, in one call, and never cut: somebody else may have just begun it, or moved it to its place.
    const handle = await open(path, constants.O_RDWR | constants.O_CREAT, 0o600);
    let at = offset;
    return {
      write: async (bytes) => {
        await handle.write(bytes, 0, bytes.length, at);
        at += bytes.length;
      },
      finish: async () => {
        await handle.sync();
        await handle.close();
        await this.#accept(path, hash);
      },
      abandon: () => handle.close(),
    };
  }

  async #accept(path: string, hash: string): Promise<void> {
    await privateFolder(this.#blobs);
    const content = await attempt(() => sha256File(path));
    // Somebody else sent it whole in the meantime; what lies here then may have been begun by a third.
    if (await exists(this.#blob(hash))) return rm(path, { force: true });
    if (!content.ok && content.problem.code !== 'file-missing') throw new Failure(content.problem);
    if (!content.ok || content.value !== hash) {
      await rm(path, { force: true });
      fail('data-mismatch', `What came is not the content ${hash.slice(0, 12)} that was announced.`, {
        remedy: 'Start again: it is sent anew. If it happens again, the file changes while it is read.',
      });
    }
    await rename(path, this.#blob(hash)).catch(async (error: unknown) => {
      if (!(await exists(this.#blob(hash)))) throw error;
    });
    await syncFolder(this.#blobs);
  }

  /** Makes a folder of blobs that are there; once, whoever else does. Fails with `data-missing`. */
  async link(tree: Tree): Promise<string> {
    const files = [...tree.files].sort((a, b) => (a.name < b.name ? -1 : 1));
    for (const { name, sha256: hash } of files) {
      if (!hashPattern.test(hash) || !name.split('/').every((part) => plainName.test(part))) {
        fail('invalid-name', `${JSON.stringify(name)} cannot be the name of a file of a model.`, {
          remedy: 'Rename it.',
        });
      }
    }
    const folder = join(this.#trees, sha256(canonicalJson(files)).slice(0, 32));
    if (await exists(folder)) {
      await touch(folder);
      return folder;
    }
    await privateFolder(this.#trees);
    const temporary = `${folder}.${process.pid}.${randomBytes(4).toString('hex')}.part`;
    try {
      await mkdir(temporary, { mode: 0o700 });
      for (const { name, sha256: hash } of files) {
        const path = join(temporary, name);
        await mkdir(dirname(path), { recursive: true, mode: 0o700 });
        await link(this.#blob(hash), path).catch((error: NodeJS.ErrnoException) => {
          if (error.code !== 'ENOENT') throw error;
          fail('data-missing', `${name} is not there.`, { remedy: 'Start again: it is sent then.' });
        });
      }
      await rename(temporary, folder).catch(async (error: NodeJS.ErrnoException) => {
        if (!(await exists(folder))) throw error;
      });
      await syncFolder(this.#trees);
      return folder;
    } finally {
      await rm(temporary, { recursive: true, force: true });
    }
  }

  #blob(hash: string): string {
    return join(this.#blobs, hash);
  }
}

/** One transfer. `finish` verifies; without it what came stays for the next try. */
export interface Receiver {
  write(bytes: Uint8Array): Promise<void>;
  finish(): Promise<void>;
  abandon(): Promise<void>;
}

function checkBlob({ sha256: hash, size }: Blob): void {
  if (!hashPattern.test(hash) || !Number.isSafeInteger(size) || size < 0) {
    fail('invalid-blob', 'A content is named by its sha256 and its size.');
  }
}

const mebibytes = (bytes: number) => `${Math.ceil(bytes / (1 << 20))} MiB`;
