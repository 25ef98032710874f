import type { TaskKind } from '../kinds.ts';

/** Parts of a data set, as their publishers name them. */
export const splits = ['train', 'validation', 'dev', 'test'] as const;
export type Split = (typeof splits)[number];

/** One record of a data set, as it stands in the file. */
export type RawRecord = Readonly<Record<string, unknown>>;

/** Where a benchmark's data come from: nothing is downloaded, so people have to know. */
export interface DataSource {
  /** Data set and publisher. */
  from: string;
  license: string;
  /** What one record holds. */
  record: string;
  /**
   * Where the files of each split lie in the folder STRATA_DATA: patterns, of which the first that matches a file is taken.
   * `{subject}` stands for the subject.
   */
  places: Partial<Record<Split, readonly string[]>>;
}

/** A question and what is scored behind it. */
export interface ChoiceQuestion {
  context: string;
  choices: string[];
  /** Index of the right choice. */
  gold: number;
  /** Where the choices stand in the context and the scored text is the same (winogrande): one context a choice. */
  contexts?: string[];
  /** Which choices are true, where there are several (truthfulqa_mc2). */
  truths?: boolean[];
}

/** A question, and the answer as it stands in the data. */
export interface AnswerQuestion {
  context: string;
  answer: string;
  /** In a shot the answer may be longer than what is compared. */
  shot?: string;
}

/** A function to be written, and the program that tests it. */
export interface ProgramQuestion {
  context: string;
  /** The reference solution as the model would have to write it. */
  solution: string;
  /** What a solution has to pass. */
  tests: string;
  /** The whole program that must end without an error, made of what the model wrote. */
  program(completion: string): string;
}

/** One page of running text. */
export interface Page {
  /** As it is scored. */
  text: string;
  /** As it is counted: words and bytes. */
  original: string;
}

/** How a written answer is judged. */
export interface AnswerRule {
  metric: string;
  /** Key of `filtered` in the sample; without one `filtered` is the text itself. */
  label?: string;
  /** The answer in the generated text, or undefined. */
  find(generated: string): string | undefined;
  same(found: string, answer: string): boolean;
}

/** Reads a record; a text is the end of the sentence "The record …". */
export type Read<T> = (record: RawRecord) => T | string;

/** What every benchmark has. The first metric is the primary one. */
interface Named {
  name: string;
  /** The kind of own task it is like. */
  kind: TaskKind['name'];
  metrics: readonly [string, ...string[]];
  summary: string;
}

/** What benchmarks with data of their own have. */
interface WithData extends Named {
  source: DataSource;
  /** Stands for `{subject}` in the places of the data. */
  subject?: string;
  /** Whether a record belongs here, where a file holds more than one benchmark or split. */
  belongs?(record: RawRecord, split: Split): boolean;
  /** Names of the columns of a CSV file without a head line. */
  columns?: readonly string[];
  /** The key of a record's label, where publications have labels in a file of their own: `X-labels.lst` beside `X.jsonl`, a line each. */
  labels?: string;
  /** Splits that are evaluated: the first that is there. */
  evaluated: readonly Split[];
}

/** What benchmarks with shots have (knowledge of lm-evaluation-harness: its YAML files). */
interface WithShots extends WithData {
  description?: string;
  /** Default number of shots. */
  shots: number;
  sampler: 'random' | 'first';
  /** Where shots come from: the first split that is there; `drawOneMore`: one more is drawn, the document itself dropped. */
  shotSplits: readonly Split[];
  drawOneMore?: boolean;
}

export interface ChoiceBenchmark extends WithShots {
  form: 'choice';
  read: Read<ChoiceQuestion>;
}

export interface AnswerBenchmark extends WithShots {
  form: 'answer';
  read: Read<AnswerQuestion>;
  /** Shots that are the same for everyone, instead of a split's. */
  fixedShots?: readonly AnswerQuestion[];
  maxTokens: number;
  stop: readonly string[];
  rules: readonly AnswerRule[];
}

export interface PagesBenchmark extends WithData {
  form: 'pages';
  /** Of a whole text file. */
  pages(text: string): Page[];
  read: Read<Page>;
}

export interface ProgramBenchmark extends WithData {
  form: 'program';
  read: Read<ProgramQuestion>;
  fixedShots: readonly { question: string; answer: string }[];
  /** Default number of shots. */
  shots: number;
  targetDelimiter: string;
  maxTokens: number;
  stop: readonly string[];
}

/** Several benchmarks under one name; documents count alike. */
export interface GroupBenchmark extends Named {
  form: 'group';
  members: readonly string[];
}

export type Benchmark = ChoiceBenchmark | AnswerBenchmark | PagesBenchmark | ProgramBenchmark | GroupBenchmark;
export type SingleBenchmark = Exclude<Benchmark, GroupBenchmark>;
