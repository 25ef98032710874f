import type { SampleRecord } from '../record/types.ts';
import type { Group } from './groups.ts';
import type { Contrast, DocumentText } from './types.ts';

/** Few-shot prompts are long and end with the question. */
const contextLength = 400;

function tail(text: string): string {
  const characters = [...text];
  return characters.length > contextLength ? `… ${characters.slice(-contextLength).join('')}` : text;
}

const text = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined);
const texts = (value: unknown): string[] | undefined =>
  Array.isArray(value) && value.every((v) => typeof v === 'string') ? value : undefined;
const numbers = (value: unknown): number[] | undefined =>
  Array.isArray(value) && value.every((v) => typeof v === 'number') ? value : undefined;

/** What was right, in words: the gold choice or the reference answers. */
function expectedOf(sample: SampleRecord): string {
  const choices = texts(sample['continuations']);
  const gold = sample['gold'];
  if (choices && typeof gold === 'number') return (choices[gold] ?? '').trim();
  return text(sample['target']) ?? texts(sample['target'])?.join(' | ') ?? '';
}

/** What the model said: the likeliest choice or the extracted answer. */
function answerOf(sample: SampleRecord): string {
  const choices = texts(sample['continuations']);
  const loglikelihoods = numbers(sample['loglikelihoods']);
  if (choices && loglikelihoods) return (choices[loglikelihoods.indexOf(Math.max(...loglikelihoods))] ?? '').trim();
  return tail(text(sample['filtered']) ?? text(sample['generated']) ?? '');
}

/** The first `shown` flipped documents of every contrast, each way, with what each arm answered (in its first run). */
export function documentTexts(
  groups: readonly Group[],
  contrasts: readonly Contrast[],
  shown: number,
): Record<string, DocumentText[]> {
  const wanted = new Map<string, Set<number>>();
  for (const { task, flips } of contrasts) {
    const documents = wanted.get(task) ?? new Set();
    for (const way of [flips?.gained, flips?.lost]) for (const doc of (way ?? []).slice(0, shown)) documents.add(doc);
    if (documents.size > 0) wanted.set(task, documents);
  }
  return Object.fromEntries(
    [...wanted].map(([task, documents]) => {
      const samples = groups.flatMap(({ arm, runs }) => {
        const records = runs.find((r) => r.samples[task]?.[0]?.['context'] !== undefined)?.samples[task];
        return records ? [{ arm, byDocument: new Map(records.map((s) => [s.doc_id, s])) }] : [];
      });
      return [task, [...documents].sort((a, b) => a - b).map((doc) => documentText(doc, samples))];
    }),
  );
}

function documentText(
  doc: number,
  samples: readonly { arm: string; byDocument: ReadonlyMap<number, SampleRecord> }[],
): DocumentText {
  const present = samples.flatMap(({ arm, byDocument }) => {
    const sample = byDocument.get(doc);
    return sample ? [{ arm, sample }] : [];
  });
  const [first] = present;
  return {
    doc,
    context: tail(text(first?.sample['context']) ?? ''),
    expected: first ? expectedOf(first.sample) : '',
    answers: Object.fromEntries(present.map(({ arm, sample }) => [arm, answerOf(sample)])),
  };
}
