import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from '../../../src/experiment/parse.ts';
import { createView, type View } from '../../../src/language/view.ts';
import { gather } from '../../../src/plan/gather.ts';
import type { Facts } from '../../../src/plan/types.ts';
import { root } from '../../support.ts';

/**
 * An experiment with every kind of arm on the sample world's model of eight layers: the embedded sample as it once was, so that
 * what is asserted of it holds however the sample grows. It is read as if it lay beside that.
 */
export const sampleFile = join(root, 'samples', 'shallow-vs-rivals.strata.yaml');
export const sample = readFileSync(join(root, 'test', 'unit', 'language', 'fixtures', 'rivals.strata.yaml'), 'utf8');

export async function factsOf(text: string, file = sampleFile): Promise<Facts> {
  return gather(parse(text, { file }).draft, { depth: 'files', cacheFolder: null });
}

/** The sample's model, tokenizer, corpora and tasks. */
export const sampleFacts = await factsOf(sample);

export function view(text: string, facts: Facts | undefined = sampleFacts): View {
  return createView(text, sampleFile, facts);
}

/** A text with `|` where the cursor is, taken out. */
export function atCursor(marked: string): { text: string; offset: number } {
  const offset = marked.lastIndexOf('|');
  return { text: marked.slice(0, offset) + marked.slice(offset + 1), offset };
}
