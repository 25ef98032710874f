import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { Failure } from '../../../src/base/problem.ts';
import { surgeryFolder } from '../../../src/model/export.ts';
import { openModel } from '../../../src/model/open.ts';
import { readBytes, readTensor } from '../../../src/model/safetensors.ts';
import { planSurgery } from '../../../src/model/surgery.ts';
import type { Model, Surgery } from '../../../src/model/types.ts';
import { temporaryFolder } from '../../support.ts';
import { writeTinyModel } from '../../tiny-model.ts';

const root = await temporaryFolder();
const layers = 5;
const base = await openModel(await writeTinyModel(join(root, 'base'), { layers }));
let made = 0;

async function carryOut(surgery: Surgery, seed?: number): Promise<Model> {
  const out = join(root, `out-${made++}`);
  await surgeryFolder(base, planSurgery(base.config, base.tensors, surgery, seed), out);
  return openModel(out);
}
const read = async (model: Model, name: string) => readTensor(model.tensors.get(name)!);

test('any surgery: labels are unique, kept layers stay in order, each layer has its tensors once', () => {
  const layer = fc.integer({ min: 0, max: layers - 1 });
  const surgery = fc
    .record({
      after: fc.array(layer, { maxLength: 6 }),
      init: fc.constantFrom('average', 'copy', 'random'),
      identity: fc.boolean(),
      prune: fc.uniqueArray(layer, { maxLength: layers - 1 }),
      merge: fc.option(fc.record({ into: layer, of: fc.uniqueArray(layer, { minLength: 1 }) }), { nil: undefined }),
    })
    .filter(
      ({ after, prune, merge }) => !after.some((n) => prune.includes(n)) && !(merge && prune.includes(merge.into)),
    );
  fc.assert(
    fc.property(surgery, ({ after, init, identity, prune, merge }) => {
      const plan = planSurgery(base.config, base.tensors, { expand: { after, init, identity }, prune, merge });
      assert.equal(plan.layers.length, layers + after.length - prune.length);
      assert.equal(plan.config.layers, plan.layers.length);
      assert.equal(new Set(plan.layers.map((l) => l.label)).size, plan.layers.length);
      const originals = plan.layers.filter((l) => l.kind !== 'new').map((l) => l.base);
      assert.deepEqual(
        originals,
        [...Array(layers).keys()].filter((n) => !prune.includes(n)),
      );
      assert.equal(new Set(plan.recipes.map((r) => r.name)).size, plan.recipes.length);
      assert.equal(plan.recipes.length, 2 + 9 * plan.layers.length);
      // What is not new and not merged is the base's own.
      const own = plan.recipes.filter((r) => r.kind === 'kept').length;
      assert.equal(own, 2 + 9 * plan.layers.filter((l) => l.kind === 'kept').length);
    }),
  );
});

describe('inserted blocks', () => {
  const q = (i: number) => `model.layers.${i}.self_attn.q_proj.weight`;
  const o = (i: number) => `model.layers.${i}.self_attn.o_proj.weight`;
  const down = (i: number) => `model.layers.${i}.mlp.down_proj.weight`;

  test('average: layers i and i + 1 of the base, o_proj and down_proj zero', async () => {
    const model = await carryOut({ expand: { after: [1], init: 'average', identity: true } });
    const [a, b] = [await read(base, q(1)), await read(base, q(2))];
    assert.deepEqual(
      await read(model, q(2)),
      a.map((x, i) => (x + b[i]!) / 2),
    );
    for (const name of [o(2), down(2)]) assert.ok((await read(model, name)).every((x) => Object.is(x, 0)));
    assert.deepEqual(await read(model, q(3)), b);
  });
  test('average after the last layer copies it', async () => {
    const model = await carryOut({ expand: { after: [4], init: 'average', identity: true } });
    assert.deepEqual(await read(model, q(5)), await read(base, q(4)));
    assert.deepEqual(model.layers.length, 6);
  });
  test('average reads neighbours that are pruned or merged as the base has them', async () => {
    const model = await carryOut({
      expand: { after: [1, 3], init: 'average', identity: true },
      prune: [2],
      merge: { into: 4, of: [3, 4] },
    });
    // 0 1 1+ 3 3+ 4
    const [b1, b2, b3, b4] = await Promise.all([1, 2, 3, 4].map((i) => read(base, q(i))));
    assert.deepEqual(
      await read(model, q(2)),
      b1!.map((x, i) => (x + b2![i]!) / 2),
    );
    assert.deepEqual(
      await read(model, q(4)),
      b3!.map((x, i) => (x + b4![i]!) / 2),
    );
    assert.deepEqual(
      await read(model, q(5)),
      b3!.map((x, i) => (x + b4![i]!) / 2),
    );
    assert.ok((await read(model, o(5))).some((x) => x !== 0));
  });
  test('copy without identity keeps everything', async () => {
    const model = await carryOut({ expand: { after: [0, 0], init: 'copy', identity: false } });
    for (const name of [q, o, down])
      for (const block of [1, 2]) assert.deepEqual(await read(model, name(block)), await read(base, name(0)));
  });
  test('random: normal with initializer_range, norms 1, seeded', async () => {
    const surgery: Surgery = { expand: { after: [2], init: 'random', identity: true } };
    const [first, again, other] = [await carryOut(surgery, 1), await carryOut(surgery, 1), await carryOut(surgery, 2)];
    const values = await read(first, `model.layers.3.mlp.up_proj.weight`);
    const deviation = Math.sqrt(values.reduce((s, x) => s + x * x, 0) / values.length);
    assert.ok(Math.abs(deviation / base.config.initializerRange - 1) < 0.2);
    assert.ok((await read(first, 'model.layers.3.input_layernorm.weight')).every((x) => x === 1));
    assert.ok((await read(first, o(3))).every((x) => x === 0));
    assert.deepEqual(await read(again, q(3)), await read(first, q(3)));
    assert.notDeepEqual(await read(other, q(3)), await read(first, q(3)));
    assert.notDeepEqual(
      await read(first, q(3)),
      (await read(first, `model.layers.3.mlp.gate_proj.weight`)).subarray(0, 256),
    );
  });
});

test('a merged layer is the plain average of three, in float64', async () => {
  const model = await carryOut({ merge: { into: 2, of: [0, 2, 4] } });
  const name = 'model.layers.2.mlp.down_proj.weight';
  const [a, b, c] = await Promise.all([0, 2, 4].map((i) => read(base, `model.layers.${i}.mlp.down_proj.weight`)));
  assert.deepEqual(
    await read(model, name),
    a!.map((x, i) => (x + b![i]! + c![i]!) / 3),
  );
  const untouched = 'model.layers.1.mlp.down_proj.weight';
  assert.deepEqual(await readBytes(model.tensors.get(untouched)!), await readBytes(base.tensors.get(untouched)!));
});

describe('impossible surgery is refused', () => {
  const expand = (after: number[]) => ({ after, init: 'copy' as const, identity: true });
  const cases: [RegExp, Surgery][] = [
    [/expand names layer 5/, { expand: expand([5]) }],
    [/prune names layer -1/, { prune: [-1] }],
    [/merge names layer 9/, { merge: { into: 1, of: [9] } }],
    [/merge names layer 9/, { merge: { into: 9, of: [1] } }],
    [/prune names a layer twice/, { prune: [1, 1] }],
    [/merge names a layer twice/, { merge: { into: 1, of: [1, 1] } }],
    [/averages no layer/, { merge: { into: 1, of: [] } }],
    [/Layer 1 is pruned and expanded after/, { expand: expand([1]), prune: [1] }],
    [/Layer 1 is pruned and merged into/, { merge: { into: 1, of: [1, 2] }, prune: [1] }],
    [/All layers are pruned/, { prune: [0, 1, 2, 3, 4] }],
  ];
  for (const [message, surgery] of cases)
    test(String(message), () =>
      assert.throws(
        () => planSurgery(base.config, base.tensors, surgery),
        (error) => error instanceof Failure && error.problem.code === 'invalid-surgery' && message.test(error.message),
      ),
    );
});
