import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { attempt, fail } from '../../base/problem.ts';
import { parse } from '../../experiment/parse.ts';
import type { CompareSpec, MetricRef } from '../../experiment/types.ts';
import { resolveRun } from '../../record/find.ts';
import type { Run } from '../../record/types.ts';
import { collectPlan, collectRuns } from '../../report/collect.ts';
import { compare as compareRuns } from '../../report/comparison.ts';
import { defaultMargin } from '../../report/equivalence.ts';
import { type ForeignResults, readForeign, withForeign } from '../../report/evidence/arms.ts';
import { inFileName } from '../../report/evidence/lm-eval-fields.ts';
import { lmEvalFiles } from '../../report/evidence/write-lm-eval.ts';
import { exports, type Format, formatOfFile, formats } from '../../report/exports.ts';
import { loadComparedRun, sharingLoader } from '../../report/load.ts';
import type { CompareInput } from '../../report/types.ts';
import { loadExperiment } from '../experiment-argument.ts';
import { numberWithin, readComputing } from '../options.ts';
import type { Io, Verb } from '../verb.ts';
import { names } from './plan.ts';

/** The verdict: what each arm learned and forgot, with intervals. */
export const compare: Verb = {
  name: 'compare',
  summary: 'the verdict: what each arm learned and what it forgot, with intervals and proofs',
  configure(command) {
    const list = formats.map((f) => `${f} (${exports[f].summary})`).join(', ');
    command
      .argument(
        '<file-or-run...>',
        'an experiment file or runs (paths, ids, or unique beginnings of ids); besides, files and folders with results of lm-evaluation-harness or of strata evaluate, each an arm',
      )
      .option('--format <format>', `${list}; default: by the ending of --out, else table`)
      .option('--out <file>', 'write to this file instead of printing')
      .option('--baseline <arm>', 'arm that gain and forgetting are measured against')
      .option('--subject <arm>', 'arm that is held against every other')
      .option('--gain <task>', 'what was to be learned: a task, or TASK/METRIC')
      .option('--forgetting <tasks>', 'what was to be kept, e.g. recall_old,perplexity:general/word_perplexity')
      .option(
        '--margin <size>',
        `forgetting that counts as none, for the test of equivalence (default ${defaultMargin})`,
      )
      .option('--lm-eval <dir>', 'also write the results of every run into this folder, as lm-evaluation-harness does')
      .option('--chart <id>', 'svg: only this chart')
      .option('--device <device>', 'with an experiment file: runs of this device (default: that of the file)');
  },
  async run(io, args, options) {
    const format = formatFor(io, options);
    const input = withChoices(await collect(io, args, options), options);
    // Analyses have charts, and nothing for a table.
    const drawn = input.measured !== undefined && (format === 'svg' || format === 'html');
    if (!drawn && input.runs.every(({ run }) => Object.keys(run.scores ?? {}).length === 0)) {
      const what = input.measured
        ? `The runs of ${input.title} measured layers: there is no score to compare.`
        : `None of the ${input.planned.length} runs of ${input.title} has results yet.`;
      fail('no-results', what, {
        remedy: input.measured
          ? 'Analyses are drawn: --format svg, or html.'
          : input.file === undefined
            ? 'strata runs shows where they stand.'
            : 'strata run FILE makes them.',
      });
    }
    if (options['lmEval'] !== undefined) await writeHarness(io, input, resolve(io.cwd, String(options['lmEval'])));
    const margin = options['margin'] === undefined ? undefined : numberWithin(options, 'margin', 0, 1);
    const chart = options['chart'] === undefined ? undefined : String(options['chart']);
    const text = exports[format].write(compareRuns(input, { margin }), {
      columns: options['out'] === undefined ? Math.min(io.columns, 120) : 80,
      colour: io.colour && options['out'] === undefined,
      ...(chart !== undefined && { chart }),
    });
    if (options['out'] === undefined) io.out(text.trimEnd());
    else {
      const path = resolve(io.cwd, String(options['out']));
      await writeFile(path, text);
      io.err(`Written: ${path}`);
    }
    return 0;
  },
};

/** One folder a run, as the harness has one a model. Results that came from the harness are not written again. */
async function writeHarness(io: Io, { runs }: CompareInput, folder: string): Promise<void> {
  for (const data of runs) {
    if (data.source?.program.startsWith('lm-evaluation-harness') || !data.run.scores) continue;
    const own = join(folder, inFileName(data.run.id));
    await mkdir(own, { recursive: true });
    // The date names the files: the same results are written over themselves.
    const made = new Date(data.run.request.asked);
    for (const { name, content } of lmEvalFiles(data, made)) await writeFile(join(own, name), content);
    io.err(`Written: ${own}`);
  }
}

function formatFor(io: Io, options: Record<string, unknown>): Format {
  const { format: asked, out } = options;
  if (asked !== undefined) {
    const format = formats.find((f) => f === asked);
    return (
      format ??
      fail('unknown-format', `There is no format "${asked}".`, { remedy: `Name one of ${formats.join(', ')}.` })
    );
  }
  if (io.json) return 'json';
  return (out === undefined ? undefined : formatOfFile(String(out))) ?? 'table';
}

const isExperimentFile = (argument: string): boolean => /\.ya?ml$/i.test(argument);

async function collect(io: Io, args: readonly string[], options: Record<string, unknown>): Promise<CompareInput> {
  const own: string[] = [];
  const foreign: ForeignResults[] = [];
  for (const argument of args) {
    const found = isExperimentFile(argument) ? undefined : await readForeign(resolve(io.cwd, argument));
    if (found) foreign.push(...found);
    else own.push(argument);
  }
  return withForeign(await collectOwn(io, own, options), foreign);
}

async function collectOwn(io: Io, args: readonly string[], options: Record<string, unknown>): Promise<CompareInput> {
  // What is written for the harness has the texts of every run; a comparison needs those of one run an arm.
  const load = options['lmEval'] === undefined ? sharingLoader() : (folder: string) => loadComparedRun(folder);
  const files = args.filter(isExperimentFile);
  if (files.length > 1 || (files.length === 1 && args.length > 1)) {
    fail('usage-compare', 'compare takes one experiment file, or any number of runs.', {
      remedy: 'Name the runs of the other file by their ids.',
    });
  }
  if (files[0] !== undefined) {
    const { device } = readComputing(options);
    const { plan } = await loadExperiment(io, files[0], { depth: 'all', device });
    return collectPlan(plan, load);
  }
  const runs: Run[] = [];
  for (const argument of args) runs.push(await resolveRun(argument, io.cwd));
  return collectRuns(runs, await compareSpecOf(runs), load);
}

/** The `compare` of the experiment that all runs come from, where it can still be read. */
export async function compareSpecOf(runs: readonly Run[]): Promise<CompareSpec | undefined> {
  const [file, ...others] = new Set(runs.map((r) => r.request.experiment.file));
  if (file === undefined || others.length > 0) return undefined;
  const text = await attempt(() => readFile(file, 'utf8'));
  return text.ok ? parse(text.value, { file }).experiment?.compare : undefined;
}

/** `TASK/METRIC` or `TASK`. */
function metricRef(text: string): MetricRef {
  const [task = '', metric] = text.split('/');
  return { task, ...(metric !== undefined && { metric }) };
}

/** What the options choose goes before what the experiment says. Fails with `unknown-arm`. */
function withChoices(input: CompareInput, options: Record<string, unknown>): CompareInput {
  const compare = { ...input.compare };
  for (const key of ['baseline', 'subject'] as const) {
    const arm = options[key] === undefined ? undefined : String(options[key]);
    if (arm !== undefined && !input.arms.includes(arm)) {
      fail('unknown-arm', `There is no arm ${arm}.`, { remedy: `Name one of ${input.arms.join(', ')}.` });
    }
    if (arm !== undefined) compare[key] = arm;
  }
  const [gain] = names(options['gain']) ?? [];
  if (gain !== undefined) compare.gain = metricRef(gain);
  const forgetting = names(options['forgetting']);
  if (forgetting) compare.forgetting = forgetting.map(metricRef);
  // A comparison of single runs may lack the arms that the experiment names.
  for (const key of ['baseline', 'subject'] as const) {
    if (compare[key] !== undefined && !input.arms.includes(compare[key])) delete compare[key];
  }
  return { ...input, compare };
}
