import { nearest } from './suggest.ts';
import type { TrainSelector } from './types.ts';

const wordSelectors = ['all', 'new', 'merged', 'embeddings', 'head', 'norms'] as const;

/** What may stand in `train:`, with its meaning; for completion and the reference page. */
export const selectorForms: { form: string; summary: string }[] = [
  { form: 'all', summary: 'every tensor' },
  { form: 'new', summary: 'all inserted blocks, also those of the arm in `from`' },
  { form: 'merged', summary: 'the layer that `merge` made' },
  { form: 'layers a-b', summary: 'base layers a to b, both included; never an inserted block' },
  { form: 'layers n', summary: 'base layer n' },
  { form: 'layers n+', summary: 'all blocks inserted after base layer n' },
  { form: 'layers n+k', summary: 'the k-th block inserted after base layer n' },
  { form: 'embeddings', summary: 'the token embeddings (one tensor with the head where they are tied)' },
  { form: 'head', summary: 'the output matrix' },
  { form: 'norms', summary: 'every norm' },
  { form: 'GLOB', summary: 'tensors of the resulting model by name, such as `model.layers.*.mlp.*`' },
];

const layersForm = /^layers\s+(\d+)(?:\s*-\s*(\d+)|(\+)(\d+)?)?$/;

/** One entry of `train:`, or undefined if it has none of the forms (see `explainSelector`). Layers are base layers. */
export function parseSelector(text: string): TrainSelector | undefined {
  const word = wordSelectors.find((w) => w === text);
  if (word) return { kind: word, text };
  const match = layersForm.exec(text);
  if (match) {
    const [, first, last, plus, ordinal] = match;
    const from = Number(first);
    if (plus === undefined) {
      const to = last === undefined ? from : Number(last);
      return from <= to ? { kind: 'layers', from, to, text } : undefined;
    }
    if (ordinal === undefined) return { kind: 'inserted', after: from, text };
    return Number(ordinal) > 0 ? { kind: 'inserted', after: from, ordinal: Number(ordinal), text } : undefined;
  }
  return /^[^\s]*[.*?][^\s]*$/.test(text) ? { kind: 'glob', text } : undefined;
}

/** Why a text is no selector, and what was probably meant. */
export function explainSelector(text: string): { message: string; meant?: string } {
  const range = /^layers?\s*:?\s*(\d+)\s*(?:-|\.\.|to)\s*(\d+)$/i.exec(text);
  if (range) {
    const [a, b] = [Number(range[1]), Number(range[2])];
    return {
      message: a > b ? `A range of layers goes upwards.` : 'A range of layers is written `layers a-b`.',
      meant: `layers ${Math.min(a, b)}-${Math.max(a, b)}`,
    };
  }
  const single = /^(?:layers?|block)?\s*:?\s*(\d+)(\+\d*)?$/i.exec(text);
  if (single?.[2] === '+0') return { message: 'Inserted blocks are counted from 1.', meant: `layers ${single[1]}+1` };
  if (single) return { message: 'Layers are written `layers n`.', meant: `layers ${single[1]}${single[2] ?? ''}` };
  const meant = nearest(text, wordSelectors);
  return { message: `\`${text}\` is no selector.`, ...(meant && { meant }) };
}
