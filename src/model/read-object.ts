import { readFile } from 'node:fs/promises';
import { fail } from '../base/problem.ts';

/** No file of a model is nested nearly as deep; what is cannot even be shown in a message. */
const deepest = 100;

/** A JSON file that holds an object; `invalid-json` if it does not, or is nested too deeply. */
export async function readObject(path: string): Promise<Record<string, unknown>> {
  const text = await readFile(path, 'utf8');
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    return fail('invalid-json', `${path} is not JSON: ${(error as Error).message}.`, {
      place: path,
      remedy: 'Correct the file, or fetch it again.',
    });
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    return fail('invalid-json', `${path} does not hold a JSON object.`, {
      place: path,
      remedy: 'Correct the file, or fetch it again.',
    });
  if (isDeep(value))
    return fail('invalid-json', `${path} has more than ${deepest} lists and objects in one another.`, {
      place: path,
      remedy: 'Correct the file, or fetch it again.',
    });
  return value as Record<string, unknown>;
}

function isDeep(value: object): boolean {
  let level = [value];
  for (let depth = 0; level.length > 0; depth++) {
    if (depth === deepest) return true;
    level = level.flatMap((v) => Object.values(v)).filter((v): v is object => typeof v === 'object' && v !== null);
  }
  return false;
}
