import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { trainBpe } from '../../../samples/world/bpe.ts';
import { initialWeights, modelConfig } from '../../../samples/world/initial-model.ts';
import { makeWorld } from '../../../samples/world/world.ts';
import { worldFiles, writeWorld } from '../../../samples/world/write.ts';
import { sha256 } from '../../../src/base/hash.ts';
import { readCorpus } from '../../../src/data/corpus.ts';
import { overlap } from '../../../src/data/overlap.ts';
import { openTokenizer } from '../../../src/data/tokenizer.ts';
import { openModel } from '../../../src/model/open.ts';
import { root, temporaryFolder } from '../../support.ts';

const samples = join(root, 'samples');
const world = makeWorld();
const corpora = [...world.oldFacts, ...world.newFacts, ...world.general];

describe('the committed world', () => {
  test('is what the generator writes', async () => {
    for (const [path, text] of worldFiles()) {
      // The trained base has the initial model's config and tokenizer.
      const committed = path.replace(/^initial\//, 'base/');
      const found = await readFile(join(samples, committed), 'utf8');
      if (path === 'initial/config.json') assert.deepEqual(JSON.parse(found), JSON.parse(text));
      else assert.equal(sha256(found), sha256(text), `${committed} differs: run \`npm run world\``);
    }
  });

  test('has a complete initial model, from its seed', async () => {
    const folder = await temporaryFolder();
    await writeWorld(folder);
    const model = await openModel(join(folder, 'initial'));
    assert.equal(model.config.layers, 8);
    assert.equal(model.config.vocabSize, (await openTokenizer(join(folder, 'initial'))).size);
    const a = initialWeights(modelConfig(300), 1);
    const spread = (data: Float32Array) => Math.sqrt(data.reduce((sum, x) => sum + x * x, 0) / data.length);
    for (const { name, data } of a) assert.ok(Math.abs(spread(data) - (name.includes('norm') ? 1 : 0.02)) < 1e-3, name);
    assert.deepEqual(initialWeights(modelConfig(300), 1), a);
    assert.notDeepEqual(initialWeights(modelConfig(300), 2), a);
  });
});

describe('the tests are fair', () => {
  test('no question occurs in any corpus', () => {
    for (const { context } of [...world.recallOld, ...world.recallNew])
      assert.ok(!corpora.some((text) => text.includes(context)), context);
  });

  test('no sum of the test is trained in either order', () => {
    const trained = new Set(world.general.map((text) => text.split(' =')[0]));
    for (const { context, answer } of world.sums) {
      const [a, b] = context.split(/ [+=] ?/);
      assert.equal(Number(a) + Number(b), Number(answer));
      assert.ok(!trained.has(`${a} + ${b}`) && !trained.has(`${b} + ${a}`), context);
    }
  });

  test('held-out documents share no run of 13 words with trained ones', async () => {
    const file = join(samples, 'data', 'general.jsonl');
    const { documents, holdout } = await readCorpus([file], { holdout: 0.05 });
    const texts = (list: typeof documents) => list.map((d) => d.text);
    assert.deepEqual(overlap(texts(holdout), [...texts(documents), ...world.oldFacts, ...world.newFacts]), []);
  });

  test('new people are unknown to the base, their first and last names are not', () => {
    const { old, fresh } = world.people;
    const before = [...world.oldFacts, ...world.general];
    const parts = (i: number) => new Set(old.map(({ name }) => name.split(' ')[i]));
    const [first, last] = [parts(0), parts(1)];
    for (const { name } of fresh) {
      assert.ok(!before.some((text) => text.includes(name)), name);
      const [a, b] = name.split(' ');
      assert.ok(first.has(a) && last.has(b), name);
    }
  });

  test('every fact that is asked is stated, with the name before the value', () => {
    const questions = [
      ...world.recallNew.map((q) => ({ ...q, facts: world.newFacts, people: world.people.fresh })),
      ...world.recallOld.map((q) => ({ ...q, facts: world.oldFacts, people: world.people.asked })),
    ];
    for (const { context, choices, answer, facts, people } of questions) {
      const { name } = people.find((p) => context.includes(p.name))!;
      const stated = (value: string) => facts.filter((f) => f.includes(`${name} `) && f.endsWith(` ${value}.`));
      assert.equal(new Set(choices).size, 4);
      assert.ok(
        facts.some((f) => f.includes(name) && f.indexOf(name) < f.indexOf(choices[answer]!)),
        context,
      );
      assert.ok(stated(choices[answer]!).length > 0, context);
    }
  });

  test('each choice is one token, so a score does not depend on its length', async () => {
    const folder = await temporaryFolder();
    await writeWorld(folder);
    const tokenizer = await openTokenizer(join(folder, 'initial'));
    for (const { choices } of [...world.recallOld, ...world.recallNew])
      for (const choice of choices)
        assert.equal(tokenizer.encode(` ${choice}`, { addSpecialTokens: false }).length, 1, choice);
    for (const text of ['12 + 9 = 21', 'naïve 日本 😀', ...corpora.slice(0, 50)])
      assert.equal(tokenizer.decode(tokenizer.encode(text), { skipSpecialTokens: true }), text);
  });
});

test('BPE merges the most frequent pair, ties to the smallest string', () => {
  assert.deepEqual(trainBpe(['abab', 'ab', 'cd', 'cd']), [
    ['a', 'b'],
    ['c', 'd'],
  ]);
  assert.deepEqual(trainBpe(['ab', 'ab', 'cd', 'cd'], 1), [['a', 'b']]);
});
