import type { Comparison, Contrast } from '../types.ts';

/** Columns of the CSV file: one row a contrast, numbers unrounded. */
const columns: { header: string; cell: (c: Contrast) => string | number | undefined }[] = [
  { header: 'arm', cell: (c) => c.arm },
  { header: 'against', cell: (c) => c.against },
  { header: 'role', cell: (c) => c.role },
  { header: 'task', cell: (c) => c.task },
  { header: 'metric', cell: (c) => c.metric },
  { header: 'verdict', cell: (c) => c.verdict },
  { header: 'effect', cell: (c) => c.effect },
  { header: 'interval_low', cell: (c) => c.interval?.low },
  { header: 'interval_high', cell: (c) => c.interval?.high },
  { header: 'document_low', cell: (c) => c.documentInterval?.low },
  { header: 'document_high', cell: (c) => c.documentInterval?.high },
  { header: 'seed_low', cell: (c) => c.seedInterval?.low },
  { header: 'seed_high', cell: (c) => c.seedInterval?.high },
  { header: 'value', cell: (c) => c.value },
  { header: 'against_value', cell: (c) => c.againstValue },
  { header: 'documents', cell: (c) => c.documents },
  { header: 'unpaired', cell: (c) => c.unpaired },
  { header: 'seeds', cell: (c) => c.seeds.join(' ') },
  { header: 'gained', cell: (c) => c.flips?.gained.length },
  { header: 'lost', cell: (c) => c.flips?.lost.length },
  { header: 'mcnemar_p', cell: (c) => c.mcnemar?.p },
  { header: 'mcnemar_p_holm', cell: (c) => c.mcnemar?.adjusted },
  { header: 'tests', cell: (c) => c.tests.join('; ') },
  { header: 'p', cell: (c) => c.significance?.p },
  { header: 'p_holm', cell: (c) => c.significance?.adjusted },
  { header: 'equivalence_margin', cell: (c) => c.equivalence?.margin },
  { header: 'equivalence_p', cell: (c) => c.equivalence?.p },
  { header: 'clean_documents', cell: (c) => c.clean?.documents },
  { header: 'clean_verdict', cell: (c) => c.clean?.verdict },
  { header: 'clean_effect', cell: (c) => c.clean?.effect },
  { header: 'clean_interval_low', cell: (c) => c.clean?.interval?.low },
  { header: 'clean_interval_high', cell: (c) => c.clean?.interval?.high },
];

/** RFC 4180: quoted where a comma, quote or line end would be misread. */
function quote(value: string | number | undefined): string {
  const text = value === undefined ? '' : String(value);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** Rows as comma-separated values, a line each. */
export function csvText(rows: readonly (readonly (string | number | undefined)[])[]): string {
  return rows.map((row) => `${row.map(quote).join(',')}\n`).join('');
}

/** All contrasts as comma-separated values with a header; the effect's sign is that of its role (positive forgetting is worse). */
export function csv({ contrasts }: Comparison): string {
  return csvText([columns.map((c) => c.header), ...contrasts.map((contrast) => columns.map((c) => c.cell(contrast)))]);
}
