import {
  type BenchmarkPart,
  partBenchmark,
  readDocuments,
  resolveBenchmark,
  shotsOf,
} from '../../data/benchmark-data.ts';
import { readUtf8 } from '../../data/text-file.ts';
import type { FileFacts } from '../../experiment/facts.ts';
import type { BenchmarkTask } from '../../experiment/types.ts';
import type { SingleBenchmark, Split } from '../../tasks/benchmarks/types.ts';
import { selectDocuments, writtenSelection } from '../../tasks/selection.ts';
import type { TaskContent } from '../types.ts';
import { hashFiles } from './corpora.ts';
import type { TaskOptions } from './tasks.ts';

/** One document, as far as counting and overlaps need it: its prompt, what is scored behind it, and the right answer. */
interface Text {
  context: string;
  continuations: readonly string[];
  answer: string;
}

/** Documents of each form as texts. */
const texts: { [F in SingleBenchmark['form']]: Reader<Extract<SingleBenchmark, { form: F }>> } = {
  choice: async (row, split, files) =>
    (await readDocuments(row, row.read, split, files)).map(({ question: { context, choices, gold } }) => ({
      context,
      continuations: choices,
      answer: choices[gold]!,
    })),
  answer: async (row, split, files) =>
    (await readDocuments(row, row.read, split, files)).map(({ question: { context, answer } }) => ({
      context,
      continuations: [''],
      answer,
    })),
  pages: async (row, split, files) => {
    const pages: Text[] = [];
    for (const file of files) {
      const isText = !/\.(jsonl?|parquet|csv)(\.gz)?$/.test(file);
      const read = isText
        ? row.pages((await readUtf8(file)).toString('utf8'))
        : (await readDocuments(row, row.read, split, [file])).map((d) => d.question);
      pages.push(...read.map(({ text }) => ({ context: text, continuations: [''], answer: '' })));
    }
    return pages;
  },
  program: async (row, split, files) =>
    (await readDocuments(row, row.read, split, files)).map(({ question: { context, solution } }) => ({
      context,
      continuations: [''],
      answer: solution,
    })),
};
type Reader<B> = (row: B, split: Split, files: readonly string[]) => Promise<Text[]>;

function textsOf(part: BenchmarkPart): Promise<Text[]> {
  const row = partBenchmark(part);
  return (texts[row.form] as Reader<SingleBenchmark>)(row, part.split, part.files);
}

/** The files of a benchmark, and whether those of its first part can be read. Fails where they cannot. */
export async function gatherBenchmark(task: BenchmarkTask, from: string): Promise<FileFacts> {
  const parts = await resolveBenchmark(task, from);
  await textsOf(parts[0]!);
  return { files: filesOf(parts) };
}

const filesOf = (parts: readonly BenchmarkPart[]) => parts.flatMap((p) => p.files);
const shotFilesOf = (parts: readonly BenchmarkPart[]) => parts.flatMap((p) => p.shots?.files ?? []);

/** Hashes of a benchmark's files, and about how many tokens one evaluation of it runs through the model. */
export async function gatherBenchmarkContent(
  task: BenchmarkTask,
  from: string,
  { hashes, cache, tokenizer, tokenizerHash }: TaskOptions,
): Promise<TaskContent> {
  const parts = await resolveBenchmark(task, from);
  const own = await hashFiles(filesOf(parts), hashes);
  const shotFiles = shotFilesOf(parts);
  const shots = shotFiles.length > 0 ? await hashFiles(shotFiles, hashes) : undefined;
  const { files: _, ...how } = task;
  const key = { tokensOfBenchmark: how, tokenizerHash, files: own.hash };
  const tokens =
    tokenizer &&
    (await cache.remember(key, async () => {
      const length = (text: string) => tokenizer.encode(text, { addSpecialTokens: false }).length;
      let sum = 0;
      for (const part of parts) sum += await countPart(part, task, length);
      return Math.round(sum);
    }));
  const shotFacts = shots && { shotFiles, shotHashes: shots.hashes };
  const documents = await cache.remember({ documentsOfBenchmark: how, files: own.hash }, async () => {
    let sum = 0;
    for (const part of parts) sum += evaluatedOf(task, await textsOf(part)).length;
    return sum;
  });
  return { hashes: own.hashes, parts, ...shotFacts, tokens, documents };
}

/** Documents that are tokenized; the others are taken to be like them. */
const sampled = 100;

async function countPart(part: BenchmarkPart, task: BenchmarkTask, length: (text: string) => number): Promise<number> {
  const row = partBenchmark(part);
  const all = await textsOf(part);
  const some = all.slice(0, sampled);
  const generated = 'maxTokens' in row ? (task.max_tokens ?? row.maxTokens) * (task.samples ?? 1) : 0;
  const tokens = some.reduce((sum, { context, continuations, answer }) => {
    const question = length(context);
    const shots = shotsOf(task, row) * (question + length(answer));
    return sum + continuations.reduce((s, c) => s + shots + question + length(c), 0) + generated;
  }, 0);
  return (tokens / some.length) * evaluatedOf(task, all).length;
}

/** Which of a part's documents are evaluated. Fails with `unknown-document`. */
function evaluatedOf(task: BenchmarkTask, all: readonly Text[]): number[] {
  return selectDocuments(task.benchmark, all.length, writtenSelection(task));
}

/** Texts of the evaluated documents by `doc_id`, for overlaps: context and right answer. */
export async function benchmarkTexts(
  task: BenchmarkTask,
  parts: readonly BenchmarkPart[],
): Promise<Map<number, string>> {
  const found = new Map<number, string>();
  let first = 0;
  for (const part of parts) {
    const all = await textsOf(part);
    for (const i of evaluatedOf(task, all)) found.set(first + i, `${all[i]!.context} ${all[i]!.answer}`);
    first += all.length;
  }
  return found;
}
