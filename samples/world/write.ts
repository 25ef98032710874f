import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { values } from '../../src/model/sources.ts';
import { writeSafetensors } from '../../src/model/writer.ts';
import { initialWeights, modelConfig } from './initial-model.ts';
import { makeTokenizer } from './tokenizer.ts';
import { makeWorld, worldSeed } from './world.ts';

/** Text files that the generator writes, by path relative to `samples/`: corpora, questions, the initial model's config and tokenizer. */
export function worldFiles(seed = worldSeed): Map<string, string> {
  const world = makeWorld(seed);
  const tokenizer = makeTokenizer([...world.oldFacts, ...world.general]);
  const lines = (records: readonly object[]) => records.map((record) => `${JSON.stringify(record)}\n`).join('');
  const texts = (list: readonly string[]) => lines(list.map((text) => ({ text })));
  const json = (value: object, indent?: number) => `${JSON.stringify(value, null, indent)}\n`;
  return new Map([
    ['data/old-facts.jsonl', texts(world.oldFacts)],
    ['data/new-facts.jsonl', texts(world.newFacts)],
    ['data/general.jsonl', texts(world.general)],
    ['data/recall-old.jsonl', lines(world.recallOld)],
    ['data/recall-new.jsonl', lines(world.recallNew)],
    ['data/sums.jsonl', lines(world.sums)],
    ['initial/config.json', json(modelConfig(tokenizer.size), 2)],
    ['initial/tokenizer.json', json(tokenizer.json)],
    ['initial/tokenizer_config.json', json(tokenizer.config, 2)],
  ]);
}

/** Writes the world into `folder` (the repository's `samples/`): `worldFiles`, and the initial model's random weights. */
export async function writeWorld(folder: string, seed = worldSeed): Promise<string[]> {
  const files = worldFiles(seed);
  for (const [path, text] of files) {
    await mkdir(join(folder, path, '..'), { recursive: true });
    await writeFile(join(folder, path), text);
  }
  const config = JSON.parse(files.get('initial/config.json')!) as ReturnType<typeof modelConfig>;
  const weights = initialWeights(config, seed).map(({ name, shape, data }) => values(name, shape, 'F32', data));
  await writeSafetensors(join(folder, 'initial/model.safetensors'), weights);
  return [...files.keys(), 'initial/model.safetensors'];
}
