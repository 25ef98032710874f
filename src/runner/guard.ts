import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { hashCache } from '../base/hash-cache.ts';
import { fail } from '../base/problem.ts';
import { hashModel } from '../model/hash.ts';
import { openModel } from '../model/open.ts';
import type { Model } from '../model/types.ts';

/** Watches files that a run reads while it runs. */
export interface Guard {
  /** Fails with `base-changed` if the model that was opened is not the one the spec names. Watches its files from then on. */
  holdModel(model: Model, hash: string): Promise<void>;
  /** Fails with `base-changed` if a watched file has changed; cheap (size and time) as long as nothing has. */
  check(): Promise<void>;
}

interface Watched {
  size: bigint;
  time: bigint;
}

async function look(file: string): Promise<Watched | undefined> {
  const info = await stat(file, { bigint: true }).catch(() => undefined);
  return info && { size: info.size, time: info.mtimeNs };
}

/** `cacheFolder` keeps hashes of large files by path, size and time. */
export function createGuard(cacheFolder: string): Guard {
  const watched = new Map<string, Watched>();
  let held: { model: Model; hash: string } | undefined;

  /** A run is held to its own contents and to those of the checkpoint that it lies over. */
  async function verify(): Promise<void> {
    const { model, hash } = held!;
    const cache = hashCache(join(cacheFolder, 'hashes.json'));
    if ((await hashModel(model, cache)) !== hash) changed(model.folder);
    if (model.base && (await hashModel(await openModel(model.base.folder), cache)) !== model.base.hash) {
      changed(model.base.folder);
    }
    await cache.save();
  }

  return {
    async holdModel(model, hash) {
      held = { model, hash };
      const files = new Set([...model.tensors.values()].map((ref) => ref.file));
      files.add(join(model.folder, 'config.json'));
      // Times are taken before the contents are read, so that a change in between is seen by `check`.
      for (const file of files) {
        const seen = await look(file);
        if (seen) watched.set(file, seen);
      }
      await verify();
    },
    async check() {
      let touched = false;
      for (const [file, before] of watched) {
        const now = await look(file);
        if (now?.size === before.size && now.time === before.time) continue;
        if (!now) {
          fail('base-changed', `${file} has disappeared while the run reads it.`, {
            place: file,
            remedy: 'Put it back and resume the run.',
          });
        }
        watched.set(file, now);
        touched = true;
      }
      // Touched, perhaps with the same contents: only the hash tells.
      if (touched) await verify();
    },
  };
}

function changed(folder: string): never {
  fail('base-changed', `The model in ${folder} is not the one this run was planned with: its contents changed.`, {
    place: folder,
    remedy: 'Put the files back, or start a new run: strata run takes the model as it is now.',
  });
}
