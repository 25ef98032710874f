import type { Chart, ChartPoint, ChartSeries } from './chart.ts';
import type { ComparedMetric, Comparison, Contrast, Equivalence, Verdict } from './types.ts';
import { minimumSeeds } from './verdict.ts';
import {
  armProof,
  directionOf,
  effectOf,
  formatCount,
  formatEffect,
  formatInterval,
  formatP,
  formatSeconds,
  formatValue,
  isTrained,
  metricName,
  proofWords,
  roleNames,
  signRules,
  subjectContrasts,
  testNames,
} from './words.ts';

/** A table of plain text, for Markdown and HTML. The first column names the rows. */
export interface Table {
  caption: string;
  columns: { header: string; align: 'left' | 'right' }[];
  rows: string[][];
  /** Verdicts behind cells, `[row][column]`, for a view that may colour them. */
  tones?: (Verdict | undefined)[][];
}

const left = (header: string) => ({ header, align: 'left' as const });
const right = (header: string) => ({ header, align: 'right' as const });

/** Contrasts of one metric: `of` names the arms. */
function contrastTable(caption: string, contrasts: readonly Contrast[], name: (c: Contrast) => string): Table {
  const flips = contrasts.some((c) => c.flips);
  const tests = contrasts.some((c) => c.mcnemar);
  const overSeeds = contrasts.some((c) => c.seedInterval);
  const joint = contrasts.some((c) => c.seeds.length >= minimumSeeds);
  const significance = contrasts.some((c) => c.significance);
  const equivalence = contrasts.find((c) => c.equivalence)?.equivalence;
  const clean = contrasts.some((c) => c.clean);
  return {
    caption,
    columns: [
      left('against'),
      left('verdict'),
      right('difference'),
      right('95 % interval'),
      ...(joint ? [right('over documents alone')] : []),
      ...(overSeeds ? [right('over seeds alone')] : []),
      right('documents'),
      left('seeds'),
      ...(flips ? [right('gained'), right('lost')] : []),
      ...(tests ? [right('McNemar p (Holm)')] : []),
      ...(significance ? [left('tests'), right('p (Holm)')] : []),
      ...(equivalence ? [right(`the same within ±${formatValue(equivalence.margin)}, p`)] : []),
      ...(clean ? [left('without documents seen in training')] : []),
    ],
    rows: contrasts.map((c) => [
      name(c),
      c.verdict,
      formatEffect(c.effect),
      c.interval ? formatInterval(c.interval) : '–',
      ...(joint ? [c.documentInterval ? formatInterval(c.documentInterval) : '–'] : []),
      ...(overSeeds ? [c.seedInterval ? formatInterval(c.seedInterval) : '–'] : []),
      String(c.documents),
      c.seeds.join(', ') || '–',
      ...(flips ? [c.flips ? String(c.flips.gained.length) : '–', c.flips ? String(c.flips.lost.length) : '–'] : []),
      ...(tests ? [c.mcnemar ? pair(c.mcnemar) : '–'] : []),
      ...(significance ? [testNames(c) || '–', c.significance ? pair(c.significance) : '–'] : []),
      ...(equivalence ? [c.equivalence ? equivalenceCell(c.equivalence) : '–'] : []),
      ...(clean ? [cleanCell(c)] : []),
    ]),
  };
}

const pair = ({ p, adjusted }: { p: number; adjusted: number }) => `${formatP(p)} (${formatP(adjusted)})`;

const equivalenceCell = ({ p, holds }: Equivalence) => `${holds ? 'yes' : 'not shown'}, ${formatP(p)}`;

function cleanCell({ clean }: Contrast): string {
  if (!clean) return '–';
  const numbers = clean.interval ? `${formatEffect(clean.effect)} ${formatInterval(clean.interval)}` : '';
  return `${clean.verdict} ${numbers} (n ${clean.documents})`;
}

/** The subject against every other arm on every metric: the verdict and the difference. Undefined without a subject. */
export function verdictMatrix(comparison: Comparison): Table | undefined {
  const { metrics, subject, method } = comparison;
  const all = subjectContrasts(comparison);
  const arms = [...new Set(all.map((c) => c.against))];
  if (arms.length === 0) return undefined;
  const cells = arms.map((against) =>
    metrics.map((m) => all.find((c) => c.against === against && c.task === m.task && c.metric === m.metric)!),
  );
  return {
    caption: `${subject} against each arm, ${method.level * 100} % interval (positive gain is better, positive forgetting is worse)`,
    columns: [left('against'), ...metrics.map((m) => left(`${roleNames[m.role]}: ${metricName(m)}`))],
    rows: cells.map((row, i) => [
      arms[i]!,
      ...row.map((c) =>
        c.interval
          ? `${c.verdict}\n${formatEffect(c.effect)} ${formatInterval(c.interval)}`
          : `${c.verdict}\n${c.reason ?? ''}`,
      ),
    ]),
    tones: cells.map((row) => [undefined, ...row.map((c) => c.verdict)]),
  };
}

/** The subject against every other arm, a table for each metric. */
export function verdictTables(comparison: Comparison): Table[] {
  const all = subjectContrasts(comparison);
  return comparison.metrics.flatMap((metric) => {
    const own = all.filter((c) => c.task === metric.task && c.metric === metric.metric);
    const caption = `${comparison.subject} against each arm, ${roleNames[metric.role]}: ${metricName(metric)} (${signRules[metric.role]})`;
    return own.length > 0 ? [contrastTable(caption, own, (c) => c.against)] : [];
  });
}

/** Every arm's value on every metric, with its gain or forgetting. */
export function scoreTable(comparison: Comparison): Table {
  const { arms, metrics, baseline } = comparison;
  const cell = (arm: (typeof arms)[number], metric: ComparedMetric) => {
    const value = arm.values.find((v) => v.task === metric.task && v.metric === metric.metric);
    const spread = value?.seedDeviation === undefined ? '' : ` ± ${formatValue(value.seedDeviation)}`;
    const effect = effectOf(comparison, arm.name, metric)?.effect;
    const clean = value?.clean ? `\n${formatValue(value.clean.value)} on documents not seen in training` : '';
    return `${formatValue(value?.value)}${spread}${effect === undefined ? '' : ` (${formatEffect(effect)})`}${clean}`;
  };
  return {
    caption: `Scores: mean over seeds ± standard deviation over seeds${baseline === undefined ? '' : ` (gain or forgetting against ${baseline})`}`,
    columns: [left('arm'), ...metrics.map((m) => right(`${roleNames[m.role]}: ${metricName(m)}, ${directionOf(m)}`))],
    rows: arms.map((arm) => [arm.name, ...metrics.map((m) => cell(arm, m))]),
  };
}

/** What each arm changed, what it cost, what proves it. */
export function armTable({ arms }: Comparison): Table {
  return {
    caption: 'Arms: what was changed, what it cost, what proves it',
    columns: [
      left('arm'),
      left('changes'),
      right('trained parameters'),
      right('of all'),
      right('steps'),
      right('training'),
      left('identity'),
      left('frozen'),
    ],
    rows: arms.map((arm) => [
      arm.name,
      arm.runs.length > 0 ? arm.changes.join('; ') : 'no runs',
      formatCount(arm.trainedParameters),
      arm.trainedParameters === undefined || !arm.totalParameters
        ? '–'
        : `${((100 * arm.trainedParameters) / arm.totalParameters).toFixed(1)} %`,
      formatCount(arm.steps),
      formatSeconds(arm.trainSeconds),
      proofText(arm, 'identity'),
      proofText(arm, 'frozen'),
    ]),
  };
}

function proofText(arm: Comparison['arms'][number], which: 'identity' | 'frozen'): string {
  const proof = isTrained(arm) || which === 'identity' ? armProof(arm, which) : undefined;
  return proof ? `${proofWords[proof.state]}: ${proof.detail}` : '–';
}

/** Keys of training that differ between arms; undefined when none does. */
export function differenceTable({ differences, arms }: Comparison): Table | undefined {
  if (differences.length === 0) return undefined;
  const names = arms.map((a) => a.name).filter((name) => differences.some((d) => name in d.values));
  return {
    caption: 'What differs between the arms’ training',
    columns: [left('key'), ...names.map(left)],
    rows: differences.map(({ key, values }) => [key, ...names.map((name) => values[name] ?? '–')]),
  };
}

/** Where every number comes from. */
export function runTable({ arms }: Comparison): Table {
  return {
    caption: 'Runs',
    columns: ['run', 'arm', 'seed', 'state', 'device', 'threads', 'Strata', 'base model', 'hash'].map(left),
    rows: arms.flatMap((arm) =>
      arm.runs.map((r) => [
        r.id,
        arm.name,
        r.seed === undefined ? '–' : String(r.seed),
        r.state,
        r.device,
        String(r.threads),
        r.version,
        r.model.slice(0, 12),
        r.hash.slice(0, 12),
      ]),
    ),
  };
}

/** Exactly what a chart draws, as numbers. */
export function chartTable(chart: Chart): Table {
  return chart.series.every((s) => s.line) ? curveTable(chart) : pointTable(chart);
}

/** Curves: one row an x, one column a series. */
function curveTable({ title, x, series }: Chart): Table {
  const places = [...new Set(series.flatMap((s) => s.points.map((p) => p.x)))].sort((a, b) => a - b);
  const cell = ({ points, band }: ChartSeries, at: number) => {
    const i = points.findIndex((p) => p.x === at);
    const range = band?.[i];
    if (i < 0) return '–';
    return `${formatValue(points[i]!.y)}${range ? ` [${formatValue(range.low)}, ${formatValue(range.high)}]` : ''}`;
  };
  return {
    caption: `${title}: the numbers`,
    columns: [left(x.label), ...series.map((s) => right(s.name))],
    rows: places.map((at) => [
      Number.isInteger(at) ? formatCount(at) : formatValue(at),
      ...series.map((s) => cell(s, at)),
    ]),
  };
}

/** Points: one row each, with their intervals. */
function pointTable({ title, x, y, series }: Chart): Table {
  const place = (axis: Chart['y'], value: number) =>
    axis.kind === 'category' ? axis.categories[value]! : formatValue(value);
  const intervals = (of: 'xInterval' | 'yInterval') => series.some((s) => s.points.some((p) => p[of]));
  const [hasX, hasY] = [intervals('xInterval'), intervals('yInterval')];
  const shown = (interval: ChartPoint['xInterval']) => (interval ? formatInterval(interval) : '–');
  return {
    caption: `${title}: the numbers`,
    columns: [
      left('series'),
      right(x.label),
      ...(hasX ? [right('interval')] : []),
      y.kind === 'category' ? left(y.label) : right(y.label),
      ...(hasY ? [right('interval')] : []),
    ],
    rows: series.flatMap((s) =>
      s.points.map((p) => [
        s.name,
        formatValue(p.x),
        ...(hasX ? [shown(p.xInterval)] : []),
        place(y, p.y),
        ...(hasY ? [shown(p.yInterval)] : []),
      ]),
    ),
  };
}
