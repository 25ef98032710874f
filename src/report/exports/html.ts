import { createHash } from 'node:crypto';
import type { Chart } from '../chart.ts';
import { charts } from '../charts.ts';
import { importanceTables } from '../importance-tables.ts';
import { element, escapeMarkup, scriptJson } from '../markup.ts';
import { chartStyle, chartSvg } from '../svg.ts';
import {
  armTable,
  chartTable,
  differenceTable,
  runTable,
  scoreTable,
  type Table,
  verdictMatrix,
  verdictTables,
} from '../tables.ts';
import type { Comparison, Contrast, DocumentText, Verdict } from '../types.ts';
import {
  headlines,
  method,
  metricName,
  missingLines,
  overlapLines,
  remarksOf,
  staleLines,
  staleTitles,
  subjectContrasts,
  summaryLine,
} from '../words.ts';
import { pageStyle } from './html-style.ts';
import { comparisonObject } from './json.ts';

/** Documents shown of each contrast, each way; all are in the embedded data. */
const shownFlips = 8;

/**
 * One self-contained page: nothing is loaded, no script runs. The Content-Security-Policy allows exactly the one style
 * element, by its hash; every text of a run or experiment is set as text. The data is embedded as inert JSON.
 */
export function html(comparison: Comparison): string {
  const style = `${pageStyle}\n${chartStyle}`;
  const hash = createHash('sha256').update(style).digest('base64');
  const policy = `default-src 'none'; style-src 'sha256-${hash}'; base-uri 'none'; form-action 'none'`;
  const title = escapeMarkup(comparison.title);
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="generator" content="Strata ${escapeMarkup(comparison.version)}">
<title>${title}</title>
<style>${style}</style>
</head>
<body>
<header>
<h1>${title}</h1>
${paragraph(summaryLine(comparison))}
</header>
<main>
${sections(comparison).join('\n')}
</main>
<script type="application/json" id="comparison">${scriptJson(comparisonObject(comparison))}</script>
</body>
</html>
`;
}

function sections(comparison: Comparison): string[] {
  const all = charts(comparison);
  const differences = differenceTable(comparison);
  const older = staleLines(comparison);
  const of = (prefix: string) => all.filter((c) => c.id.startsWith(prefix)).map(figure);
  return [
    section('Verdict', verdicts(comparison)),
    section('Missing', [bullets(missingLines(comparison))], comparison.missing.length > 0),
    section(
      'Older runs',
      (['superseded', 'stale'] as const).flatMap((kind) =>
        older[kind].length > 0 ? [paragraph(`${staleTitles[kind]}.`), bullets(older[kind])] : [],
      ),
      comparison.stale.length > 0,
    ),
    section('Seen in training', [bullets(overlapLines(comparison))], comparison.overlaps.length > 0),
    section('Notes', [bullets(comparison.notes)], comparison.notes.length > 0),
    section('Gain against forgetting', [...of('gain-against-'), table(scoreTable(comparison))]),
    section('Arms and proofs', [table(armTable(comparison)), ...(differences ? [table(differences)] : [])]),
    section('Paired differences', interleave(verdictTables(comparison).map(table), of('differences-'))),
    section(
      'Importance by layer',
      importance(comparison, of('importance')),
      comparison.importance !== undefined || of('importance').length > 0,
    ),
    section('Training', [...of('training-'), ...of('during-')], [...of('training-'), ...of('during-')].length > 0),
    ...flips(comparison),
    section('How to read it', method(comparison).map(paragraph)),
    section('Runs', [
      table(runTable(comparison)),
      paragraph(
        `Made by Strata ${comparison.version}${comparison.file === undefined ? '' : ` from ${comparison.file}`}; bootstrap seed ${comparison.method.seed}. The hash of a run covers everything that decides its weights.`,
      ),
    ]),
  ].filter((s) => s !== '');
}

/** The charts, which say how far the rankings agree, and everything that was measured. */
function importance({ importance: base, measured = [] }: Comparison, charts: readonly string[]): string[] {
  const others = measured.flatMap(({ name, importance: own }) =>
    importanceTables(own).map((t) => ({ ...t, caption: `${name}. ${t.caption}` })),
  );
  return [...charts, ...[...(base ? importanceTables(base) : []), ...others].map(table)];
}

/** Each table followed by its chart; both come in the order of the metrics. */
function interleave(first: readonly string[], second: readonly string[]): string[] {
  return first.length === second.length ? first.flatMap((f, i) => [f, second[i]!]) : [...first, ...second];
}

const paragraph = (text: string): string => element('p', {}, escapeMarkup(text));
const bullets = (lines: readonly string[]): string =>
  element('ul', {}, lines.map((line) => element('li', {}, escapeMarkup(line))).join(''));

function section(title: string, content: readonly string[], shown = true): string {
  return shown ? element('section', {}, `\n${element('h2', {}, escapeMarkup(title))}\n${content.join('\n')}\n`) : '';
}

const verdictClasses: Record<Verdict, string> = {
  better: 'better',
  worse: 'worse',
  'not distinguishable': 'even',
  'not enough data': 'unknown',
};

function verdicts(comparison: Comparison): string[] {
  const matrix = verdictMatrix(comparison);
  if (!matrix) return [paragraph('There is no arm to hold against another.')];
  const remarks = subjectContrasts(comparison).flatMap((c) =>
    remarksOf(c).map((remark) => `${c.arm} against ${c.against} on ${metricName(c)}: ${remark}`),
  );
  return [bullets(headlines(comparison)), table(matrix), ...(remarks.length > 0 ? [bullets(remarks)] : [])];
}

function table({ caption, columns, rows, tones }: Table): string {
  const head = columns.map((c) => element('th', { scope: 'col', class: c.align }, escapeMarkup(c.header))).join('');
  const body = rows.map((row, r) =>
    element(
      'tr',
      {},
      row
        .map((cell, i) =>
          i === 0
            ? element('th', { scope: 'row' }, escapeMarkup(cell))
            : element('td', { class: cellClass(columns[i]!.align, tones?.[r]?.[i]) }, escapeMarkup(cell)),
        )
        .join(''),
    ),
  );
  return element(
    'div',
    { class: 'scroll', tabindex: 0, role: 'region', 'aria-label': caption },
    element(
      'table',
      {},
      `${element('caption', {}, escapeMarkup(caption))}<thead><tr>${head}</tr></thead><tbody>\n${body.join('\n')}\n</tbody>`,
    ),
  );
}

function cellClass(align: string, tone: Verdict | undefined): string {
  return tone === undefined ? align : `${align} ${verdictClasses[tone]}`;
}

function figure(chart: Chart): string {
  const numbers = element('details', {}, `${element('summary', {}, 'The numbers')}${table(chartTable(chart))}`);
  return element('figure', { id: chart.id }, `${chartSvg(chart, { style: false })}${numbers}`);
}

/** Which documents the subject gained and lost against the baseline, with their text. */
function flips(comparison: Comparison): string[] {
  const { baseline, documents } = comparison;
  const contrasts = subjectContrasts(comparison).filter(
    (c) => c.against === baseline && c.flips && c.flips.gained.length + c.flips.lost.length > 0,
  );
  if (contrasts.length === 0) return [];
  const parts = contrasts.flatMap((c) =>
    (['gained', 'lost'] as const).flatMap((way) => {
      const ids = c.flips![way];
      const texts = (documents[c.task] ?? []).filter((d) => ids.includes(d.doc)).slice(0, shownFlips);
      if (ids.length === 0) return [];
      const title = `${metricName(c)}: ${ids.length} documents ${way} by ${c.arm} against ${c.against}`;
      return [
        element(
          'details',
          {},
          `${element('summary', {}, escapeMarkup(title))}${table(flipTable(title, texts, c, ids.length))}${paragraph(`All: ${ids.join(', ')}`)}`,
        ),
      ];
    }),
  );
  const rule =
    'A document is gained if the majority of seeds answers it and the other arm does not; lost is the reverse.';
  return [section('Documents that changed', [paragraph(rule), ...parts])];
}

function flipTable(title: string, texts: readonly DocumentText[], { arm, against }: Contrast, count: number): Table {
  const shown = texts.length < count ? ` (the first ${texts.length})` : '';
  const left = (header: string) => ({ header, align: 'left' as const });
  return {
    caption: `${title}${shown}`,
    columns: ['document', 'prompt', 'expected', arm, against].map(left),
    rows: texts.map((d) => [String(d.doc), d.context, d.expected, d.answers[arm] ?? '–', d.answers[against] ?? '–']),
  };
}
