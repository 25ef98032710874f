import { sha256 } from '../base/hash.ts';
import { fail } from '../base/problem.ts';
import { readDocuments, shotsOf } from '../data/benchmark-data.ts';
import type { SampleRecord } from '../record/types.ts';
import type { ProgramBenchmark, ProgramQuestion } from '../tasks/benchmarks/types.ts';
import { selectDocuments } from '../tasks/selection.ts';
import { endText, type Prepared, type Work } from './benchmark-work.ts';
import { generateTexts } from './generate.ts';
import { meanScore } from './metrics.ts';
import { passAtK } from './pass-at-k.ts';
import { ask, needTokenizer, truncationWarning } from './questions.ts';
import { openSandbox } from './sandbox/open.ts';
import type { Sandbox, Verdict } from './sandbox/types.ts';
import type { OnProgress, TaskResult } from './types.ts';

/** Programs that run at once: each takes a core and some 200 MB. */
const atOnce = 2;

/** Benchmarks whose answers are programs: n programs a problem, each run in the sandbox; pass@k. */
export async function prepareProgram(work: Work<ProgramBenchmark>): Promise<Prepared> {
  const { row, part, task, tools, selection } = work;
  const { samples: perProblem = 1, seed = 0 } = task.spec;
  const several = perProblem > 1;
  const { temperature = several ? 0.2 : 0, top_p: topP = temperature > 0 ? 0.95 : 1 } = task.spec;
  const ks = task.spec.k ?? [1, 10, 100].filter((k) => k <= perProblem);
  const tooMany = ks.find((k) => k > perProblem);
  if (tooMany !== undefined)
    fail('invalid-task', `pass@${tooMany} of ${task.name} needs ${tooMany} programs a problem, not ${perProblem}.`, {
      remedy: `Write samples: ${tooMany}, or a smaller k.`,
    });
  const documents = (await readDocuments(row, row.read, part.split, part.files)).map((d) => d.question);
  const chosen = selectDocuments(task.name, documents.length, selection).length;

  async function evaluate(onProgress: OnProgress): Promise<TaskResult> {
    const tokenizer = needTokenizer(task.name, tools.tokenizer);
    const questions = ask(questionSet(work, documents), tokenizer);
    // Opened before anything is generated: a sandbox that is missing is to be known at once.
    const sandbox = await (tools.openSandbox ?? openSandbox)(task.spec.sandbox ?? 'pyodide');
    try {
      const total = 2 * questions.length * perProblem;
      const contexts = questions.flatMap(({ context }) => Array.from({ length: perProblem }, () => context));
      const generation = { maxTokens: task.spec.max_tokens ?? row.maxTokens, stop: [...row.stop, ...endText(work)] };
      const sampling = { temperature, topP, seed };
      const generated = await generateTexts(
        contexts,
        generation,
        tokenizer,
        tools,
        (n) => onProgress(n, total),
        sampling,
      );
      const programs = generated.texts.map((text, i) => questions[Math.floor(i / perProblem)]!.document.program(text));
      const verdicts = await runAll(sandbox, programs, (n) => onProgress(total / 2 + n, total));
      const samples = questions.map(({ doc_id, document, context, prompt_hash }, i): SampleRecord => {
        const [from, to] = [i * perProblem, (i + 1) * perProblem];
        const own = verdicts.slice(from, to);
        const passed = own.filter((v) => v.passed).length;
        const texts = generated.texts.slice(from, to);
        return {
          doc_id,
          prompt_hash,
          target_hash: sha256(document.tests),
          context,
          target: document.solution,
          generated: several ? texts : texts[0],
          program_sha256: several ? programs.slice(from, to).map(sha256) : sha256(programs[from]!),
          detail: several ? own.map((v) => v.detail) : own[0]!.detail,
          truncated: generated.truncated[from],
          ...Object.fromEntries(ks.map((k) => [`pass@${k}`, passAtK(perProblem, passed, k)])),
        };
      });
      const scores = ks.map((k) => {
        const score = meanScore(samples.map((s) => s[`pass@${k}`] as number));
        return [`pass@${k}`, { ...score, sandbox: sandbox.description }];
      });
      return {
        samples,
        scores: Object.fromEntries(scores),
        warnings: truncationWarning(generated.truncated, tools.scorer.model.config.maxPositions),
      };
    } finally {
      await sandbox.close();
    }
  }
  return { documents: documents.length, asked: chosen, evaluate };
}

function questionSet({ row, task, selection }: Work<ProgramBenchmark>, documents: ProgramQuestion[]) {
  const count = Math.min(shotsOf(task.spec, row), row.fixedShots.length);
  const shots = row.fixedShots.map(
    (shot): ProgramQuestion => ({ ...asQuestion, context: shot.question, solution: shot.answer }),
  );
  return {
    task: task.name,
    documents,
    selection,
    pool: shots,
    shots: { count, sampler: 'first', ownSplit: false } as const,
    format: {
      description: '',
      targetDelimiter: row.targetDelimiter,
      shotDelimiter: '\n\n',
      chat: task.spec.chat ?? false,
    },
    turn: ({ context, solution }: ProgramQuestion) => ({ question: context, answer: solution }),
  };
}
/** A shot is shown, never run. */
const asQuestion = { tests: '', program: () => '' };

/** All programs, some at once; verdicts in the order of the programs. */
export async function runAll(
  sandbox: Sandbox,
  programs: readonly string[],
  onProgress: (done: number) => void,
): Promise<Verdict[]> {
  const verdicts = new Array<Verdict>(programs.length);
  let [next, done] = [0, 0];
  const worker = async () => {
    while (next < programs.length) {
      const i = next++;
      verdicts[i] = await sandbox.run(programs[i]!);
      onProgress(++done);
    }
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
  return verdicts;
}
