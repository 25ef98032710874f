import assert from 'node:assert/strict';
import { join } from 'node:path';
import { before, describe, test } from 'node:test';
import { readJson } from '../../../src/base/files.ts';
import { elements } from '../../../src/model/dtypes.ts';
import { surgeryFolder } from '../../../src/model/export.ts';
import { hashModel, hashTensor } from '../../../src/model/hash.ts';
import { openModel } from '../../../src/model/open.ts';
import { writeSurgery } from '../../../src/model/overlay.ts';
import { expansionOnly, planSurgery } from '../../../src/model/surgery.ts';
import type { Model, StackLayer, Surgery } from '../../../src/model/types.ts';
import { data, needsShared, temporaryFolder } from '../../support.ts';

interface ReferenceModel {
  layers: number;
  parameters: number;
  layer_map: { new: number; kind: 'original' | 'inserted' | 'averaged'; of: number[] }[];
  trainable_layers: number[];
  trainable_parameters: number;
  trainable_names: string[];
  sha256_of_tensor_bytes_not_shared_with_base?: Record<string, string>;
}

const after = [1, 3, 5, 7, 9, 11, 13, 15];
const average = { after, init: 'average', identity: true } as const;
/** The models of the reference, as surgery. */
const surgeries: Record<string, Surgery> = {
  base: {},
  expanded_only: { expand: average },
  s_deepest_untouched: { expand: average, prune: [30, 31] },
  s_deepest_average: { expand: average, prune: [30, 31], merge: { into: 29, of: [29, 30, 31] } },
  llama_pro: { expand: { after: [3, 7, 11, 15, 19, 23, 27, 31], init: 'copy', identity: true } },
};

/** Base layers that a layer of the stack is made of. */
function originals(layer: StackLayer): number[] {
  return layer.kind === 'kept' ? [layer.base] : layer.kind === 'new' ? layer.sources : layer.of;
}

describe('surgery equals the reference of the S strategy', needsShared, () => {
  let base: Model;
  let reference: { models: Record<string, ReferenceModel> };
  before(async () => {
    base = await openModel(data('reference/slayer/base'));
    reference = await readJson(data('reference/slayer/reference.json'));
  });

  for (const [name, surgery] of Object.entries(surgeries))
    test(name, async () => {
      const expected = reference.models[name]!;
      const folder = await temporaryFolder();
      const plan = planSurgery(base.config, base.tensors, surgery);
      await surgeryFolder(base, plan, join(folder, 'out'));
      await writeSurgery(join(folder, 'start'), base, await hashModel(base), plan);
      const exported = await openModel(join(folder, 'out'));
      const overlay = await openModel(join(folder, 'start'));

      assert.equal(exported.config.layers, expected.layers);
      assert.equal(overlay.config.layers, expected.layers);
      assert.deepEqual(
        plan.layers.map((layer, i) => ({ new: i, of: originals(layer) })),
        expected.layer_map.map((layer) => ({ new: layer.new, of: layer.of })),
      );
      const hashes = expected.sha256_of_tensor_bytes_not_shared_with_base ?? {};
      assert.deepEqual(overlay.changed.toSorted(), Object.keys(hashes).toSorted());
      for (const model of [exported, overlay]) {
        for (const [tensor, hash] of Object.entries(hashes))
          assert.equal(await hashTensor(model.tensors.get(tensor)!), hash, tensor);
        const parameters = [...model.tensors.values()].reduce((sum, ref) => sum + elements(ref.shape), 0);
        assert.equal(parameters, expected.parameters);
      }
      // Everything else is the base's, byte for byte, under its new number.
      for (const [tensor, from] of overlay.base!.map)
        assert.equal(
          await hashTensor(exported.tensors.get(tensor)!),
          await hashTensor(base.tensors.get(from)!),
          tensor,
        );
      const trained = [...exported.tensors.values()].filter((ref) => overlay.changed.includes(ref.name));
      if (expected.trainable_layers.length > 0) {
        assert.equal(
          trained.reduce((sum, ref) => sum + elements(ref.shape), 0),
          expected.trainable_parameters,
        );
        assert.deepEqual(
          trained.map((ref) => ref.name),
          expected.trainable_names,
        );
      }
    });

  test('the reference folder of the S strategy is what surgery writes, tensor by tensor', async () => {
    const expected = await openModel(data('reference/slayer/s-expanded'));
    const out = join(await temporaryFolder(), 'out');
    await surgeryFolder(base, planSurgery(base.config, base.tensors, surgeries['s_deepest_average']!), out);
    const made = await openModel(out);
    assert.deepEqual([...made.tensors.keys()], [...expected.tensors.keys()]);
    for (const [name, ref] of expected.tensors)
      assert.equal(await hashTensor(made.tensors.get(name)!), await hashTensor(ref), name);
    assert.deepEqual(made.config, expected.config);
  });

  test('labels number inserted blocks after their base layer', () => {
    const { layers } = planSurgery(base.config, base.tensors, {
      expand: { after: [3, 1, 3], init: 'copy', identity: true },
      prune: [2],
      merge: { into: 4, of: [4, 5] },
    });
    assert.deepEqual(
      layers.slice(0, 8).map((layer) => layer.label),
      ['0', '1', '1+', '3', '3+1', '3+2', '4', '5'],
    );
    assert.equal(layers[6]!.kind, 'merged');
  });

  test('the expansion alone leaves out pruning and merging', () => {
    assert.deepEqual(expansionOnly(surgeries['s_deepest_average']!), surgeries['expanded_only']);
    assert.deepEqual(expansionOnly({ prune: [3] }), {});
  });
});
