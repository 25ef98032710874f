import { existsSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { writeTinyModel } from '../tiny-model.ts';

const experiment = `strata: 1
title: A tiny experiment
model: model
corpora:
  facts: { files: data/facts.jsonl }
tasks:
  recall: { kind: choice, files: data/recall.jsonl }
arms:
  base: {}
  s:
    expand: { after: [1], init: average }
    prune: { last: 1 }
    train: [new]
  lora: { lora: { rank: 2 } }
training: { corpus: facts, steps: 8, batch: 2, sequence: 32, learning_rate: 1e-3 }
evaluation: { tasks: [recall] }
compare: { baseline: base, subject: s, gain: recall }
`;

/** A folder with a tiny random model, a little data and experiments on it; what is there already stays. */
export async function writeSuiteWorkspace(folder: string): Promise<void> {
  if (existsSync(folder)) return;
  await mkdir(join(folder, 'data'), { recursive: true });
  await writeTinyModel(join(folder, 'model'));
  const lines = (records: object[]) => records.map((record) => `${JSON.stringify(record)}\n`).join('');
  const facts = Array.from({ length: 40 }, (_, i) => ({ text: `Number ${i} is followed by number ${i + 1}.` }));
  await writeFile(join(folder, 'data', 'facts.jsonl'), lines(facts));
  const recall = Array.from({ length: 20 }, (_, i) => ({
    context: `Number ${i} is followed by number`,
    choices: [String(i + 1), String(i + 7)],
    answer: 0,
  }));
  await writeFile(join(folder, 'data', 'recall.jsonl'), lines(recall));
  await writeFile(join(folder, 'tiny.strata.yaml'), experiment);
  // A test cannot answer a question.
  await mkdir(join(folder, '.vscode'));
  await writeFile(
    join(folder, '.vscode', 'settings.json'),
    JSON.stringify({ 'strata.confirmLongerThan': 1e6, 'strata.nodePath': '/not/a/program' }),
  );
  await writeFile(
    join(folder, '.vscode', 'tasks.json'),
    JSON.stringify({
      version: '2.0.0',
      tasks: [{ label: 'the subject', type: 'strata', verb: 'run', file: 'tiny.strata.yaml', arms: ['s'], seeds: [1] }],
    }),
  );
  // Long enough to be seen at work and to be canceled.
  const long = experiment.replace('steps: 8', 'steps: 200000').replace('A tiny', 'A long');
  await writeFile(join(folder, 'long.strata.yaml'), long.replace('  lora: { lora: { rank: 2 } }\n', ''));
}
