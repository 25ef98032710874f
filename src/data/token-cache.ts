import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { writeAtomic } from '../base/files.ts';
import { canonicalJson, sha256 } from '../base/hash.ts';
import { noProgress, type Progress } from '../base/log.ts';
import { fail } from '../base/problem.ts';
import { readCorpus } from './corpus.ts';
import { type TokenCorpus, tokenizeCorpus } from './token-corpus.ts';
import type { CorpusSource, Tokenizer } from './types.ts';

/** Raised when the same files and tokenizer give other tokens, or the layout changes. */
const version = 1;

/** A text corpus as tokens (of its training documents only), and how many documents are held out. */
export interface LoadedCorpus extends TokenCorpus {
  holdoutDocuments: number;
}

/**
 * The tokens of a text corpus, from `cacheFolder` if they were made before. Tokens are stored under everything that decides
 * them: contents, tokenizer, field, split, hold-out.
 * @throws Failure as `readCorpus`, `chatEncoder`; `tokenizer-needed` without a tokenizer
 */
export async function loadTokenCorpus(
  source: CorpusSource,
  files: readonly string[],
  tokenizer: Tokenizer | undefined,
  { cacheFolder, progress = noProgress }: { cacheFolder?: string; progress?: Progress } = {},
): Promise<LoadedCorpus> {
  const path = cacheFolder && source.tokenizer ? join(cacheFolder, `${cacheKey(source)}.tokens`) : undefined;
  const cached = path === undefined ? undefined : await read(path);
  if (cached) return cached;
  if (!tokenizer)
    fail('tokenizer-needed', 'A text corpus needs a tokenizer, and the model has none.', {
      place: files[0],
      remedy: 'Put tokenizer.json beside config.json, or train on token rows (`tokens:`).',
    });
  const corpus = await readCorpus(files, source);
  const tokens = await tokenizeCorpus(corpus, tokenizer, progress);
  const loaded = { ...tokens, holdoutDocuments: corpus.holdout.length };
  if (path !== undefined && cacheFolder !== undefined) {
    await mkdir(cacheFolder, { recursive: true });
    await writeAtomic(path, serialize(loaded));
  }
  return loaded;
}

function cacheKey({ hash, tokenizer, field, split, holdout }: CorpusSource): string {
  return sha256(canonicalJson({ version, hash, tokenizer, field, split, holdout })).slice(0, 32);
}

/** Header of a cache file: 16 bytes of numbers, then starts (float64), ids and, if they differ, labels (int32). */
function serialize({ ids, labels, starts, holdoutDocuments }: LoadedCorpus): Buffer {
  const sameLabels = labels === ids;
  const header = Uint32Array.of(starts.length, ids.length, sameLabels ? 0 : 1, holdoutDocuments);
  const parts = [header, starts, ids, ...(sameLabels ? [] : [labels])];
  return Buffer.concat(parts.map((p) => new Uint8Array(p.buffer, p.byteOffset, p.byteLength)));
}

/** What `serialize` wrote, or undefined if there is none or it was cut off. */
async function read(path: string): Promise<LoadedCorpus | undefined> {
  const file = await readFile(path).catch(() => undefined);
  if (!file || file.length < 16) return undefined;
  // A copy of its own stands at an offset that typed arrays can view.
  const { buffer } = Uint8Array.from(file);
  const [documents = 0, tokens = 0, ownLabels = 0, holdoutDocuments = 0] = new Uint32Array(buffer, 0, 4);
  const afterStarts = 16 + documents * 8;
  if (buffer.byteLength !== afterStarts + tokens * 4 * (1 + ownLabels)) return undefined;
  const ids = new Int32Array(buffer, afterStarts, tokens);
  const labels = ownLabels ? new Int32Array(buffer, afterStarts + tokens * 4, tokens) : ids;
  return { ids, labels, starts: new Float64Array(buffer, 16, documents), holdoutDocuments };
}
