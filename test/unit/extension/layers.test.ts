import assert from 'node:assert/strict';
import { cp, readFile, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { hashCache } from '../../../src/base/hash-cache.ts';
import { colours } from '../../../src/extension/colours.ts';
import { describeExperiment, describeModel } from '../../../src/extension/layers/describe.ts';
import { drawDifferences } from '../../../src/extension/layers/differences.ts';
import { type LayerNode, noScale } from '../../../src/extension/layers/node.ts';
import { compareModels } from '../../../src/model/difference.ts';
import { hashModel } from '../../../src/model/hash.ts';
import { openModel } from '../../../src/model/open.ts';
import { writeSurgery } from '../../../src/model/overlay.ts';
import { planSurgery } from '../../../src/model/surgery.ts';
import { temporaryFolder } from '../../support.ts';
import { writeTinyModel } from '../../tiny-model.ts';
import { analysis } from '../record/analysis.ts';

const head = `strata: 1
model: model
corpora: { facts: { files: facts.jsonl } }
training: { corpus: facts, steps: 1, learning_rate: 1e-3 }
arms:
`;
const arms = `  base: {}
  s:
    expand: { after: [0, 0, 2], init: average }
    prune: { layers: [1] }
    merge: { into: 2, of: [1, 2] }
    train: [new, norms]
  lora: { lora: { rank: 2, targets: [q_proj] } }
  waits: { expand: { after: analysis, by: angular, blocks: 1 }, train: [new] }
analysis: { metrics: [angular], corpus: facts }
`;

async function world(): Promise<{ folder: string; file: string; model: string }> {
  const folder = await temporaryFolder();
  const model = await writeTinyModel(join(folder, 'model'));
  return { folder, file: join(folder, 'x.strata.yaml'), model };
}

const rows = (node: LayerNode | undefined): string[] =>
  (node?.children ?? []).map(({ label, marks, description }) => `${label} [${marks}] ${description}`);
const find = (node: LayerNode, ...path: string[]): LayerNode =>
  path.reduce((at, label) => at.children.find((child) => child.label === label)!, node);

test('without an arm the tree is the model: layers, modules, tensors with shape, dtype and bytes', async () => {
  const { file } = await world();
  const { root, arms: all, problem } = await describeExperiment(head + arms, file, {});
  assert.equal(problem, undefined);
  assert.deepEqual(
    all.map(({ name }) => name),
    ['base', 's', 'lora', 'waits'],
  );
  assert.match(root!.description, /^4 layers · 13\.5 K parameters · 52\.\d KiB$/);
  assert.deepEqual(
    rows(root).map((row) => row.split(' [')[0]),
    ['embed_tokens', 'Layer 0', 'Layer 1', 'Layer 2', 'Layer 3', 'norm'],
  );
  assert.equal(find(root!, 'Layer 0', 'self_attn', 'k_proj').description, '8 × 16 · F32 · 512 B');
});

test('an arm drawn in: new, merged with its sources, pruned where it was, trained, frozen and partly trained', async () => {
  const { file } = await world();
  const { root, arm } = await describeExperiment(head + arms, file, { arm: 's' });
  assert.equal(arm, 's');
  assert.match(root!.description, /^6 layers · .* parameters · 7\.\d+ K trained \(\d+\.\d %\) · /);
  const [, ...layers] = rows(root);
  assert.deepEqual(
    layers.map((row) => row.replace(/ · [\d.]+( K)?$/, '')),
    [
      'Layer 0 [partly] partly trained',
      'Layer 0+1 [new,trained] new · trained · average of 0 and 1 · starts as x → x · now 1',
      'Layer 0+2 [new,trained] new · trained · average of 0 and 1 · starts as x → x · now 2',
      'Layer 1 [pruned] pruned',
      'Layer 2 [merged,partly] merged · partly trained · average of 1 and 2 · now 3',
      'Layer 2+ [new,trained] new · trained · average of 2 and 3 · starts as x → x · now 4',
      'Layer 3 [partly] partly trained · now 5',
      'norm [trained] 16 · F32 · 64 B · trained',
    ],
  );
});

test('every mark is a word for a screen reader, not a colour alone', async () => {
  const { file } = await world();
  const { root } = await describeExperiment(head + arms, file, { arm: 's' });
  for (const { marks, spoken } of root!.children)
    for (const mark of marks)
      assert.ok(spoken.includes(mark === 'partly' ? 'partly trained' : mark), `${mark}: ${spoken}`);
});

test('LoRA marks the adapted weights; the others are frozen', async () => {
  const { file } = await world();
  const { root } = await describeExperiment(head + arms, file, { arm: 'lora' });
  assert.deepEqual(find(root!, 'Layer 0', 'self_attn', 'q_proj').marks, ['adapted']);
  assert.deepEqual(find(root!, 'Layer 0', 'mlp', 'up_proj').marks, ['frozen']);
  assert.match(root!.description, /256 trained/);
});

test('an arm that waits for an analysis shows the model and says what it waits for', async () => {
  const { file } = await world();
  const { root, problem } = await describeExperiment(head + arms, file, { arm: 'waits' });
  assert.match(problem ?? '', /waits for/);
  assert.match(root!.description, /^4 layers/);
});

test('a text with errors shows what can be read of it', async () => {
  const { file } = await world();
  const {
    root,
    problem,
    arms: all,
  } = await describeExperiment(
    `${head}  bad: { prune: { last: x } }\n  worse: { expand: { after: [9] }, train: [new] }\n${arms}`,
    file,
    { arm: 's' },
  );
  assert.match(root!.description, /^6 layers/);
  assert.match(problem!, /errors/);
  assert.deepEqual(
    all.filter(({ pending }) => pending === undefined).map(({ name }) => name),
    ['bad', 'base', 's', 'lora'],
  );
});

test('a model that is not there is said', async () => {
  const { file } = await world();
  const { root, problem } = await describeExperiment(head.replace('model: model', 'model: nowhere') + arms, file, {
    arm: 's',
  });
  assert.equal(root, undefined);
  assert.match(problem!, /nowhere/);
});

/** An overlay with one block inserted after layer 1, layer 3 deleted, and a changed norm. */
async function overlay(model: string, folder: string): Promise<string> {
  const base = await openModel(model);
  const plan = planSurgery(base.config, base.tensors, {
    expand: { after: [1], init: 'copy', identity: true },
    prune: [3],
  });
  const start = join(folder, 'start');
  await writeSurgery(start, base, 'a'.repeat(64), plan);
  return start;
}

test('two checkpoints: layers are matched by the numbering of the base, and only what differs is in the tree', async () => {
  const { folder, model } = await world();
  const other = join(folder, 'other');
  await cp(model, other, { recursive: true });
  const bytes = await readFile(join(other, 'model.safetensors'));
  const norm = [...(await openModel(other)).tensors.values()].find(
    ({ name }) => name === 'model.layers.2.input_layernorm.weight',
  )!;
  // All ones, one of them now 1.5: ‖difference‖ = 0.5, ‖a‖ = 4.
  bytes.writeFloatLE(1.5, norm.offset);
  await writeFile(join(other, 'model.safetensors'), bytes);
  const found = await compareModels(await openModel(model), await openModel(other));
  assert.equal(found.tensors.length, 1);
  const tree = drawDifferences('model → other', found);
  assert.equal(tree.description, '1 of 4 layers · 1 tensors differ · 37 are the same');
  assert.deepEqual(rows(tree), ['Layer 2 [differs] 0.125 · 1 tensors']);
  assert.equal(find(tree, 'Layer 2', 'input_layernorm').description, '0.125 · 16');
});

test('an inserted block and a pruned layer are rows of their own; what both share is not read', async () => {
  const { folder, model } = await world();
  const run = await overlay(model, folder);
  const found = await compareModels(await openModel(model), await openModel(run));
  assert.equal(found.same, 3 * 9 + 2);
  assert.deepEqual(rows(drawDifferences('t', found)), ['Layer 1+ [new] only in b', 'Layer 3 [pruned] only in a']);
});

test('a model without differences says so', async () => {
  const { model } = await world();
  const opened = await openModel(model);
  assert.equal(drawDifferences('t', await compareModels(opened, opened)).description, 'no tensor differs');
});

test('a run shows its own stack, pruned layers of its base included', async () => {
  const { folder, model } = await world();
  const { root } = await describeModel(await overlay(model, folder));
  assert.deepEqual(
    rows(root).map((row) => row.replace(/\] .*/, ']')),
    [
      'embed_tokens []',
      'Layer 0 []',
      'Layer 1 []',
      'Layer 1+ [new,changed]',
      'Layer 2 []',
      'Layer 3 [pruned]',
      'norm []',
    ],
  );
});

/** The world's model as an analysis of it left it: hashed, and measured. */
async function measuredWorld(importance: object = {}) {
  const made = await world();
  const strata = join(made.folder, '.strata');
  const weights = join(made.model, 'model.safetensors');
  const before = new Date(Date.now() - 60_000);
  await utimes(weights, before, before);
  const cache = hashCache(join(strata, 'cache', 'hashes.json'));
  const hash = await hashModel(await openModel(made.model), cache);
  await cache.save();
  const id = 'x-analysis-00000001';
  const run = await analysis(strata, id, { model: made.model, hash, asked: Date.UTC(2026, 10, 25), importance });
  return { ...made, strata, weights, hash, run };
}
const removal = {
  metrics: { removal: [0.5, 0.1, 0.9, 0.3], angular: [1, 2, 3, 4] },
  intervals: { removal: [[0.4, 0.6], null, null, null] },
};

test('importance is a number and a colour on the layers that were measured, and no other', async () => {
  const { file } = await measuredWorld(removal);
  const { root, scales, scale } = await describeExperiment(head + arms, file, { arm: 's' });
  assert.deepEqual(
    scales.map(({ id }) => id),
    ['removal', 'angular'],
  );
  assert.equal(scale, 'removal');
  assert.match(root!.description, / · importance by removal$/);
  assert.deepEqual(
    root!.children.map(
      ({ label, heat, description }) => `${label}: ${heat ?? '-'} ${/^0\.\d+/.exec(description)?.[0] ?? ''}`,
    ),
    [
      'embed_tokens: - ',
      'Layer 0: 4 0.500',
      'Layer 0+1: - ',
      'Layer 0+2: - ',
      'Layer 1: 2 0.100',
      'Layer 2: - ',
      'Layer 2+: - ',
      'Layer 3: 3 0.300',
      'norm: - ',
    ],
  );
  const [, first] = root!.children;
  assert.match(first!.spoken, /importance 0\.500 by removal, rank 2 of 4$/);
  assert.match(
    first!.tooltip.join('\n'),
    /Importance by removal: 0\.500 \[0\.400, 0\.600\] nats per token, rank 2 of 4/,
  );
  assert.match(first!.tooltip.at(-1)!, /^64 tokens of 1 documents · general · 2026-11-2\d \d\d:\d\d · of this model$/);
});

test('another metric, or none, is a choice; without one the most trusted is drawn', async () => {
  const { file } = await measuredWorld(removal);
  const drawn = async (scale: string) => (await describeExperiment(head + arms, file, { scale })).root!.children[2]!;
  assert.match((await drawn('angular')).description, /^2\.00 · /);
  assert.equal((await drawn('angular')).heat, 3);
  assert.match((await drawn('a metric of another model')).description, /^0\.100 · /);
  assert.equal((await drawn(noScale)).heat, undefined);
});

test('importance of a model that was replaced since is said to be stale', async () => {
  const { file, strata, weights, model } = await measuredWorld(removal);
  const description = async () => (await describeExperiment(head, file, {})).root!.children[1]!;
  await writeFile(weights, await readFile(weights));
  assert.match(
    (await description()).tooltip.at(-1)!,
    /not known to be of this version of the model: its files are not hashed$/,
  );
  const bytes = await readFile(weights);
  bytes[bytes.length - 1]! ^= 1;
  await writeFile(weights, bytes);
  const before = new Date(Date.now() - 30_000);
  await utimes(weights, before, before);
  const cache = hashCache(join(strata, 'cache', 'hashes.json'));
  await hashModel(await openModel(model), cache);
  await cache.save();
  const stale = await description();
  assert.match(stale.description, /^0\.500, stale · /);
  assert.match(stale.tooltip.at(-1)!, /stale: its folder held another model then$/);
});

test('an arm that waits for the analysis is drawn once that has finished', async () => {
  const { file } = await measuredWorld({ metrics: { angular: [1, 4, 2, 3] } });
  const text = (head + arms).replace(
    'metrics: [angular], corpus: facts',
    'metrics: [angular], corpus: facts, tokens: 64',
  );
  const other = await describeExperiment(text, file, { arm: 'waits' });
  assert.match(other.problem ?? '', /waits for/, 'it was measured on another corpus');
  const general = text.replaceAll('facts:', 'general:').replaceAll('corpus: facts', 'corpus: general');
  const { root, problem } = await describeExperiment(general, file, { arm: 'waits' });
  assert.equal(problem, undefined);
  assert.ok(root!.children.some(({ label }) => label === 'Layer 1+'));
});

test('a folder shows what was measured of it, and of a task what its score loses', async () => {
  const tasks = { recall: { metric: 'acc', documents: 9, base: 1, drops: { removal: [0, 1, 2, 3] }, intervals: {} } };
  const { model, strata } = await measuredWorld({ metrics: {}, tasks });
  const { root, scale } = await describeModel(model, [strata]);
  assert.equal(scale, 'removal, acc of recall');
  assert.deepEqual(
    root!.children.map(({ heat }) => heat),
    [undefined, 2, 3, 4, 5, undefined],
  );
  assert.equal((await describeModel(model)).scale, undefined);
});

test('the colours of importance can be read in every kind of theme', () => {
  /** Side bars of the built-in themes, old and new. */
  const backgrounds = {
    dark: ['#181818', '#252526'],
    light: ['#f8f8f8', '#f3f3f3'],
    highContrast: ['#000000'],
    highContrastLight: ['#ffffff'],
  };
  const luminance = (colour: string): number => {
    const [r, g, b] = [1, 3, 5].map((i) => {
      const c = Number.parseInt(colour.slice(i, i + 2), 16) / 255;
      return c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r! + 0.7152 * g! + 0.0722 * b!;
  };
  const contrast = (a: string, b: string): number => {
    const [light, dark] = [luminance(a), luminance(b)].sort((x, y) => y - x);
    return (light! + 0.05) / (dark! + 0.05);
  };
  for (const [id, { defaults }] of Object.entries(colours))
    for (const [kind, own] of Object.entries(backgrounds))
      for (const background of own) {
        const found = contrast(defaults[kind as keyof typeof backgrounds], background);
        const least = kind.startsWith('highContrast') ? 7 : 4.5;
        assert.ok(found >= least, `${id} on ${background}: ${found.toFixed(2)}`);
      }
});
