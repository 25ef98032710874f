import { mkdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { Command } from 'commander';
import { writeAtomic, writeJsonAtomic } from '../base/files.ts';
import { sha256 } from '../base/hash.ts';
import { fail } from '../base/problem.ts';
import { readRecordFile } from '../data/records.ts';
import { readUtf8 } from '../data/text-file.ts';
import { readFacts } from '../evaluate/recall/facts.ts';
import { type Giveaway, giveaways } from '../evaluate/recall/giveaways.ts';
import { makeRecall, type RecallQuestion } from '../evaluate/recall/make.ts';
import { wholeNumber } from './options.ts';
import type { Io } from './verb.ts';

export function recallOptions(command: Command): Command {
  return command
    .option('--out <dir>', 'make-recall: folder for corpus.jsonl, recall.jsonl, control.jsonl and report.json')
    .option('--choices <n>', 'make-recall: choices of a question', '4')
    .option('--holdout <share>', 'make-recall: facts that are asked about but never stated', '0.2')
    .option('--seed <n>', 'make-recall: seed of distractors and order', '1');
}

/**
 * `data make-recall F`: a corpus to train on and questions about it, out of facts. Exit code 1 if the answers can be read off
 * length, form, frequency or position; the files are written all the same.
 */
export async function makeRecallTask(
  io: Io,
  [file, ...more]: string[],
  options: Record<string, unknown>,
): Promise<number> {
  if (file === undefined || more.length > 0 || options['out'] === undefined)
    fail('usage-make-recall', 'Write it as strata data make-recall FACTS.jsonl --out DIR.');
  const source = resolve(io.cwd, file);
  const holdout = Number(options['holdout']);
  if (!(holdout >= 0 && holdout < 1)) fail('usage-holdout', '--holdout takes a share from 0 to below 1.');
  const how = { choices: wholeNumber(options, 'choices', 2), holdout, seed: wholeNumber(options, 'seed', 0) };
  const facts = readFacts(await readRecordFile(source));
  const { corpus, recall, control } = makeRecall(facts, how);
  const found = giveaways([...recall, ...control]);
  const out = resolve(io.cwd, String(options['out']));
  await mkdir(out, { recursive: true });
  const lines = (records: readonly object[]) => records.map((r) => `${JSON.stringify(r)}\n`).join('');
  const record = ({ context, choices, gold, kind, fact }: RecallQuestion) => ({
    context,
    choices,
    answer: gold,
    kind,
    fact,
  });
  await writeAtomic(join(out, 'corpus.jsonl'), lines(corpus.map((text) => ({ text }))));
  await writeAtomic(join(out, 'recall.jsonl'), lines(recall.map(record)));
  if (control.length > 0) await writeAtomic(join(out, 'control.jsonl'), lines(control.map(record)));
  const report = {
    facts: facts.length,
    source_sha256: sha256(await readUtf8(source)),
    ...how,
    sentences: corpus.length,
    recall: recall.length,
    control: control.length,
    chance: 1 / how.choices,
    guesses: found.map(({ guess, accuracy, p, aboveChance }) => ({ guess, accuracy, p, above_chance: aboveChance })),
  };
  await writeJsonAtomic(join(out, 'report.json'), report);
  io.out(io.json ? JSON.stringify(report, null, 2) : text(report, found, out));
  return found.some((g) => g.aboveChance) ? 1 : 0;
}

interface Counts {
  facts: number;
  sentences: number;
  recall: number;
  control: number;
  chance: number;
}

function text({ facts, sentences, recall, control, chance }: Counts, found: readonly Giveaway[], out: string): string {
  const share = (value: number) => `${(100 * value).toFixed(1)} %`;
  const above = found.filter((g) => g.aboveChance);
  return [
    `${facts} facts: ${sentences} sentences to train on, ${recall} questions about them, ${control} about facts held out.`,
    '',
    `Guessing without knowing anything (chance ${share(chance)}):`,
    ...found.map(
      ({ guess, accuracy, aboveChance }) =>
        `  ${guess.padEnd(56)}${share(accuracy)}${aboveChance ? '  above chance' : ''}`,
    ),
    '',
    above.length > 0
      ? `The answers can be read off: ${above.map((g) => g.guess).join('; ')}. Give such answers kinds of their own, or write them alike.`
      : 'Nothing of this tells the answers.',
    '',
    'In an experiment:',
    'corpora:',
    `  facts: { files: ${join(out, 'corpus.jsonl')}, field: text }`,
    'tasks:',
    `  recall: { kind: choice, files: ${join(out, 'recall.jsonl')} }`,
    ...(control > 0 ? [`  control: { kind: choice, files: ${join(out, 'control.jsonl')} }`] : []),
  ].join('\n');
}
