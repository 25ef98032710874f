import { sha256 } from '../base/hash.ts';
import { fail } from '../base/problem.ts';
import { partBenchmark, readDocuments, shotsOf } from '../data/benchmark-data.ts';
import { readUtf8 } from '../data/text-file.ts';
import type { SampleRecord } from '../record/types.ts';
import type {
  AnswerBenchmark,
  AnswerQuestion,
  ChoiceBenchmark,
  ChoiceQuestion,
  Page,
  PagesBenchmark,
  SingleBenchmark,
} from '../tasks/benchmarks/types.ts';
import { countWords, utf8Bytes } from '../tasks/python-text.ts';
import { type Selection, selectDocuments, writtenSelection } from '../tasks/selection.ts';
import { type BenchmarkRequest, endText, type Prepared, type Work } from './benchmark-work.ts';
import { evaluateChoice } from './choice.ts';
import { createEncoder } from './encode.ts';
import { createPatternRunner } from './extract.ts';
import { evaluateGenerate, type Grader } from './generate.ts';
import { type ChoiceMetric, choiceScores, pooledScore, trueShare } from './metrics.ts';
import { evaluateLikelihood } from './perplexity.ts';
import { prepareProgram } from './program.ts';
import type { PromptFormat } from './prompt.ts';
import { needTokenizer } from './questions.ts';
import type { ShotRule } from './shots.ts';
import type { EvaluationTools, OnProgress, TaskResult } from './types.ts';

type Prepare<B extends SingleBenchmark> = (work: Work<B>) => Promise<Prepared>;

/** Every form of benchmark there is. */
const forms: { [F in SingleBenchmark['form']]: Prepare<Extract<SingleBenchmark, { form: F }>> } = {
  choice: prepareChoice,
  answer: prepareAnswer,
  pages: preparePages,
  program: prepareProgram,
};

/**
 * Evaluates a built-in benchmark; the members of a group one after the other, documents numbered through, each member with
 * its own shots. A limit holds for each member.
 */
export async function evaluateBenchmark(
  task: BenchmarkRequest,
  tools: EvaluationTools,
  given: Selection,
  onProgress: OnProgress,
): Promise<TaskResult> {
  const parts = task.parts ?? [];
  const written = writtenSelection(task.spec).documents;
  const selection: Selection = { documents: given.documents ?? written, limit: given.limit };
  if (parts.length > 1 && selection.documents)
    fail('usage-documents', `${task.spec.benchmark} is a group: a list of documents is one of a single benchmark.`, {
      remedy: 'Name one of its members, or use a limit, which holds for each.',
    });
  const prepared: { name: string; work: Prepared }[] = [];
  for (const part of parts) {
    const row = partBenchmark(part);
    const prepare = forms[row.form] as Prepare<SingleBenchmark>;
    prepared.push({ name: row.name, work: await prepare({ row, part, task, tools, selection }) });
  }
  const [only] = prepared;
  if (only && prepared.length === 1) return only.work.evaluate(onProgress);

  const total = prepared.reduce((sum, { work }) => sum + work.asked, 0);
  const results: TaskResult[] = [];
  let [done, first] = [0, 0];
  const samples: SampleRecord[] = [];
  for (const { name, work } of prepared) {
    const before = done;
    const result = await work.evaluate((n, of) => onProgress(before + Math.floor((work.asked * n) / of), total));
    samples.push(...result.samples.map((s) => ({ ...s, doc_id: s.doc_id + first, benchmark: name })));
    results.push(result);
    first += work.documents;
    done += work.asked;
  }
  const metrics = Object.keys(results[0]?.scores ?? {});
  return {
    samples,
    scores: Object.fromEntries(metrics.map((m) => [m, pooledScore(results.map((r) => r.scores[m]!))])),
    warnings: results.flatMap((r, i) => r.warnings.map((w) => `${prepared[i]!.name}: ${w}`)),
  };
}

async function prepareChoice(work: Work<ChoiceBenchmark>): Promise<Prepared> {
  const { row, part, task, tools, selection } = work;
  const flat = (d: { question: ChoiceQuestion; record: object }) => ({ ...d.question, record: d.record });
  const documents = (await readDocuments(row, row.read, part.split, part.files)).map(flat);
  const pool = part.shots ? (await readDocuments(row, row.read, part.shots.split, part.shots.files)).map(flat) : [];
  type Document = (typeof documents)[number];
  const set = {
    ...questions(work),
    documents,
    pool,
    turn: (d: Document) => ({ question: d.context, answer: d.choices[d.gold]! }),
    variants: (d: Document) => d.contexts,
    judge: ({ choices, gold, truths }: Document, loglikelihoods: readonly number[]) =>
      truths
        ? { acc: trueShare(loglikelihoods, truths) }
        : choiceScores(row.metrics as readonly ChoiceMetric[], loglikelihoods, choices, gold),
  };
  return {
    documents: documents.length,
    asked: selectDocuments(task.name, documents.length, selection).length,
    evaluate: async (onProgress) => withSplit(work, await evaluateChoice(set, tools, onProgress)),
  };
}

async function prepareAnswer(work: Work<AnswerBenchmark>): Promise<Prepared> {
  const { row, part, task, tools, selection } = work;
  const flat = (d: { question: AnswerQuestion; record: object }) => ({
    context: d.question.context,
    answers: [d.question.answer],
    record: d.record,
  });
  const documents = (await readDocuments(row, row.read, part.split, part.files)).map(flat);
  const fixed = row.fixedShots?.map((question, i) => flat({ question, record: { shot: i } }));
  const drawn = part.shots && (await readDocuments(row, row.read, part.shots.split, part.shots.files)).map(flat);
  const set = {
    ...questions(work),
    documents,
    pool: fixed ?? drawn ?? [],
    turn: (d: (typeof documents)[number]) => ({ question: d.context, answer: d.answers[0]! }),
    maxTokens: task.spec.max_tokens ?? row.maxTokens,
    stop: [...row.stop, ...endText(work)],
    graders: row.rules.map(
      ({ metric, label, find, same }): Grader => ({
        metric,
        label,
        filter: async (text) => find(text),
        correct: async (found, answers) => answers.some((answer) => same(found, answer)),
      }),
    ),
  };
  return {
    documents: documents.length,
    asked: selectDocuments(task.name, documents.length, selection).length,
    async evaluate(onProgress) {
      const patterns = createPatternRunner();
      try {
        return withSplit(work, await evaluateGenerate(set, tools, patterns, onProgress));
      } finally {
        await patterns.close();
      }
    },
  };
}

/** Whole pages in rolling windows, BOS predicted like any token; words and bytes are those before detokenisation. */
async function preparePages(work: Work<PagesBenchmark>): Promise<Prepared> {
  const { row, part, task, tools, selection } = work;
  const pages: Page[] = [];
  for (const file of part.files) {
    const isText = !/\.(jsonl?|parquet|csv)(\.gz)?$/.test(file);
    if (isText) pages.push(...row.pages((await readUtf8(file)).toString('utf8')));
    else for (const { question } of await readDocuments(row, row.read, part.split, [file])) pages.push(question);
  }
  const chosen = selectDocuments(task.name, pages.length, selection);
  return {
    documents: pages.length,
    asked: chosen.length,
    async evaluate(onProgress) {
      const encoder = createEncoder(needTokenizer(task.name, tools.tokenizer));
      const documents = chosen.map((doc_id) => {
        const { text, original } = pages[doc_id]!;
        const counts = { words: countWords(original), bytes: utf8Bytes(original) };
        const document = { hash: sha256(text), prefix: encoder.prefixId, tokens: encoder.encode(text), ...counts };
        return { doc_id, document };
      });
      return withSplit(work, await evaluateLikelihood({ task: task.name, documents }, tools, onProgress));
    },
  };
}

/** What benchmarks with shots share: format, shots and the documents chosen. */
function questions({ row, part, task, selection }: Work<ChoiceBenchmark | AnswerBenchmark>) {
  const format: PromptFormat = {
    description: row.description ?? '',
    targetDelimiter: ' ',
    shotDelimiter: '\n\n',
    chat: task.spec.chat ?? false,
  };
  const shots: ShotRule = {
    count: shotsOf(task.spec, row),
    sampler: row.sampler,
    ownSplit: row.drawOneMore === true || part.shots?.split === part.split,
  };
  return { task: task.name, selection, format, shots };
}

/** Says so where the data had only a later choice of the splits that are evaluated. */
function withSplit({ row, part }: Pick<Work<SingleBenchmark>, 'row' | 'part'>, result: TaskResult): TaskResult {
  if (part.split === row.evaluated[0]) return result;
  const missing = `Evaluated on the ${part.split} split: there is no ${row.evaluated[0]} split here.`;
  return { ...result, warnings: [...result.warnings, missing] };
}
