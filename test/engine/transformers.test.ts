import assert from 'node:assert/strict';
import { execFile, execFileSync } from 'node:child_process';
import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { before, describe, test } from 'node:test';
import { promisify } from 'node:util';
import { openModel } from '../../src/model/open.ts';
import { readHeader, readTensor } from '../../src/model/safetensors.ts';
import { needs, root as project, temporaryFolder } from '../support.ts';
import { writeTinyModel } from '../tiny-model.ts';

const python = process.env['STRATA_PYTHON'] ?? 'python3';
const find = 'import importlib.util as u, sys; sys.exit(not all(map(u.find_spec, ("torch", "transformers", "peft"))))';
const there = (() => {
  try {
    execFileSync(python, ['-c', find], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
})();

const experiment = `strata: 1
model: base
corpora: { facts: { files: facts.txt, split: line } }
arms:
  s: { expand: { after: shallow_half, blocks: 1 }, prune: { last: 1 }, merge: { into: 2, of: [2, 3] }, train: [new, merged] }
  lora: { lora: { rank: 4, rslora: true } }
  full: { train: [all] }
training: { corpus: facts, steps: 12, batch: 4, sequence: 32, learning_rate: 5e-3 }
`;
const ids = [
  [0, 66, 103, 116, 117, 34, 99, 34, 105],
  [0, 82, 103, 116, 117, 113, 112, 34, 57],
];

const folder = await temporaryFolder();
const run = promisify(execFile);
const strata = (...args: string[]) =>
  run(process.execPath, [join(project, 'dist', 'strata.mjs'), ...args], {
    cwd: folder,
    env: { ...process.env, XDG_STATE_HOME: join(folder, 'state') },
  });

/** Our logits of a run or folder, by the command line. */
async function logitsOf(model: string): Promise<Float32Array> {
  const out = join(folder, 'logits.safetensors');
  await strata('logits', model, '--ids', 'ids.json', '--out', out);
  const { tensors } = await readHeader(out);
  return readTensor(tensors.find(({ name }) => name === 'logits')!);
}

const ready = needs('python', there, `${python} has no torch, transformers and peft`);
describe('what was trained and exported gives the same logits in transformers', ready, () => {
  const arms = ['s', 'lora', 'full'];
  let theirs: { folders: number[][]; adapter: number[] };

  before(async () => {
    await writeTinyModel(join(folder, 'base'));
    await writeFile(join(folder, 'x.strata.yaml'), experiment);
    await writeFile(join(folder, 'ids.json'), JSON.stringify({ input_ids: ids }));
    const facts = Array.from({ length: 40 }, (_, i) => `Person ${i} lives in town number ${i * 7}.`);
    await writeFile(join(folder, 'facts.txt'), facts.join('\n'));
    await strata('run', 'x.strata.yaml');
    for (const arm of arms) await strata('export', `x-${arm}-1`, `out-${arm}`);
    await strata('export', 'x-lora-1', 'adapter', '--adapter');
    const { stdout } = await run(
      python,
      [
        join(project, 'test/engine/reference_logits.py'),
        'ids.json',
        ...arms.map((arm) => `out-${arm}`),
        '--adapter',
        'base',
        'adapter',
      ],
      {
        cwd: folder,
        maxBuffer: 1 << 28,
        env: { ...process.env, HF_HUB_OFFLINE: '1', TRANSFORMERS_VERBOSITY: 'error' },
      },
    );
    theirs = JSON.parse(stdout.slice(stdout.lastIndexOf('\n{') + 1));
  });

  const agree = (ours: Float32Array, reference: number[], what: string) => {
    assert.equal(ours.length, reference.length);
    let worst = 0;
    for (const [i, x] of ours.entries()) worst = Math.max(worst, Math.abs(x - reference[i]!));
    assert.ok(worst <= 5e-5, `${what}: the largest difference is ${worst}`);
  };

  for (const [i, arm] of arms.entries())
    test(`${arm}: the run, its export, and transformers agree within 5e-5`, async () => {
      agree(await logitsOf(`x-${arm}-1`), theirs.folders[i]!, 'the run');
      agree(await logitsOf(`out-${arm}`), theirs.folders[i]!, 'the export');
    });

  test('the LoRA adapter in PEFT gives what the run gives', async () => {
    agree(await logitsOf('x-lora-1'), theirs.adapter, 'the adapter');
  });

  test('training changed the model, so that the agreement says something', async () => {
    const base = await logitsOf('base');
    const trained = await logitsOf('out-full');
    assert.ok(base.some((x, i) => Math.abs(x - trained[i]!) > 1e-2));
    assert.ok((await openModel(join(folder, 'out-s'))).config.layers === 4);
    assert.ok((await readdir(join(folder, 'adapter'))).includes('adapter_config.json'));
  });
});
