import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { exists } from '../base/files.ts';
import { fail } from '../base/problem.ts';
import { shown } from '../base/shown.ts';
import { readObject } from './read-object.ts';
import { readHeader } from './safetensors.ts';
import type { TensorRef } from './types.ts';

export const weightsName = 'model.safetensors';
export const indexName = 'model.safetensors.index.json';

/**
 * The tensors of a Hugging Face folder: `model.safetensors`, or the shards that `model.safetensors.index.json` names. The
 * index is held against the headers: each tensor is in the shard that it names, and the shards hold nothing else.
 */
export async function readShards(folder: string): Promise<Map<string, TensorRef>> {
  // transformers looks for the single file first.
  if (await exists(join(folder, weightsName))) {
    const { tensors } = await readHeader(join(folder, weightsName));
    return new Map(tensors.map((tensor) => [tensor.name, tensor]));
  }
  if (await exists(join(folder, indexName))) return readIndexed(folder);
  return noWeights(folder);
}

async function readIndexed(folder: string): Promise<Map<string, TensorRef>> {
  const index = join(folder, indexName);
  const where = parseIndex(await readObject(index), index);
  const tensors = new Map<string, TensorRef>();
  for (const shard of [...new Set(where.values())].sort()) {
    const file = join(folder, shard);
    if (!(await exists(file)))
      fail('file-missing-shard', `${index} names the shard ${shard}, which is not in the folder.`, {
        place: file,
        remedy: 'Fetch the missing file; an interrupted download leaves such a folder.',
      });
    for (const tensor of (await readHeader(file)).tensors) {
      if (where.get(tensor.name) !== shard)
        fail(
          'invalid-index-tensor',
          `${file} holds ${tensor.name}, which ${indexName} places elsewhere or not at all.`,
          {
            place: file,
            remedy: 'Shards and index come from different checkpoints: fetch all of them again.',
          },
        );
      tensors.set(tensor.name, tensor);
    }
  }
  for (const [name, shard] of where)
    if (!tensors.has(name))
      fail('invalid-index-tensor', `${index} places ${name} in ${shard}, which does not hold it.`, {
        place: index,
        remedy: 'Shards and index come from different checkpoints: fetch all of them again.',
      });
  return tensors;
}

/** Tensor name → shard. Shard names are plain file names, so that no index can reach outside its folder. */
export function parseIndex(index: Record<string, unknown>, place: string): Map<string, string> {
  const map = index['weight_map'];
  if (typeof map !== 'object' || map === null || Array.isArray(map))
    return fail('invalid-index-json', `${place} has no weight_map.`, {
      place,
      remedy: 'Fetch the index file again.',
    });
  return new Map(
    Object.entries(map).map(([name, shard]: [string, unknown]) => {
      if (typeof shard !== 'string' || !/^[^/\\\0]+\.safetensors$/.test(shard) || shard.includes('..'))
        return fail('invalid-index-shard-name', `${place} places ${name} in ${shown(shard)}.`, {
          place,
          remedy: 'A shard is a .safetensors file in the same folder, named without a separator or "..".',
        });
      return [name, shard];
    }),
  );
}

async function noWeights(folder: string): Promise<never> {
  const others = (await readdir(folder)).filter((name) => /\.(bin|pt|pth|gguf|h5|msgpack|onnx)$/.test(name)).sort();
  if (others.length > 0)
    return fail('invalid-weights-format', `${folder} has weights only as ${others[0]}, not as .safetensors.`, {
      place: folder,
      remedy:
        'Convert them once with Python: AutoModelForCausalLM.from_pretrained(FOLDER).save_pretrained(OUT, safe_serialization=True).',
    });
  return fail('file-missing-weights', `${folder} has neither ${weightsName} nor ${indexName}.`, {
    place: folder,
    remedy: 'Name the folder of a complete checkpoint.',
  });
}
