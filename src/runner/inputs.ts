import { join } from 'node:path';
import { hashCache } from '../base/hash-cache.ts';
import { fail } from '../base/problem.ts';
import { hashTokenizer, openTokenizer } from '../data/tokenizer.ts';
import type { Tokenizer } from '../data/types.ts';
import { adapterWeightsName } from '../model/adapter.ts';
import type { Model } from '../model/types.ts';
import { hashFiles } from '../plan/facts/corpora.ts';
import { taskHash } from '../plan/tasks.ts';
import type { CorpusIdentity, TaskRequest } from '../plan/types.ts';

/*
 * A run may wait long between its plan and its start. What its spec names by hash is therefore hashed again when it is read:
 * other contents would be another run under this one's name.
 */

const hashes = hashCache();

/** The model's tokenizer; undefined where it has none. */
export async function tokenizerOf(model: Model): Promise<Tokenizer | undefined> {
  return model.tokenizerFolder === undefined ? undefined : openTokenizer(model.tokenizerFolder);
}

/** Fails with `corpus-changed` if the files are not those the run was planned with. */
export async function holdCorpus(identity: CorpusIdentity, files: readonly string[], model: Model): Promise<void> {
  if ((await hashFiles(files, hashes)).hash !== identity.hash) changed('corpus-changed', 'corpus', files);
  if (identity.tokenizer === undefined || model.tokenizerFolder === undefined) return;
  if ((await hashTokenizer(model.tokenizerFolder)) !== identity.tokenizer) {
    changed('tokenizer-changed', 'tokenizer', [model.tokenizerFolder]);
  }
}

/** Fails with `adapter-changed` if the adapter's weights are not those the run was planned with. */
export async function holdAdapter(hash: string, folder: string): Promise<void> {
  const file = join(folder, adapterWeightsName);
  if ((await hashes.hashFile(file)) !== hash) changed('adapter-changed', 'adapter', [file]);
}

/** Fails with `task-changed` if the task's files are not those the run was asked to evaluate. */
export async function holdTask(task: TaskRequest, model: Model): Promise<void> {
  if (task.corpus) return holdCorpus(task.corpus, task.files, model);
  const own = await hashFiles(task.files, hashes);
  const shots = task.shotFiles && (await hashFiles(task.shotFiles, hashes));
  if (taskHash(task.spec, own.hashes, shots?.hashes, task.parts) !== task.hash) {
    changed('task-changed', `task ${task.name}`, [...task.files, ...(task.shotFiles ?? [])]);
  }
}

function changed(code: string, what: string, files: readonly string[]): never {
  fail(code, `The ${what} is not the one this run was planned with: ${files.join(', ')} changed since.`, {
    place: files[0],
    remedy: 'Put the files back, or start again: strata run takes them as they are now.',
  });
}
