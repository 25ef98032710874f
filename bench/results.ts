import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { cpus, totalmem } from 'node:os';
import { join } from 'node:path';

export function today(): string {
  return new Date().toISOString().slice(0, 10);
}

/** The machine of a measurement in one line. `isa` as in `environmentOf`. */
export function machine({ threads, isa = 'native' }: { threads?: string; isa?: string } = {}): string {
  return [
    `${cpus().length} × ${cpus()[0]?.model.trim()}`,
    `${Math.round(totalmem() / 2 ** 30)} GiB`,
    `Node ${process.version}`,
    ...(threads ? [`${threads} threads`] : []),
    ...(isa === 'avx2' ? ['AVX-512 hidden from all engines (hide-avx512.c)'] : []),
  ].join(', ');
}

/** The results' name, told apart where they are not those of the machine as it is. */
export function resultsName(name: string, isa: string): string {
  return isa === 'native' ? name : `${name}-${isa}`;
}

/** `rows` in the given order of keys, each that was not measured this time as it stands in NAME.json. */
export async function withEarlier<Row>(
  folder: string,
  name: string,
  rows: readonly Row[],
  keyOf: (row: Row) => string,
  order: readonly string[],
): Promise<Row[]> {
  const before = await readFile(join(folder, `${name}.json`), 'utf8').then(
    (text) => (JSON.parse(text) as { rows: Row[] }).rows,
    () => [],
  );
  const all = new Map([...before, ...rows].map((row) => [keyOf(row), row]));
  return order.flatMap((key) => all.get(key) ?? []);
}

/** Writes NAME.json and, where there is one, the page NAME.md. */
export async function writeResults(folder: string, name: string, record: object, page?: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, `${name}.json`), `${JSON.stringify(record, null, 2)}\n`);
  if (page !== undefined) await writeFile(join(folder, `${name}.md`), page);
}
