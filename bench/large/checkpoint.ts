import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { exists } from '../../src/base/files.ts';
import { toBfloat16 } from '../../src/model/dtypes.ts';
import { expectedTensors } from '../../src/model/names.ts';
import type { TensorSource } from '../../src/model/sources.ts';
import type { ModelConfig } from '../../src/model/types.ts';
import { byteLength, writeSafetensors } from '../../src/model/writer.ts';
import { configJson } from '../training/model.ts';
import { benchConfig } from '../training/shapes.ts';

/** 1.19 billion parameters. */
export const largeConfig: ModelConfig = {
  ...benchConfig({ vocabSize: 32000, hiddenSize: 2048, intermediateSize: 5632, layers: 24, heads: 32, kvHeads: 4 }),
  tied: false,
};

const shardBytes = 900e6;

/** Writes the checkpoint in shards with an index, unless it is there: seeded values, uniform with a deviation of 0.02. */
export async function writeCheckpoint(folder: string): Promise<void> {
  if (await exists(join(folder, 'config.json'))) return;
  await mkdir(folder, { recursive: true });
  const shards: TensorSource[][] = [[]];
  let filled = 0;
  for (const [i, { name, shape }] of expectedTensors(largeConfig).entries()) {
    const source = randomValues(name, shape, i + 1);
    if (filled > 0 && filled + byteLength(source) > shardBytes) {
      shards.push([]);
      filled = 0;
    }
    shards.at(-1)!.push(source);
    filled += byteLength(source);
  }
  const map: Record<string, string> = {};
  for (const [i, sources] of shards.entries()) {
    const number = (n: number) => String(n).padStart(5, '0');
    const file = `model-${number(i + 1)}-of-${number(shards.length)}.safetensors`;
    await writeSafetensors(join(folder, file), sources);
    for (const { name } of sources) map[name] = file;
  }
  await writeFile(join(folder, 'model.safetensors.index.json'), JSON.stringify({ metadata: {}, weight_map: map }));
  await writeFile(join(folder, 'config.json'), JSON.stringify({ ...configJson(largeConfig), torch_dtype: 'bfloat16' }));
}

/** All values that are drawn from: so many draws are quick. */
const drawn = Uint16Array.from({ length: 65536 }, (_, i) =>
  toBfloat16(0.02 * Math.sqrt(12) * ((i + 0.5) / 65536 - 0.5)),
);
const one = toBfloat16(1);

function randomValues(name: string, shape: number[], seed: number): TensorSource {
  let state = (seed * 2654435761) >>> 0 || 1;
  const norm = name.endsWith('norm.weight');
  return {
    name,
    shape,
    dtype: 'BF16',
    async fill(_offset, target) {
      const values = new Uint16Array(target.buffer, target.byteOffset, target.length / 2);
      for (let i = 0; i < values.length; i++) {
        // xorshift (Marsaglia 2003).
        state ^= state << 13;
        state ^= state >>> 17;
        state ^= state << 5;
        values[i] = norm ? one : drawn[state & 0xffff]!;
      }
    },
  };
}
