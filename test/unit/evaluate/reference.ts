import { readFileSync } from 'node:fs';
import type { TaskSpec } from '../../../src/experiment/types.ts';
import type { TaskRequest } from '../../../src/plan/types.ts';
import { data } from '../../support.ts';

/** One recorded document of lm-evaluation-harness. */
export interface ReferenceSample {
  doc_id: number;
  context: string;
  continuations: string[];
  loglikelihoods: number[];
  is_greedy: boolean[];
  context_left_truncated: boolean[];
  gold: number;
  acc: number;
  prompt_hash: string;
  target_hash: string;
  [field: string]: unknown;
}

const lines = (file: string) => readFileSync(data(file), 'utf8').split('\n').filter(Boolean);

export function referenceSamples(name: string): ReferenceSample[] {
  return lines(`reference/lm-eval/samples_${name}.jsonl`).map((l) => JSON.parse(l));
}

/** ARC as records of an own choice task, with the harness's prompt. */
export function arcRecords(split: 'Dev' | 'Test'): object[] {
  return lines(`arc/ARC-Challenge-${split}.jsonl`).map((line) => {
    const { question, answerKey } = JSON.parse(line);
    const labels: string[] = question.choices.map((c: { label: string }) => c.label);
    return {
      context: `Question: ${question.stem}\nAnswer:`,
      choices: question.choices.map((c: { text: string }) => c.text),
      answer: labels.indexOf(answerKey),
    };
  });
}

/** One subject of MMLU in the same way. Its CSV has quoted cells with doubled quotes and line breaks. */
export function mmluRecords(split: 'dev' | 'test'): object[] {
  const text = readFileSync(data(`mmlu/high_school_chemistry_${split}.csv`), 'utf8');
  const rows: string[][] = [[]];
  for (const [, quoted, plain, end] of text.matchAll(/(?:"((?:[^"]|"")*)"|([^",\r\n]*))(,|\r?\n|$)/g)) {
    rows.at(-1)!.push(quoted?.replaceAll('""', '"') ?? plain!);
    if (end !== ',') rows.push([]);
  }
  return rows
    .filter((r) => r.length === 6)
    .map(([question, a, b, c, d, answer]) => ({
      context: `${question!.trim()}\nA. ${a}\nB. ${b}\nC. ${c}\nD. ${d}\nAnswer:`,
      choices: ['A', 'B', 'C', 'D'],
      answer: 'ABCD'.indexOf(answer!),
    }));
}

/** GSM8K in the same way; `indices` picks records. */
export function gsm8kRecords(split: 'train' | 'test', indices?: readonly number[]): object[] {
  const all = lines(`gsm8k/${split}.jsonl`);
  return (indices?.map((i) => all[i]!) ?? all).map((line) => {
    const { question, answer } = JSON.parse(line);
    return { context: `Question: ${question}\nAnswer:`, answer };
  });
}

/** A task of one's own on these files with the defaults of the experiment language, as a request. */
export function ownRequest(spec: object, files: string[], shotFiles: string[]): TaskRequest {
  const defaults = { files, target_delimiter: ' ', shot_delimiter: '\n\n', shots: 0, sampler: 'random', chat: false };
  return { name: 'parity', spec: { ...defaults, ...spec } as TaskSpec, files, shotFiles, hash: '' };
}
