// The tables of docs/statistics.md from bench/results/false-positives.json, as Markdown on stdout.
//   node --import tsx bench/false-positives-tables.ts [FILE]
import { readFileSync } from 'node:fs';

interface Result {
  table: string;
  world: string;
  documents: number;
  seeds: number;
  margin?: number;
  rates: Record<string, number>;
}

const file = process.argv[2] ?? 'bench/results/false-positives.json';
const { rows } = JSON.parse(readFileSync(file, 'utf8')) as { rows: Result[] };
const share = (rate: number | undefined) => (rate === undefined ? '–' : `${(100 * rate).toFixed(1)} %`);

const tables: { table: string; header: string[]; cells: (r: Result) => (string | number)[] }[] = [
  {
    table: 'documents',
    header: ['null', 'documents', 'exact McNemar', 'percentile bootstrap', 'BCa bootstrap'],
    cells: (r) => [
      r.world,
      r.documents,
      share(r.rates['exact McNemar']),
      share(r.rates['percentile bootstrap over documents']),
      share(r.rates['BCa bootstrap over documents']),
    ],
  },
  {
    table: 'seeds',
    header: ['null', 'documents', 'seeds', '**verdict**', 'documents alone', 'seeds alone'],
    cells: (r) => [
      r.world,
      r.documents,
      r.seeds,
      `**${share(r.rates['verdict'])}**`,
      share(r.rates['interval over documents']),
      share(r.rates['paired t over seeds']),
    ],
  },
  {
    table: 'equivalence',
    header: ['loss of exactly the margin', 'margin', 'documents', 'seeds', 'called the same'],
    cells: (r) => [r.world, r.margin ?? '', r.documents, r.seeds, share(r.rates['equivalence'])],
  },
  {
    table: 'holm',
    header: ['five tasks', 'documents', 'seeds', 'any verdict', 'any after Holm'],
    cells: (r) => [r.world, r.documents, r.seeds, share(r.rates['any verdict']), share(r.rates['any after Holm'])],
  },
];

for (const { table, header, cells } of tables) {
  const lines = rows.filter((r) => r.table === table).map((r) => `| ${cells(r).join(' | ')} |`);
  const rule = header.map((name) => (/null|loss|five/.test(name) ? '---' : '---:'));
  process.stdout.write(`${[`| ${header.join(' | ')} |`, `|${rule.join('|')}|`, ...lines].join('\n')}\n\n`);
}
