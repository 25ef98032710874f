import { stat } from 'node:fs/promises';
import { canonicalJson, sha256 } from '../../base/hash.ts';
import type { HashCache } from '../../base/hash-cache.ts';
import type { Progress } from '../../base/log.ts';
import { firstDocuments, readCorpus } from '../../data/corpus.ts';
import { resolveFiles } from '../../data/files.ts';
import { loadTokenCorpus } from '../../data/token-cache.ts';
import { documentEncoder } from '../../data/token-corpus.ts';
import { firstTokenRows, readTokenRows } from '../../data/token-rows.ts';
import type { CorpusDocument, CorpusSource, Tokenizer } from '../../data/types.ts';
import type { CorpusFacts } from '../../experiment/facts.ts';
import type { CorpusSpec } from '../../experiment/types.ts';
import type { CorpusContent } from '../types.ts';
import type { FactCache } from './cache.ts';

/** Files of a corpus, whether its first records can be read, and whether they are chat. Fails where they cannot. */
export async function gatherCorpus(spec: CorpusSpec, from: string): Promise<CorpusFacts> {
  const files = await resolveFiles(spec.files, from);
  if (spec.kind === 'tokens') {
    await firstTokenRows(files);
    return { files };
  }
  const { chat } = await firstDocuments(files, spec);
  return { files, chat };
}

/** sha256 over the contents of files, in order. */
export async function hashFiles(
  files: readonly string[],
  cache: HashCache,
): Promise<{ hashes: string[]; hash: string }> {
  const hashes: string[] = [];
  for (const file of files) hashes.push(await cache.hashFile(file));
  return { hashes, hash: sha256(canonicalJson(hashes)) };
}

export interface CountOptions {
  tokenizer: Tokenizer | undefined;
  tokenizerHash: string | undefined;
  /** Count all of it, however large: the number of steps depends on it. */
  exactly: boolean;
  hashes: HashCache;
  cache: FactCache;
  progress: Progress;
}

/** Text larger than this is sampled: tokenizing it would keep a reader of the plan waiting. */
const exactBelow = 16 * 2 ** 20;
/** Characters that a sample holds at least. */
const sampleCharacters = 2 * 2 ** 20;

/** What a corpus holds, counted once for each content; fails where it cannot be read. */
export async function countCorpus(
  name: string,
  spec: CorpusSpec,
  files: readonly string[],
  options: CountOptions,
): Promise<CorpusContent> {
  const { hash } = await hashFiles(files, options.hashes);
  if (spec.kind === 'tokens') {
    const key = { rows: hash };
    const rows = await options.cache.remember(key, async () => {
      const { rows, sequence } = await readTokenRows(files);
      return { rows, sequence };
    });
    return {
      name,
      kind: 'tokens',
      hash,
      documents: rows.rows,
      tokens: rows.rows * rows.sequence,
      exact: true,
      holdoutDocuments: 0,
      rowLength: rows.sequence,
    };
  }
  const { field, split, holdout } = spec;
  const source: CorpusSource = { kind: 'text', hash, tokenizer: options.tokenizerHash, field, split, holdout };
  const small = options.exactly || (await bytesOf(files)) <= exactBelow;
  const count = await options.cache.remember({ count: source, exact: small }, () =>
    (small ? countExactly : estimate)(name, source, files, options),
  );
  return { name, kind: 'text', hash, exact: small, ...count };
}

type Count = Pick<CorpusContent, 'documents' | 'tokens' | 'holdoutDocuments'>;

/** Counts all tokens; they are kept in the cache, where the run finds them. */
async function countExactly(
  name: string,
  source: CorpusSource,
  files: readonly string[],
  { tokenizer, cache, progress }: CountOptions,
): Promise<Count> {
  const named: Progress = { report: (_, done, total) => progress.report(`reading ${name}`, done, total) };
  const corpus = await loadTokenCorpus(source, files, tokenizer, { cacheFolder: cache.folder, progress: named });
  return {
    documents: corpus.starts.length - 1,
    tokens: corpus.ids.length,
    holdoutDocuments: corpus.holdoutDocuments,
  };
}

/** Counts the tokens of evenly spread documents and scales them by characters. */
async function estimate(
  name: string,
  source: CorpusSource,
  files: readonly string[],
  { tokenizer, progress }: CountOptions,
): Promise<Count> {
  const { documents, holdout, chat } = await readCorpus(files, source);
  const counts = { documents: documents.length, holdoutDocuments: holdout.length };
  if (tokenizer === undefined) return { ...counts, tokens: 0 };
  const encode = documentEncoder(tokenizer, chat);
  const characters = documents.reduce((sum, d) => sum + d.text.length, 0);
  let [seen, tokens] = [0, 0];
  for (const document of spread(documents)) {
    tokens += encode(document).ids.length;
    seen += document.text.length;
    progress.report(`sampling ${name}`, Math.min(seen, sampleCharacters), sampleCharacters);
    if (seen >= sampleCharacters) break;
  }
  return { ...counts, tokens: Math.round((tokens / seen) * characters) };
}

/** All documents, in an order in which every beginning is spread over the whole: multiples of the golden ratio. */
function* spread(documents: readonly CorpusDocument[]): Generator<CorpusDocument> {
  const golden = (Math.sqrt(5) - 1) / 2;
  const n = documents.length;
  for (let i = 0; i < n; i++) yield documents[Math.floor(((i * golden) % 1) * n)] as CorpusDocument;
}

export async function bytesOf(files: readonly string[]): Promise<number> {
  const sizes = await Promise.all(files.map(async (file) => (await stat(file)).size));
  return sizes.reduce((a, b) => a + b, 0);
}
