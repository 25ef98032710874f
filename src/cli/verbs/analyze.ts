import { mkdir } from 'node:fs/promises';
import { homedir } from 'node:os';
import { basename, dirname, isAbsolute, join, resolve } from 'node:path';
import type { Command } from 'commander';
import { type AnalysisCorpus, analyze as measure } from '../../analyze/analyze.ts';
import { writeJsonAtomic } from '../../base/files.ts';
import { hashCache } from '../../base/hash-cache.ts';
import { fail } from '../../base/problem.ts';
import { corpusKind } from '../../data/corpus-kind.ts';
import { resolveFiles } from '../../data/files.ts';
import { openTokenizer } from '../../data/tokenizer.ts';
import { importanceMetrics } from '../../experiment/schema-data.ts';
import { nearest } from '../../experiment/suggest.ts';
import { hashModel } from '../../model/hash.ts';
import { suggestSurgery, surgeryYaml } from '../../plan/suggest-surgery.ts';
import type { ImportanceRecord } from '../../record/importance.ts';
import { importanceText } from '../../report/importance-text.ts';
import { openModelArgument } from '../model-argument.ts';
import { chooseComputing, computing, wholeNumber } from '../options.ts';
import { createProgress } from '../progress.ts';
import { readTasksFile, taskRequests } from '../tasks-file.ts';
import type { Verb } from '../verb.ts';
import { names } from './plan.ts';

/** Importance per layer, and the surgery it suggests. */
export const analyze: Verb = {
  name: 'analyze',
  summary: 'how important each layer of a model is, and the surgery that this suggests',
  configure(command: Command) {
    computing(command)
      .argument('<model>', 'folder, run, or an id in the local Hugging Face cache')
      .option('--corpus <file>', 'text, documents or token rows; given again: attention on these too', collect, [])
      .option('--field <name>', 'field of a JSON line that holds the text', 'text')
      .option('--split <how>', 'documents of a text file: paragraph or line')
      .option('--metrics <a,b>', importanceMetrics.join(', '), 'angular,influence,removal,duplication')
      .option('--tokens <n>', 'tokens that are measured on', '32768')
      .option('--tasks-file <file>', 'removal and duplication are scored on its tasks as well')
      .option('--tasks <a,b>', 'only these of its tasks')
      .option('--out <file>', 'write importance.json here');
  },
  async run(io, [argument = ''], options) {
    const { device, threads } = await chooseComputing(io, options);
    const metrics = metricNames(options['metrics']);
    const tokens = wholeNumber(options, 'tokens', 1);
    const corpora = await corporaOf(options, io.cwd);
    const tasks =
      options['tasksFile'] === undefined
        ? []
        : await taskRequests(
            await readTasksFile(resolve(io.cwd, String(options['tasksFile']))),
            names(options['tasks']) ?? [],
          );
    const model = await openModelArgument(argument, io.cwd);
    const tokenizer = model.tokenizerFolder === undefined ? undefined : await openTokenizer(model.tokenizerFolder);
    const cache = cacheFolder();
    const hashes = hashCache(join(cache, 'hashes.json'));
    const progress = createProgress(io);
    try {
      const modelHash = await hashModel(model, hashes);
      await hashes.save().catch(() => {});
      const importance = await measure(
        { metrics, tokens, corpora, tasks },
        { model, modelHash, tokenizer, threads, device, journalFolder: join(cache, 'analyses'), progress },
      );
      progress.close();
      if (options['out'] !== undefined) {
        const out = resolve(io.cwd, String(options['out']));
        await mkdir(dirname(out), { recursive: true });
        await writeJsonAtomic(out, importance);
      }
      io.out(
        io.json
          ? JSON.stringify({ ...importance, suggested: suggestSurgery(importance, importance.layers) })
          : text(importance, io.columns),
      );
      return 0;
    } finally {
      progress.close();
    }
  },
};

const collect = (value: string, before: string[]) => [...before, value];

function metricNames(option: unknown): string[] {
  const wanted = names(option) ?? [];
  const unknown = wanted.find((name) => !importanceMetrics.some((known) => known === name));
  if (unknown !== undefined || wanted.length === 0) {
    const meant = nearest(unknown ?? '', [...importanceMetrics]);
    fail('usage-metrics', unknown === undefined ? 'No metric is asked for.' : `There is no metric "${unknown}".`, {
      remedy: meant ? `Did you mean ${meant}?` : `They are ${importanceMetrics.join(', ')}.`,
    });
  }
  // In the order of the table, so that the same wish gives the same file.
  return importanceMetrics.filter((name) => wanted.includes(name));
}

async function corporaOf(options: Record<string, unknown>, cwd: string): Promise<AnalysisCorpus[]> {
  const split = options['split'];
  if (split !== undefined && split !== 'paragraph' && split !== 'line') {
    fail('usage-split', `--split ${String(split)} is unknown.`, { remedy: 'Write paragraph or line.' });
  }
  const field = String(options['field']);
  const patterns = options['corpus'] as string[];
  if (patterns.length === 0) {
    fail('usage-corpus', 'Nothing is named to measure on.', {
      remedy: 'Give --corpus FILE: text, documents or token rows.',
    });
  }
  const names = patterns.map(corpusName);
  // Two files of one name are told apart by how they were written.
  const nameOf = (i: number) => (names.indexOf(names[i]!) === names.lastIndexOf(names[i]!) ? names[i]! : patterns[i]!);
  return Promise.all(
    patterns.map(async (pattern, i): Promise<AnalysisCorpus> => {
      const files = await resolveFiles([pattern], cwd);
      if (files.length === 0) {
        fail('unknown-corpus', `${pattern} matches no file.`, { remedy: 'Check the pattern of --corpus.' });
      }
      const kind = await corpusKind(files, field);
      return { name: nameOf(i), files, source: kind === 'tokens' ? { kind } : { kind, field, split } };
    }),
  );
}

/** What the file is called, without its ending. */
function corpusName(pattern: string): string {
  return basename(pattern).replace(/\.[a-z0-9]+$/i, '') || pattern;
}

/** Measurements of any model, wherever the command was given; those of an experiment are beside it. */
function cacheFolder(): string {
  const cache = process.env['XDG_CACHE_HOME'];
  return join(cache && isAbsolute(cache) ? cache : join(homedir(), '.cache'), 'strata');
}

function text(importance: ImportanceRecord, columns: number): string {
  const suggested = suggestSurgery(importance, importance.layers);
  const yaml = suggested
    ? ['', `Suggested surgery, for an arm of an experiment:`, ...surgeryYaml(suggested).map((line) => `  ${line}`)]
    : [];
  return [...importanceText(importance, Math.min(columns, 120)), ...yaml].join('\n');
}
