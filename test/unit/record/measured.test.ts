import assert from 'node:assert/strict';
import { appendFile, mkdir, rm, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { hashCache } from '../../../src/base/hash-cache.ts';
import { parse } from '../../../src/experiment/parse.ts';
import { hashModel, knownHash } from '../../../src/model/hash.ts';
import { openModel } from '../../../src/model/open.ts';
import { newestImportance } from '../../../src/record/importance.ts';
import { layout } from '../../../src/record/layout.ts';
import { readMeasured, trusted, withImportance } from '../../../src/record/measured.ts';
import { temporaryFolder } from '../../support.ts';
import { writeTinyModel } from '../../tiny-model.ts';
import { analysis } from './analysis.ts';

/** A model that was hashed before, as a plan or a run does. */
async function world() {
  const folder = await temporaryFolder();
  const strata = join(folder, '.strata');
  await mkdir(join(strata, 'runs'), { recursive: true });
  const model = await openModel(await writeTinyModel(join(folder, 'model')));
  const file = join(model.folder, 'model.safetensors');
  const before = new Date(Date.now() - 60_000);
  await utimes(file, before, before);
  const cache = hashCache(join(strata, 'cache', 'hashes.json'));
  const hash = await hashModel(model, cache);
  await cache.save();
  return { strata, model, file, hash };
}

test('a hash is known without reading a weight, until a file changes', async () => {
  const { strata, model, file, hash } = await world();
  const cache = () => hashCache(join(strata, 'cache', 'hashes.json'));
  assert.equal(await knownHash(model, cache()), hash);
  assert.equal(await knownHash(model, hashCache()), undefined);
  await appendFile(file, 'x');
  assert.equal(await knownHash(model, cache()), undefined);
});

test('what was measured of a model: of exactly this one first, then newest first', async () => {
  const { strata, model, file, hash } = await world();
  await analysis(strata, 'x-analysis-00000001', { model: model.folder, hash: 'before', asked: 3 });
  await analysis(strata, 'x-analysis-00000002', { model: '/elsewhere', hash, asked: 1 });
  await analysis(strata, 'x-analysis-00000003', { model: model.folder, hash, asked: 2 });
  await analysis(strata, 'x-analysis-00000004', { model: '/elsewhere', hash: 'other', asked: 9 });
  await analysis(strata, 'x-analysis-00000005', { model: model.folder, hash: 'deeper', asked: 8, layers: 5 });
  const read = async () => (await readMeasured([strata], model)).map(({ asked, standing }) => `${asked} ${standing}`);
  assert.deepEqual(await read(), ['2 current', '1 current', '3 stale']);
  await appendFile(file, ' ');
  assert.deepEqual(await read(), ['3 unknown', '2 unknown'], 'a changed file is another model, but nobody knows which');
});

test('unfinished and damaged analyses are not there', async () => {
  const { strata, model, hash } = await world();
  const unfinished = await analysis(strata, 'x-analysis-00000001', { model: model.folder, hash, asked: 1 });
  await rm(join(unfinished, layout.importance));
  const damaged = await analysis(strata, 'x-analysis-00000002', { model: model.folder, hash, asked: 2 });
  await writeFile(join(damaged, layout.importance), '{"strata_im');
  assert.deepEqual(await readMeasured([strata, join(strata, 'none')], model), []);
  assert.equal(await newestImportance(strata, 'x'), undefined);
  await analysis(strata, 'x-analysis-00000003', { model: model.folder, hash, asked: 3 });
  assert.equal((await newestImportance(strata, 'x'))?.metrics['angular']?.[0], 3);
});

test('an experiment takes the measurement that it asks for, and no other', async () => {
  const { strata, model, hash } = await world();
  await analysis(strata, 'x-analysis-00000001', { model: model.folder, hash, asked: 1 });
  const measured = await readMeasured([strata], model);
  const facts = { depth: 'headers' as const, problems: [], measured };
  const importance = (change: object, stem = 'x') => {
    const asked = { metrics: ['angular'], corpus: 'general', tokens: 64, ...change };
    const text = `strata: 1\nmodel: m\narms: {}\nanalysis: ${JSON.stringify(asked)}\n`;
    return withImportance(facts, parse(text, { file: `/${stem}.strata.yaml` }).draft)?.importance?.metrics;
  };
  assert.deepEqual(importance({})?.['angular'], [1, 2, 3, 4]);
  assert.equal(importance({ tokens: 65 }), undefined);
  assert.equal(importance({ metrics: ['angular', 'removal'] }), undefined);
  assert.equal(importance({ corpus: 'other' }), undefined);
  assert.equal(importance({ tasks: ['t'] }), undefined);
  assert.equal(importance({}, 'y'), undefined);
  assert.equal(trusted(measured)?.asked, 1);
  assert.equal(trusted(measured.map((m) => ({ ...m, standing: 'stale' as const }))), undefined);
});
