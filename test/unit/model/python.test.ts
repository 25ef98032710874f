import assert from 'node:assert/strict';
import { execFile, execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { before, describe, test } from 'node:test';
import { promisify } from 'node:util';
import { random } from '../../../src/base/random.ts';
import { factorName } from '../../../src/model/adapter.ts';
import { exportAdapter, exportFolder, surgeryFolder } from '../../../src/model/export.ts';
import { hashTensor } from '../../../src/model/hash.ts';
import { openModel } from '../../../src/model/open.ts';
import { writeTrained } from '../../../src/model/overlay.ts';
import { readTensor } from '../../../src/model/safetensors.ts';
import { planSurgery } from '../../../src/model/surgery.ts';
import type { Model, Surgery } from '../../../src/model/types.ts';
import { data, needs, needsShared, root as projectRoot, temporaryFolder } from '../../support.ts';

const python = process.env['STRATA_PYTHON'] ?? 'python3';

function hasLibraries(): boolean {
  try {
    const find =
      'import importlib.util as u, sys; sys.exit(not all(map(u.find_spec, ("torch", "transformers", "peft"))))';
    execFileSync(python, ['-c', find], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

interface Loaded {
  folders: { problems: string[]; layers: number; tensors: Record<string, string>; finite: boolean }[];
  adapter: { warnings: string[]; factors: Record<string, string>; merged: Record<string, number[]> };
}

const grow: Surgery = { expand: { after: [0], init: 'average', identity: true }, prune: [1] };
/** Reference models and what is done to them before transformers loads them. */
const cases: [string, Surgery][] = [
  ['tiny-llama', grow],
  ['tiny-llama3-bf16-sharded', grow],
  ['tiny-mistral', grow],
  ['tiny-qwen2', grow],
  ['tiny-qwen3', { expand: { after: [1, 1], init: 'copy', identity: true } }],
  ['tiny-smollm', {}],
];

const root = await temporaryFolder();
const ready = needsShared.skip
  ? needsShared
  : needs('python', hasLibraries(), `${python} has no torch, transformers and peft`);

describe('transformers and PEFT load what Strata writes, tensor by tensor', ready, () => {
  const written: Model[] = [];
  let tuned: Model;
  let loaded: Loaded;

  before(async () => {
    for (const [name, surgery] of cases) {
      const model = await openModel(data(`reference/${name}`));
      const out = join(root, name);
      await surgeryFolder(model, planSurgery(model.config, model.tensors, surgery), out, { shardBytes: 100_000 });
      written.push(await openModel(out));
    }
    const base = await openModel(data('reference/tiny-llama'));
    tuned = await lora(base, join(root, 'run'));
    await exportAdapter(tuned, join(root, 'adapter'));
    const script = join(projectRoot, 'test', 'unit', 'model', 'load.py');
    const folders = written.map(({ folder }) => folder);
    const { stdout } = await promisify(execFile)(
      python,
      [script, ...folders, '--adapter', base.folder, join(root, 'adapter')],
      { maxBuffer: 1 << 28, env: { ...process.env, HF_HUB_OFFLINE: '1', TRANSFORMERS_VERBOSITY: 'error' } },
    );
    loaded = JSON.parse(stdout.slice(stdout.lastIndexOf('\n{') + 1)) as Loaded;
  });

  cases.forEach(([name], i) => {
    test(name, async () => {
      const model = written[i]!;
      const seen = loaded.folders[i]!;
      assert.deepEqual(seen.problems, []);
      assert.equal(seen.layers, model.config.layers);
      assert.ok(seen.finite);
      for (const [tensor, ref] of model.tensors) assert.equal(seen.tensors[tensor], await hashTensor(ref), tensor);
    });
  });

  test('a LoRA adapter, and the merge that PEFT makes of it', async () => {
    assert.deepEqual(loaded.adapter.warnings, []);
    const { modules } = tuned.adapter!;
    assert.equal(Object.keys(loaded.adapter.factors).length, 2 * modules.length);
    for (const { weight, a, b } of modules) {
      assert.equal(loaded.adapter.factors[factorName(weight, 'a')], await hashTensor(a), weight);
      assert.equal(loaded.adapter.factors[factorName(weight, 'b')], await hashTensor(b), weight);
    }
    const out = join(root, 'merged');
    await exportFolder(tuned, out);
    const merged = await openModel(out);
    for (const [name, theirs] of Object.entries(loaded.adapter.merged)) {
      const ours = await readTensor(merged.tensors.get(name)!);
      const stored = await readTensor(tuned.tensors.get(name)!);
      // PEFT multiplies in float32; the sums differ in the last bits.
      for (const [j, x] of ours.entries()) assert.ok(Math.abs(x - theirs[j]!) < 2e-6, `${name}[${j}]`);
      assert.notDeepEqual(ours, stored);
    }
  });
});

/** A run over `base` with random factors on q_proj of every layer and up_proj of one, so that targets are full names. */
async function lora(base: Model, folder: string): Promise<Model> {
  const generator = random('python-test');
  const weights = [0, 1, 2].map((layer) => `model.layers.${layer}.self_attn.q_proj.weight`);
  weights.push('model.layers.1.mlp.up_proj.weight');
  const modules = weights.map((weight) => {
    const [out, input] = base.tensors.get(weight)!.shape as [number, number];
    const draw = (...shape: [number, number]) => ({
      shape,
      data: Float32Array.from({ length: shape[0] * shape[1] }, () => generator.normal() / 4),
    });
    return { weight, a: draw(4, input), b: draw(out, 4) };
  });
  await writeTrained(folder, base, 'unused', { adapter: { rank: 4, alpha: 8, rslora: true, modules } });
  return openModel(folder);
}
