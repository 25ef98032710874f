import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { Failure } from '../../../src/base/problem.ts';
import { loadExperiment } from '../../../src/cli/experiment-argument.ts';
import type { Io } from '../../../src/cli/verb.ts';
import { values } from '../../../src/model/sources.ts';
import { writeSafetensors } from '../../../src/model/writer.ts';
import { temporaryFolder } from '../../support.ts';
import { config, headers, slayerShape } from './world.ts';

/** A folder with a model of two layers and token rows, and what was printed. */
async function desk(text: string): Promise<{ io: Io; printed: string[] }> {
  const cwd = await temporaryFolder();
  process.env['XDG_CACHE_HOME'] = join(cwd, 'user-cache');
  await mkdir(join(cwd, 'model'));
  await writeFile(join(cwd, 'model', 'config.json'), JSON.stringify({ ...slayerShape, num_hidden_layers: 2 }));
  const tensors = [...headers(config({ num_hidden_layers: 2 })).values()].map(({ name, shape }) =>
    values(name, shape, 'F32', new Float32Array(shape.reduce((a, b) => a * b, 1))),
  );
  await writeSafetensors(join(cwd, 'model', 'model.safetensors'), tensors);
  await writeFile(join(cwd, 'rows.jsonl'), `${JSON.stringify({ input_ids: [1, 2, 3, 4] })}\n`.repeat(8));
  await writeFile(join(cwd, 'x.strata.yaml'), text);
  const printed: string[] = [];
  const err = (line: string) => void printed.push(line);
  const io: Io = { cwd, out: err, err, json: false, terminal: false, columns: 80, colour: false };
  return { io, printed };
}

const text = `strata: 1
model: model
corpora: { rows: { tokens: rows.jsonl } }
arms:
  s: { expand: { after: [0] }, train: [new] }
training: { corpus: rows, steps: 2, batch: 2, sequence: 4, learning_rate: 1e-3 }
`;

test('a file without errors comes back planned; nothing is printed', async () => {
  const { io, printed } = await desk(text);
  const { plan, experiment, diagnostics } = await loadExperiment(io, 'x.strata.yaml', { depth: 'all' });
  assert.equal(experiment.stem, 'x');
  assert.equal(plan.runs.length, 1);
  assert.deepEqual([diagnostics, printed], [[], []]);
});

test('with depth files there are arms but no runs yet', async () => {
  const { io } = await desk(text);
  const { plan } = await loadExperiment(io, 'x.strata.yaml', { depth: 'files' });
  assert.deepEqual([plan.arms.length, plan.runs.length], [1, 0]);
});

test('a warning is printed with its place, and does not stop', async () => {
  const { io, printed } = await desk(text.replace('sequence: 4', 'sequence: 4, weight_decay: 0.1'));
  const { plan } = await loadExperiment(io, 'x.strata.yaml', { depth: 'all' });
  assert.equal(plan.runs.length, 1);
  assert.equal(printed.length, 1);
  assert.match(printed[0]!, /^x\.strata\.yaml:6:\d+ \S+ .*\(warning\)$/);
});

const refused: [name: string, from: string, to: string, line: RegExp][] = [
  ['the text', 'steps: 2', 'stepz: 2', /^x\.strata\.yaml:6:27 unknown-key /],
  ['what only the model shows', 'after: [0]', 'after: [7]', /^x\.strata\.yaml:5:26 layer-out-of-range /],
  [
    'what only the resulting tensors show',
    'train: [new]',
    'train: ["*.gate"]',
    /^x\.strata\.yaml:5:40 train-matches-nothing /,
  ],
  ['what only the files show', 'rows.jsonl', 'gone.jsonl', /^x\.strata\.yaml:3:\d+ file-missing /],
  ['what only the contents show', 'steps: 2', 'steps: 5', /^x\.strata\.yaml:6:\d+ token-rows-too-few /],
  ['a model that is not there', 'model: model', 'model: other', /^x\.strata\.yaml:2:8 file-missing-model /],
];
for (const [name, from, to, line] of refused)
  test(`an error in ${name} is printed at its place, and refused with exit code 2`, async () => {
    const { io, printed } = await desk(text.replace(from, to));
    await assert.rejects(
      loadExperiment(io, 'x.strata.yaml', { depth: 'all' }),
      (error: unknown) => error instanceof Failure && error.problem.code === 'invalid-experiment',
    );
    assert.ok(
      printed.some((l) => line.test(l)),
      printed.join('\n'),
    );
  });

test('a file that is not there', async () => {
  const { io } = await desk(text);
  await assert.rejects(
    loadExperiment(io, 'y.strata.yaml', { depth: 'all' }),
    (error: unknown) => error instanceof Failure && error.problem.code === 'file-missing',
  );
});
