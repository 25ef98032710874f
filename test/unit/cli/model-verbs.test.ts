import assert from 'node:assert/strict';
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { Command } from 'commander';
import { Failure } from '../../../src/base/problem.ts';
import type { Io, Verb } from '../../../src/cli/verb.ts';
import { exportVerb } from '../../../src/cli/verbs/export.ts';
import { inspect } from '../../../src/cli/verbs/inspect.ts';
import { surgery } from '../../../src/cli/verbs/surgery.ts';
import { hashModel, hashTensor } from '../../../src/model/hash.ts';
import { openModel } from '../../../src/model/open.ts';
import { writeSurgery, writeTrained } from '../../../src/model/overlay.ts';
import { readTensor } from '../../../src/model/safetensors.ts';
import { planSurgery } from '../../../src/model/surgery.ts';
import { temporaryFolder } from '../../support.ts';
import { writeTinyModel } from '../../tiny-model.ts';
import { request, spec } from '../record/support.ts';

const root = await temporaryFolder();
const base = await writeTinyModel(join(root, 'base'), { layers: 8 });

/** Runs a verb as the command line does; returns what it prints. */
async function run(verb: Verb, ...argv: string[]): Promise<{ code: number; out: string[]; err: string[] }> {
  const command = new Command().exitOverride().configureOutput({ writeErr: () => {} });
  verb.configure(command);
  command.option('--json').parse(argv, { from: 'user' });
  const out: string[] = [];
  const err: string[] = [];
  const options = command.opts();
  const io: Io = {
    cwd: root,
    out: (text) => out.push(text),
    err: (text) => err.push(text),
    json: options['json'] === true,
    terminal: false,
    columns: 80,
    colour: false,
  };
  const code = await verb.run(
    io,
    command.processedArgs.filter((a) => a !== undefined),
    options,
  );
  return { code, out, err };
}

async function problem(work: Promise<unknown>): Promise<string> {
  try {
    await work;
  } catch (error) {
    if (error instanceof Failure) return error.problem.code;
    throw error;
  }
  return 'accepted';
}

describe('strata inspect', () => {
  test('the layer tree at 80 columns, layers that look alike as one', async () => {
    const { out } = await run(inspect, 'base');
    assert.ok(out.slice(1).every((line) => line.length <= 80));
    assert.deepEqual(out.slice(1), [
      'llama, 8 layers, 22,832 parameters, F32, 91.3 kB',
      'hidden 16, heads 4/2 of 4, feed-forward 32, vocabulary 258 (tied), positions 128',
      '',
      'embed_tokens.weight  [258, 16] F32                              4,128    16.5 kB',
      'layers 0 to 7, each                                             2,336    9.34 kB',
      '  input_layernorm.weight  [16] F32                                 16       64 B',
      '  self_attn                                                       768    3.07 kB',
      '    q_proj.weight  [16, 16] F32                                   256    1.02 kB',
      '    k_proj.weight  [8, 16] F32                                    128      512 B',
      '    v_proj.weight  [8, 16] F32                                    128      512 B',
      '    o_proj.weight  [16, 16] F32                                   256    1.02 kB',
      '  post_attention_layernorm.weight  [16] F32                        16       64 B',
      '  mlp                                                           1,536    6.14 kB',
      '    gate_proj.weight  [32, 16] F32                                512    2.05 kB',
      '    up_proj.weight  [32, 16] F32                                  512    2.05 kB',
      '    down_proj.weight  [16, 32] F32                                512    2.05 kB',
      'norm.weight  [16] F32                                              16       64 B',
    ]);
  });
  test('every tensor with --tensors', async () => {
    const { out } = await run(inspect, 'base', '--tensors');
    assert.equal(out.filter((line) => /^layer \d/.test(line)).length, 8);
  });
  test('a stack after surgery says where its layers come from', async () => {
    const model = await openModel(base);
    const plan = planSurgery(model.config, model.tensors, {
      expand: { after: [1], init: 'average', identity: true },
      merge: { into: 7, of: [6, 7] },
    });
    await writeSurgery(join(root, 'start'), model, await hashModel(model), plan);
    const { out } = await run(inspect, 'start');
    assert.ok(out.some((line) => /^over .*base: 18 tensors differ$/.test(line)));
    assert.ok(out.some((line) => /^layer 1\+ {2}new: average of 1 and 2, starts as identity /.test(line)));
    assert.ok(out.some((line) => /^layer 7 {2}average of 6, 7 /.test(line)));
  });
  test('as JSON', async () => {
    const { out } = await run(inspect, 'base', '--json');
    const value = JSON.parse(out[0]!) as {
      parameters: number;
      tree: { children: unknown[] };
      config: { layers: number };
    };
    assert.deepEqual([value.parameters, value.tree.children.length, value.config.layers], [22_832, 10, 8]);
  });
});

describe('MODEL', () => {
  test('a run by its id or the beginning of one, from a folder below', async () => {
    const model = await openModel(base);
    const folder = join(root, '.strata', 'runs', 'tiny-s-1-0123abcd');
    await mkdir(folder, { recursive: true });
    await writeFile(join(folder, 'spec.json'), JSON.stringify(spec));
    await writeFile(join(folder, 'request.0.json'), JSON.stringify(request()));
    await writeTrained(join(folder, 'model'), model, await hashModel(model));
    for (const name of ['tiny-s-1-0123abcd', 'tiny-s-1', folder]) assert.equal((await run(inspect, name)).code, 0);
  });
  test('what is nothing of all that', async () => {
    for (const name of ['nowhere', 'org/nowhere', '../../nowhere'])
      assert.equal(await problem(run(inspect, name)), 'unknown-model');
  });
});

describe('strata surgery', () => {
  test('by flags and by an arm: the same folder', async () => {
    const file = join(root, 'x.strata.yaml');
    await writeFile(
      file,
      [
        'strata: 1',
        'model: base',
        'corpora:',
        '  rows: { tokens: rows.jsonl }',
        'training: { corpus: rows, steps: 1, learning_rate: 1e-3 }',
        'arms:',
        '  base: {}',
        '  s:',
        '    expand: { after: shallow_half, blocks: 2 }',
        '    prune: { last: 2 }',
        '    merge: { into: 5, of: [5, 6, 7] }',
        '    train: [new, merged]',
        '',
      ].join('\n'),
    );
    const byFlags = await run(
      surgery,
      'base',
      'flags',
      '--expand-after',
      '1,3',
      '--prune-last',
      '2',
      '--merge-into',
      '5',
      '--merge-of',
      '5,6,7', // biome-ignore format: as typed
    );
    const byArm = await run(surgery, 'base', 'arm', '--arm', 'x.strata.yaml:s', '--json');
    assert.deepEqual([byFlags.code, byArm.code], [0, 0]);
    assert.match(byFlags.out[0]!, /8 layers: 0 1 1\+ 2 3 3\+ 4 5\(average of 5,6,7\)$/);
    assert.deepEqual(JSON.parse(byArm.out[0]!).surgery, {
      expand: { after: [1, 3], init: 'average', identity: true },
      prune: [6, 7],
      merge: { into: 5, of: [5, 6, 7] },
    });
    const [a, b] = [await openModel(join(root, 'flags')), await openModel(join(root, 'arm'))];
    for (const [name, ref] of a.tensors)
      assert.equal(await hashTensor(b.tensors.get(name)!), await hashTensor(ref), name);
    assert.ok((await readdir(join(root, 'arm'))).includes('tokenizer.json'));
    assert.equal(await problem(run(surgery, 'base', 'n', '--arm', 'x.strata.yaml:t')), 'unknown-arm');
    assert.equal(await problem(run(surgery, 'base', 'n', '--arm', 'x.strata.yaml')), 'usage-surgery');
    assert.equal(
      await problem(run(surgery, 'base', 'n', '--arm', 'x.strata.yaml:s', '--prune-last', '1')),
      'usage-surgery',
    );
    await writeFile(file, 'strata: 1\nmodel: base\narms: { s: { expnd: {} } }\n');
    assert.equal(await problem(run(surgery, 'base', 'n', '--arm', 'x.strata.yaml:s')), 'invalid-experiment');
  });

  const wrong: [string, string[]][] = [
    ['usage-surgery', []],
    ['usage-surgery', ['--init', 'copy', '--prune-last', '1']],
    ['usage-surgery', ['--no-identity', '--prune-last', '1']],
    ['usage-surgery', ['--expand-after', '1', '--init', 'mean']],
    ['usage-surgery', ['--prune-last', '1', '--prune-layers', '2']],
    ['usage-surgery', ['--prune-last', '9']],
    ['usage-surgery', ['--merge-into', '1']],
    ['usage-number', ['--expand-after', '1,x']],
    ['usage-number', ['--prune-last', '-1']],
    ['usage-number', ['--expand-after', '1', '--seed', '1.5']],
    ['invalid-surgery', ['--expand-after', '8']],
  ];
  for (const [expected, flags] of wrong)
    test(`${expected}: ${flags.join(' ')}`, async () => {
      assert.equal(await problem(run(surgery, 'base', 'never', ...flags)), expected);
      assert.ok(!(await readdir(root)).includes('never'));
    });
});

describe('strata export', () => {
  test('in another dtype; over nothing', async () => {
    assert.equal((await run(exportVerb, 'base', 'half', '--dtype', 'float16')).code, 0);
    const half = await openModel(join(root, 'half'));
    assert.equal(half.config.dtype, 'float16');
    assert.ok([...half.tensors.values()].every((ref) => ref.dtype === 'F16'));
    assert.equal(await problem(run(exportVerb, 'base', 'half')), 'usage-folder-exists');
    assert.equal(await problem(run(exportVerb, 'base', 'other', '--dtype', 'int8')), 'usage-dtype');
    assert.equal(await problem(run(exportVerb, 'base', 'other', '--adapter')), 'usage-no-adapter');
    assert.equal(await problem(run(exportVerb, 'base', 'other', '--adapter', '--dtype', 'float32')), 'usage-dtype');
  });
  test('the adapter of a run, with a warning when more than the adapter was trained', async () => {
    const model = await openModel(base);
    const name = 'model.layers.0.self_attn.q_proj.weight';
    const factor = (...shape: [number, number]) => ({ shape, data: new Float32Array(shape[0] * shape[1]).fill(0.5) });
    const adapter = {
      rank: 2,
      alpha: 4,
      rslora: false,
      modules: [{ weight: name, a: factor(2, 16), b: factor(16, 2) }],
    };
    const trained = 'model.norm.weight';
    const values = new Map([[trained, { shape: [16], data: new Float32Array(16).fill(2) }]]);
    await writeTrained(join(root, 'plain-lora'), model, await hashModel(model), { adapter });
    await writeTrained(join(root, 'mixed-lora'), model, await hashModel(model), { adapter, values });
    assert.deepEqual((await run(exportVerb, 'plain-lora', 'adapter-1', '--adapter')).err, []);
    const { err } = await run(exportVerb, 'mixed-lora', 'adapter-2', '--adapter');
    assert.match(err[0]!, /^warning: beside the adapter, 1 tensors/);
    await run(exportVerb, 'mixed-lora', 'merged');
    const merged = await openModel(join(root, 'merged'));
    const [before, after] = [await readTensor(model.tensors.get(name)!), await readTensor(merged.tensors.get(name)!)];
    // scale 2 · (0.5 · 0.5 + 0.5 · 0.5)
    for (const [i, x] of after.entries()) assert.equal(x, Math.fround(before[i]! + 1));
    assert.deepEqual(await readTensor(merged.tensors.get(trained)!), values.get(trained)!.data);
  });
});
