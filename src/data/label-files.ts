import { exists } from '../base/files.ts';
import { fail } from '../base/problem.ts';
import type { SingleBenchmark } from '../tasks/benchmarks/types.ts';
import type { PlacedRecord } from './records.ts';
import { lines, readUtf8 } from './text-file.ts';

/**
 * Labels that are published in a file of their own (PIQA: `train.jsonl`, `train-labels.lst`, one label a line). In a list of
 * files such a file stands behind that of its records: so it is hashed, and goes along to other machines, like any other.
 */
export const isLabelFile = (file: string) => file.endsWith('.lst');

/** The files, and behind each the file of its labels where the benchmark has such files and it is there. */
export async function withLabelFiles(files: readonly string[], { labels }: SingleBenchmark): Promise<string[]> {
  if (labels === undefined) return [...files];
  const found: string[] = [];
  for (const file of files.filter((f) => !isLabelFile(f))) {
    found.push(file);
    const own = file.replace(/\.jsonl$/, '-labels.lst');
    if (own !== file && (await exists(own))) found.push(own);
  }
  return found;
}

/** The records with the labels of `labelFile`, if it is one. Fails with `invalid-record` where they are not as many. */
export async function labelled(
  records: readonly PlacedRecord[],
  labelFile: string | undefined,
  { labels: key, name }: SingleBenchmark,
): Promise<readonly PlacedRecord[]> {
  if (key === undefined || labelFile === undefined || !isLabelFile(labelFile)) return records;
  const labels = [...lines(await readUtf8(labelFile))].flatMap(({ text }) => (text.trim() === '' ? [] : [text.trim()]));
  if (labels.length !== records.length)
    fail('invalid-record', `There are ${labels.length} labels for ${records.length} records of ${name}.`, {
      place: labelFile,
      remedy: 'Take both files from the same publication.',
    });
  return records.map(({ record, place }, i) => ({ record: { ...record, [key]: labels[i] }, place }));
}
