import { mkdir } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { writeAtomic, writeJsonAtomic } from '../../base/files.ts';
import { fail } from '../../base/problem.ts';
import { openTokenizer } from '../../data/tokenizer.ts';
import type { Device } from '../../device/types.ts';
import { createGenerator } from '../../engine/generator.ts';
import { createScorer } from '../../engine/scorer.ts';
import { evaluateTask } from '../../evaluate/tasks.ts';
import type { TaskResult } from '../../evaluate/types.ts';
import type { Model } from '../../model/types.ts';
import { layout, samplesFile } from '../../record/layout.ts';
import type { Scores } from '../../record/types.ts';
import { parseDocuments, type Selection } from '../../tasks/selection.ts';
import { openModelArgument } from '../model-argument.ts';
import { chooseComputing, computing, wholeNumber } from '../options.ts';
import { createProgress } from '../progress.ts';
import { readTasksFile, type Tasks, taskRequests } from '../tasks-file.ts';
import type { Verb } from '../verb.ts';

/** Evaluates a model on tasks: `scores.json` and `samples/` in a folder, a table on stdout. */
export const evaluate: Verb = {
  name: 'evaluate',
  summary: 'scores of a model on tasks, with a record of every document',
  configure(command) {
    computing(
      command
        .argument('<model>', 'folder, run, or an id in the local Hugging Face cache')
        .option('--tasks <a,b>', 'tasks by name, also perplexity:CORPUS (default: all in --tasks-file)')
        .option('--tasks-file <file>', 'the tasks: mapping of an experiment, or an experiment; paths relative to it')
        .option('--shots <n>', 'examples in each prompt')
        .option('--limit <n>', 'only the first documents; below 1 a share of them')
        .option('--documents <list>', 'only these, by number from 0: 100-139')
        .requiredOption('--out <dir>', 'folder for scores.json and samples/'),
    );
  },
  async run(io, [argument = ''], options) {
    const chosen = await chooseComputing(io, options);
    const selection: Selection = {
      limit: options['limit'] === undefined ? undefined : documentLimit(options['limit']),
      documents: options['documents'] === undefined ? undefined : parseDocuments(String(options['documents'])),
    };
    const tasks = await describedTasks(options['tasksFile'], io.cwd);
    const names = String(options['tasks'] ?? '')
      .split(',')
      .map((n) => n.trim())
      .filter((n) => n !== '');
    const shots = options['shots'] === undefined ? undefined : wholeNumber(options, 'shots', 0);
    const requests = await taskRequests(tasks, names, { shots });
    const model = await openModelArgument(argument, io.cwd);
    const out = resolve(io.cwd, String(options['out']));

    const results: Record<string, TaskResult> = {};
    const progress = createProgress(io, { unit: 'requests' });
    const tools = await createTools(model, chosen);
    try {
      for (const request of requests) {
        const onProgress = (done: number, total: number) => progress.report(request.name, done, total);
        const result = await evaluateTask(request, tools, onProgress, selection);
        results[request.name] = result;
        for (const warning of result.warnings) progress.note(`warning: ${request.name}: ${warning}`);
      }
    } finally {
      progress.close();
      await tools.scorer.dispose();
      await tools.generator.dispose();
    }
    const scores: Scores = Object.fromEntries(Object.entries(results).map(([name, r]) => [name, r.scores]));
    await write(out, scores, results);
    io.out(io.json ? JSON.stringify(scores) : table(scores));
    return 0;
  },
};

async function describedTasks(file: unknown, cwd: string): Promise<Tasks> {
  if (file === undefined) return { file: '', folder: cwd, tasks: {}, corpora: {} };
  return readTasksFile(resolve(cwd, String(file)));
}

function documentLimit(value: unknown): number {
  const limit = Number(value);
  if (!(limit > 0 && (limit < 1 || Number.isInteger(limit)))) {
    fail('usage-limit', `--limit takes a number of documents or a share of them below 1, not "${value}".`);
  }
  return limit;
}

async function createTools(model: Model, options: { device: Device; threads: number }) {
  return {
    scorer: await createScorer(model, options),
    generator: await createGenerator(model, options),
    tokenizer: model.tokenizerFolder === undefined ? undefined : await openTokenizer(model.tokenizerFolder),
  };
}

async function write(out: string, scores: Scores, results: Record<string, TaskResult>): Promise<void> {
  for (const [name, { samples }] of Object.entries(results)) {
    const file = join(out, samplesFile(name));
    await mkdir(dirname(file), { recursive: true });
    await writeAtomic(file, samples.map((s) => `${JSON.stringify(s)}\n`).join(''));
  }
  await writeJsonAtomic(join(out, layout.scores), scores);
}

/** One line a metric: task, metric, value, standard error, documents. */
function table(scores: Scores): string {
  const rows = Object.entries(scores).flatMap(([task, metrics]) =>
    Object.entries(metrics).map(([metric, { value, stderr, n, sandbox }]) => [
      task,
      metric,
      value.toPrecision(4),
      stderr === null ? '' : `± ${stderr.toPrecision(2)}`,
      `n = ${n}${sandbox === undefined ? '' : `, ${sandbox}`}`,
    ]),
  );
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((r) => r[column]!.length)));
  return rows
    .map((r) =>
      r
        .map((cell, i) => cell.padEnd(widths[i]!))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}
