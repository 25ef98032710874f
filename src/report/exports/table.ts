import { importanceText } from '../importance-text.ts';
import { displayWidth, pad, textTable, wrap } from '../text-table.ts';
import type { ComparedMetric, Comparison, Contrast, ProofState, Verdict } from '../types.ts';
import { minimumSeeds } from '../verdict.ts';
import {
  armProof,
  effectOf,
  formatCount,
  formatEffect,
  formatInterval,
  formatSeconds,
  formatValue,
  isTrained,
  metricName,
  missingLines,
  overlapLines,
  proofWords,
  remarksOf,
  roleNames,
  seedScope,
  signRules,
  staleLines,
  staleTitles,
  subjectContrasts,
  summaryLine,
  testNames,
} from '../words.ts';

export interface TableOptions {
  /** Width of the terminal; 80 by default. */
  columns?: number;
  /** Whether escape sequences for colour may be written. */
  colour?: boolean;
}

type Paint = 'bold' | 'green' | 'red' | 'yellow' | 'dim';
const codes: Record<Paint, number> = { bold: 1, green: 32, red: 31, yellow: 33, dim: 2 };
type Painter = (paint: Paint, text: string) => string;

const verdictPaint: Record<Verdict, Paint> = {
  better: 'green',
  worse: 'red',
  'not distinguishable': 'dim',
  'not enough data': 'yellow',
};

/** The verdict for terminals, as `strata compare` and the end of `strata run` print it: verdict first. */
export function verdictTable(comparison: Comparison, { columns = 80, colour = false }: TableOptions = {}): string {
  const painter: Painter = (paint, text) => (colour ? `\u001b[${codes[paint]}m${text}\u001b[0m` : text);
  const older = staleLines(comparison);
  const seen = comparison.overlaps.some((o) => o.overlapping.length > 0) ? overlapLines(comparison) : [];
  const sections = [
    [
      ...wrap(comparison.title, columns).map((line) => painter('bold', line)),
      ...wrap(summaryLine(comparison), columns),
    ],
    ...verdictSections(comparison, columns, painter),
    valueSection(comparison, columns, painter),
    trainingSection(comparison, columns, painter),
    importanceSection(comparison, columns, painter),
    listSection('Missing', 'yellow', missingLines(comparison), columns, painter),
    listSection(staleTitles.superseded, 'dim', older.superseded, columns, painter),
    listSection(staleTitles.stale, 'dim', older.stale, columns, painter),
    listSection('Seen in training', 'yellow', seen, columns, painter),
    listSection('Notes', 'yellow', comparison.notes, columns, painter),
  ];
  return sections
    .filter((lines) => lines.length > 0)
    .map((lines) => lines.join('\n'))
    .join('\n\n');
}

/** One section a metric: the subject against every other arm. */
function verdictSections(comparison: Comparison, columns: number, painter: Painter): string[][] {
  const contrasts = subjectContrasts(comparison);
  if (contrasts.length === 0) {
    const sentence = 'No verdict: there is no arm to hold against another (see compare.subject and compare.baseline).';
    return [wrap(sentence, columns)];
  }
  const names = Math.max(...contrasts.map((c) => displayWidth(c.against)));
  const verdicts = Math.max(...contrasts.map((c) => c.verdict.length));
  return comparison.metrics.map((metric, i) => {
    const own = contrasts.filter((c) => c.task === metric.task && c.metric === metric.metric);
    const [n, ...other] = new Set(own.map((c) => c.documents));
    const documents = other.length === 0 ? `; ${n} documents` : '';
    const tests = [...new Set(own.filter((c) => c.tests.length > 0).map(testNames))];
    const by = tests.length === 1 ? `; ${tests[0]}` : documents;
    const heading = `${roleNames[metric.role]}: ${metricName(metric)} (${signRules[metric.role]}${by})`;
    const title = i === 0 ? [painter('bold', `Verdict: ${comparison.subject} against each arm, 95 % intervals`)] : [];
    const layout = { names, verdicts, columns, showN: documents === '', showTests: tests.length > 1 };
    const lines = own.flatMap((c) => verdictLines(c, layout, painter));
    return [...title, ...wrap(heading, columns, '  '), ...lines];
  });
}

interface VerdictLayout {
  names: number;
  verdicts: number;
  columns: number;
  /** The number of documents differs between the lines. */
  showN: boolean;
  /** So do the tests. */
  showTests: boolean;
}

/** `base  better  +0.422 [+0.336, +0.508]  seeds [+0.391, +0.454]`, continued on a line of its own where it is too long. */
function verdictLines(c: Contrast, layout: VerdictLayout, painter: Painter): string[] {
  const { names, verdicts, columns, showN, showTests } = layout;
  const indent = ' '.repeat(4 + names);
  const numbers = c.interval ? `${formatEffect(c.effect)} ${formatInterval(c.interval)}` : '';
  const verdict = painter(verdictPaint[c.verdict], pad(c.verdict, verdicts));
  const line = `  ${pad(c.against, names)}  ${verdict}  ${numbers}`.trimEnd();
  const seeds =
    c.seeds.length >= minimumSeeds && c.seedInterval ? `seeds ${formatInterval(c.seedInterval)}` : seedScope(c);
  const scope = [showN ? `n ${c.documents}` : '', numbers ? seeds : ''].filter(Boolean).join('  ');
  const fits = displayWidth(line) + 2 + displayWidth(scope) <= columns;
  const by = showTests && c.tests.length > 0 ? [`${testNames(c)}.`] : [];
  const remarks = [...(c.reason === undefined ? [] : [c.reason]), ...by, ...remarksOf(c)];
  return [
    fits && scope ? `${line}  ${scope}` : line,
    ...(fits || !scope ? [] : [`${indent}${scope}`]),
    ...remarks.flatMap((remark) => wrap(remark, columns, indent, indent)),
  ];
}

/** Values of every arm, with gain or forgetting against the baseline behind them. */
function valueSection(comparison: Comparison, columns: number, painter: Painter): string[] {
  const { arms, metrics, baseline } = comparison;
  if (metrics.length === 0) return [];
  const cell = (arm: (typeof arms)[number], metric: ComparedMetric) => {
    const value = arm.values.find((v) => v.task === metric.task && v.metric === metric.metric);
    const effect = effectOf(comparison, arm.name, metric)?.effect;
    return `${formatValue(value?.value)}${effect === undefined ? '' : ` (${formatEffect(effect)})`}`;
  };
  const table = [
    { header: ['', '', 'arm'], align: 'left' as const, cells: arms.map((a) => a.name) },
    ...metrics.map((metric) => ({
      header: [roleNames[metric.role], metric.task, `${metric.metric} ${metric.higherIsBetter ? '↑' : '↓'}`],
      align: 'right' as const,
      cells: arms.map((arm) => padEffect(cell(arm, metric), arm.name === baseline)),
    })),
  ];
  const title = `Scores, mean over seeds${baseline === undefined ? '' : `; in brackets gain or forgetting against ${baseline}`}`;
  return [...wrap(title, columns, '  ').map((l) => painter('bold', l)), ...textTable(table, columns)];
}

/** The baseline has no effect in brackets; room keeps its value under the others'. */
function padEffect(text: string, isBaseline: boolean): string {
  return isBaseline ? `${text}${' '.repeat(' (+0.000)'.length)}` : text;
}

/** How important the base's layers are, where it was measured. */
function importanceSection({ importance }: Comparison, columns: number, painter: Painter): string[] {
  if (!importance) return [];
  return [painter('bold', 'Importance by layer'), ...importanceText(importance, columns, true)];
}

const proofPaint: Partial<Record<ProofState, Paint>> = { holds: 'green', broken: 'red', absent: 'yellow' };

/** What was trained, what it took, and what proves it. */
function trainingSection({ arms }: Comparison, columns: number, painter: Painter): string[] {
  const present = arms.filter((a) => a.runs.length > 0);
  if (present.length === 0) return [];
  const share = (arm: (typeof arms)[number]) =>
    arm.trainedParameters === undefined || !arm.totalParameters
      ? ''
      : ` (${((100 * arm.trainedParameters) / arm.totalParameters).toFixed(1)} %)`;
  const proof = (arm: (typeof arms)[number], which: 'identity' | 'frozen') => {
    const found = isTrained(arm) || which === 'identity' ? armProof(arm, which) : undefined;
    if (!found) return '–';
    const paint = proofPaint[found.state];
    return paint ? painter(paint, proofWords[found.state]) : proofWords[found.state];
  };
  const table = [
    { header: ['arm'], align: 'left' as const, cells: present.map((a) => a.name) },
    {
      header: ['trained parameters'],
      align: 'right' as const,
      cells: present.map((a) => `${formatCount(a.trainedParameters)}${share(a)}`),
    },
    { header: ['steps'], align: 'right' as const, cells: present.map((a) => formatCount(a.steps)) },
    { header: ['training'], align: 'right' as const, cells: present.map((a) => formatSeconds(a.trainSeconds)) },
    { header: ['identity'], align: 'left' as const, cells: present.map((a) => proof(a, 'identity')) },
    { header: ['frozen'], align: 'left' as const, cells: present.map((a) => proof(a, 'frozen')) },
  ];
  return [painter('bold', 'Training and proofs'), ...textTable(table, columns)];
}

function listSection(
  title: string,
  paint: Paint,
  lines: readonly string[],
  columns: number,
  painter: Painter,
): string[] {
  if (lines.length === 0) return [];
  return [
    ...wrap(title, columns).map((l) => painter(paint, l)),
    ...lines.flatMap((line) => wrap(line, columns, '    ', '  ')),
  ];
}
