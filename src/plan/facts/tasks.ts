import type { HashCache } from '../../base/hash-cache.ts';
import { fail } from '../../base/problem.ts';
import { resolveFiles } from '../../data/files.ts';
import { lines, readHead, readUtf8 } from '../../data/text-file.ts';
import type { Tokenizer } from '../../data/types.ts';
import type { FileFacts } from '../../experiment/facts.ts';
import type { ChoiceTask, GenerateTask } from '../../experiment/types.ts';
import { selectDocuments } from '../../tasks/selection.ts';
import type { TaskContent } from '../types.ts';
import type { FactCache } from './cache.ts';
import { hashFiles } from './corpora.ts';

/** A task of the experiment's own, as one file format per kind. */
export type OwnTask = ChoiceTask | GenerateTask;

interface TaskRecord {
  context: string;
  choices?: string[];
  answer: unknown;
}

/** What a record of each kind must hold, as a sentence and a test. */
const records: Record<OwnTask['kind'], { form: string; fits: (record: Record<string, unknown>) => boolean }> = {
  choice: {
    form: '{"context": "…", "choices": ["…", "…"], "answer": 0}',
    fits: ({ context, choices, answer }) =>
      typeof context === 'string' &&
      Array.isArray(choices) &&
      choices.length > 0 &&
      choices.every((c) => typeof c === 'string') &&
      Number.isInteger(answer) &&
      choices[answer as number] !== undefined,
  },
  generate: {
    form: '{"context": "…", "answer": "…"}',
    fits: ({ context, answer }) =>
      typeof context === 'string' &&
      (typeof answer === 'string' || (Array.isArray(answer) && answer.every((a) => typeof a === 'string'))),
  },
};

/** Files of a task, and whether the first record of each can be read. Fails where it cannot. */
export async function gatherTask(task: OwnTask, from: string): Promise<FileFacts> {
  const files = await resolveFiles(task.files, from);
  const shots = await resolveFiles(task.shots_from ?? [], from);
  if (files.length === 0)
    fail('task-empty', `No file belongs to this task: ${task.files.join(', ')} matches nothing.`, {
      remedy: 'Check the pattern under "files".',
    });
  for (const file of [...files, ...shots])
    for (const { text, number } of lines(await readHead(file))) {
      if (text.trim() === '') continue;
      parseRecord(task.kind, text, `${file}:${number}`);
      break;
    }
  return { files };
}

function parseRecord(kind: OwnTask['kind'], line: string, place: string): TaskRecord {
  const { form, fits } = records[kind];
  let record: unknown;
  try {
    record = JSON.parse(line);
  } catch {
    record = undefined;
  }
  if (typeof record !== 'object' || record === null || !fits(record as Record<string, unknown>))
    fail('invalid-task-record', `This record is no ${kind} record.`, { place, remedy: `Write ${form}.` });
  return record as TaskRecord;
}

/** Hashes of a task's files, and about how many tokens one evaluation of it runs through the model. */
export async function gatherTaskContent(
  task: OwnTask,
  files: readonly string[],
  from: string,
  { hashes, cache, tokenizer, tokenizerHash }: TaskOptions,
): Promise<TaskContent> {
  const own = await hashFiles(files, hashes);
  const shotFiles = task.shots_from && (await resolveFiles(task.shots_from, from));
  const shots = shotFiles && (await hashFiles(shotFiles, hashes));
  const maxTokens = task.kind === 'generate' ? task.max_tokens : 0;
  const { shots: shotCount, limit } = task;
  const key = { tokensOfTask: own.hash, tokenizerHash, maxTokens, shots: shotCount, limit, kind: task.kind };
  const tokens = tokenizer && (await cache.remember(key, () => countTokens(task, files, tokenizer, maxTokens)));
  const documents = await cache.remember({ documentsOfTask: own.hash, limit }, () => countDocuments(task, files));
  return { hashes: own.hashes, shotFiles, shotHashes: shots?.hashes, tokens, documents };
}

export interface TaskOptions {
  tokenizer: Tokenizer | undefined;
  tokenizerHash: string | undefined;
  hashes: HashCache;
  cache: FactCache;
}

/** Documents that are evaluated: records, up to the limit. */
async function countDocuments({ kind, limit }: OwnTask, files: readonly string[]): Promise<number> {
  let records = 0;
  for (const file of files) for (const { text } of lines(await readUtf8(file))) if (text.trim() !== '') records++;
  return selectDocuments(kind, records, { limit }).length;
}

/** Records that are tokenized; the others are taken to be like them. */
const sampled = 200;

/** Each request is a context with its shots and one continuation: a record of `choice` makes one a choice. */
async function countTokens(
  task: OwnTask,
  files: readonly string[],
  tokenizer: Tokenizer,
  maxTokens: number,
): Promise<number> {
  const all: TaskRecord[] = [];
  for (const file of files)
    for (const { text, number } of lines(await readUtf8(file)))
      if (text.trim() !== '') all.push(parseRecord(task.kind, text, `${file}:${number}`));
  const documents = selectDocuments(task.kind, all.length, { limit: task.limit }).length;
  const records = all.slice(0, Math.min(documents, sampled));
  const length = (text: string) => tokenizer.encode(text, { addSpecialTokens: false }).length;
  let tokens = 0;
  for (const { context, choices, answer } of records) {
    const first = choices?.[Number(answer)] ?? [answer].flat()[0];
    const shot = length(context) + length(String(first));
    const shots = task.shots * shot;
    const continuations = choices ?? [''];
    for (const choice of continuations) tokens += shots + length(context) + length(choice) + maxTokens;
  }
  return records.length === 0 ? 0 : Math.round((tokens / records.length) * documents);
}

/** Texts of the evaluated documents by `doc_id`, for overlaps: context and right answer. */
export async function taskTexts(task: OwnTask, files: readonly string[]): Promise<Map<number, string>> {
  const texts: string[] = [];
  for (const file of files)
    for (const { text, number } of lines(await readUtf8(file))) {
      if (text.trim() === '') continue;
      const { context, choices, answer } = parseRecord(task.kind, text, `${file}:${number}`);
      texts.push(`${context} ${choices?.[Number(answer)] ?? [answer].flat().join(' ')}`);
    }
  return new Map(selectDocuments(task.kind, texts.length, { limit: task.limit }).map((i) => [i, texts[i]!]));
}
