import { extname } from 'node:path';
import { fail } from '../base/problem.ts';
import { readBytes, readHeader } from '../model/safetensors.ts';
import type { TensorRef } from '../model/types.ts';
import { ignored, type RowSource } from './rows.ts';
import { lines, readHead, readUtf8 } from './text-file.ts';

/** Token rows as they are stored: one document a row. */
export interface TokenRows {
  rows: number;
  sequence: number;
  /** [rows, sequence] */
  ids: Int32Array;
  /** [rows, sequence], aligned with `ids`; −100 = not learnt. */
  labels: Int32Array;
}

/**
 * Reads token rows: JSON lines `{input_ids, labels?}`, or safetensors with tensors of these names [rows, sequence] (int32 or
 * int64). Without labels every token is learnt.
 * @throws Failure `token-rows-length` where a row is not as long as the others, `token-rows-broken` with `file:line`,
 *   `token-rows-empty`
 */
export async function readTokenRows(files: readonly string[]): Promise<TokenRows> {
  const parts: TokenRows[] = [];
  for (const file of files)
    parts.push(isSafetensors(file) ? await fromSafetensors(file) : fromLines(await readUtf8(file), file));
  const filled = parts.filter((p) => p.rows > 0);
  if (filled.length === 0)
    fail('token-rows-empty', 'There are no token rows.', {
      place: files[0],
      remedy: 'Write one {"input_ids": […]} a line.',
    });
  const { sequence } = filled[0]!;
  const other = parts.findIndex((p) => p.rows > 0 && p.sequence !== sequence);
  if (other >= 0)
    fail('token-rows-length', `Its rows have ${parts[other]!.sequence} tokens, those before have ${sequence}.`, {
      place: files[other],
      remedy: 'Give rows of one length.',
    });
  return {
    rows: filled.reduce((n, p) => n + p.rows, 0),
    sequence,
    ids: concatenate(filled.map((p) => p.ids)),
    labels: concatenate(filled.map((p) => p.labels)),
  };
}

/** Length of the first row of each file: the cheap look of check and plan. Fails as `readTokenRows` does. */
export async function firstTokenRows(files: readonly string[]): Promise<{ sequence: number }> {
  let sequence = 0;
  for (const file of files) {
    const rows = isSafetensors(file) ? await headerOf(file) : fromLines(await readHead(file), file, 1);
    sequence ||= rows.sequence;
  }
  return { sequence };
}

/**
 * Rows in their order, once. Positions run from 0, one segment a row.
 * @throws Failure `token-rows-length` if they are not `sequence` long, `token-rows-few` if there are fewer than `needed`
 */
export function orderedRows(rows: TokenRows, sequence: number, needed: number, place?: string): RowSource {
  if (rows.sequence !== sequence)
    fail('token-rows-length', `The token rows have ${rows.sequence} tokens, but \`sequence\` is ${sequence}.`, {
      place,
      remedy: `Set \`sequence: ${rows.sequence}\`, or write rows of ${sequence} tokens.`,
    });
  if (rows.rows < needed)
    fail('token-rows-few', `There are ${rows.rows} token rows, but the run needs ${needed}.`, {
      place,
      remedy: 'Train for fewer steps, or give more rows: they are taken in order and not repeated.',
    });
  return {
    rowsPerPass: Number.POSITIVE_INFINITY,
    write(row, out) {
      const from = row * sequence;
      out.segment(0, rows.ids.subarray(from, from + sequence), rows.labels.subarray(from, from + sequence));
    },
  };
}

function isSafetensors(file: string): boolean {
  return extname(file) === '.safetensors';
}

function fromLines(bytes: Buffer, file: string, limit = Number.POSITIVE_INFINITY): TokenRows {
  const ids: number[][] = [];
  const labels: number[][] = [];
  for (const { text, number } of lines(bytes)) {
    if (ids.length >= limit) break;
    if (text.trim() === '') continue;
    const place = `${file}:${number}`;
    const record = parseLine(text, place);
    const row = integers(record['input_ids'], 'input_ids', 0, place);
    const rowLabels = record['labels'] === undefined ? row : integers(record['labels'], 'labels', ignored, place);
    const length = ids[0]?.length ?? row.length;
    if (row.length !== length)
      fail('token-rows-length', `The row has ${row.length} tokens, those before have ${length}.`, {
        place,
        remedy: 'Give rows of one length.',
      });
    if (rowLabels.length !== row.length)
      fail('token-rows-broken', `The row has ${row.length} tokens but ${rowLabels.length} labels.`, {
        place,
        remedy: 'Give one label a token, -100 where none is to be learnt.',
      });
    ids.push(row);
    labels.push(rowLabels);
  }
  return {
    rows: ids.length,
    sequence: ids[0]?.length ?? 0,
    ids: Int32Array.from(ids.flat()),
    labels: Int32Array.from(labels.flat()),
  };
}

function parseLine(text: string, place: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null) return value as Record<string, unknown>;
  } catch {
    // Said below, together with values that are no object.
  }
  return fail('invalid-json-line', 'This line is not a JSON object.', {
    place,
    remedy: 'Write one {"input_ids": […]} a line.',
  });
}

function integers(value: unknown, key: string, lowest: number, place: string): number[] {
  if (Array.isArray(value) && value.length > 1 && value.every((x) => Number.isInteger(x) && x >= lowest)) return value;
  return fail('token-rows-broken', `The key \`${key}\` is missing or no list of two or more token ids.`, {
    place,
    remedy: 'Write {"input_ids": […], "labels": […]} with integers.',
  });
}

async function fromSafetensors(file: string): Promise<TokenRows> {
  const { rows, sequence, ids, labels } = await headerOf(file);
  const values = await integerTensor(ids);
  return { rows, sequence, ids: values, labels: labels ? await integerTensor(labels) : values };
}

async function headerOf(file: string): Promise<{ rows: number; sequence: number; ids: TensorRef; labels?: TensorRef }> {
  const { tensors } = await readHeader(file);
  const ids = tensors.find((t) => t.name === 'input_ids');
  const labels = tensors.find((t) => t.name === 'labels');
  const [rows = 0, sequence = 0] = ids?.shape ?? [];
  const fits = (t: TensorRef) => t.shape.length === 2 && t.shape[0] === rows && t.shape[1] === sequence;
  if (!ids || !fits(ids) || (labels && !fits(labels)))
    fail(
      'token-rows-broken',
      'The file needs a tensor `input_ids` [rows, sequence], and `labels` of the same shape if any.',
      {
        place: file,
        remedy: 'Write it with safetensors.',
      },
    );
  return { rows, sequence, ids, labels };
}

async function integerTensor(ref: TensorRef): Promise<Int32Array> {
  // A copy of its own stands at an offset that typed arrays can view.
  const { buffer } = (await readBytes(ref)).slice();
  if (ref.dtype === 'I32') return new Int32Array(buffer);
  if (ref.dtype === 'I64') return Int32Array.from(new BigInt64Array(buffer), Number);
  return fail('token-rows-broken', `The tensor is ${ref.dtype}; token ids are int32 or int64.`, {
    place: `${ref.file}: ${ref.name}`,
    remedy: 'Convert it to int64.',
  });
}

function concatenate(parts: Int32Array[]): Int32Array {
  const out = new Int32Array(parts.reduce((n, p) => n + p.length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}
