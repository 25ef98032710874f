import { readFile } from 'node:fs/promises';
import { fail } from '../base/problem.ts';

/** A JSON file that holds an object; `invalid-json` if it does not. */
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
  return value as Record<string, unknown>;
}
