import { extname } from 'node:path';
import { lines, readHead } from './text-file.ts';

/**
 * Whether files that nobody has described hold token rows or text: safetensors files and JSON lines with `input_ids` (and without
 * the field of the text) are token rows. Fails as `readHead`.
 */
export async function corpusKind(files: readonly string[], field = 'text'): Promise<'tokens' | 'text'> {
  const [file = ''] = files;
  const ending = extname(file).toLowerCase();
  if (ending === '.safetensors') return 'tokens';
  if (ending !== '.jsonl' && ending !== '.ndjson') return 'text';
  for (const { text } of lines(await readHead(file))) {
    if (text.trim() === '') continue;
    const record = parse(text);
    return record !== undefined && 'input_ids' in record && !(field in record) ? 'tokens' : 'text';
  }
  return 'text';
}

/** What is no object is said by whoever reads the file. */
function parse(line: string): object | undefined {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === 'object' && value !== null ? value : undefined;
  } catch {
    return undefined;
  }
}
