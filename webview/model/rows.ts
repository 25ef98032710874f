import { t } from '../../src/base/translate.ts';
import type { RunStatus } from '../../src/protocol/panel.ts';
import { states } from '../../src/record/state.ts';
import type { ComparedArm, ComparedMetric, Comparison, Contrast, Curve, Verdict } from '../../src/report/types.ts';
import {
  contrastSentence,
  directionOf,
  formatCount,
  formatEffect,
  formatInterval,
  formatSeconds,
  formatValue,
  metricName,
  roleNames,
  signRules,
} from '../../src/report/words.ts';

export interface Column {
  /** Stable: what a saved view sorts by. */
  id: string;
  header: string;
  /** How to read it. */
  title: string;
  align: 'left' | 'right';
}

export interface Cell {
  text: string;
  /** What is sorted and filtered by; absent where there is nothing. */
  value?: number | string;
  /** More than fits, as a sentence. */
  title?: string;
  tone?: Verdict;
}

/** One line of the run table: an arm, or one of its seeds. */
export interface Row {
  key: string;
  kind: 'arm' | 'seed';
  arm: string;
  /** Row of `seriesStyles`. */
  style: number;
  seed?: number;
  /** Run directory of a seed. */
  folder?: string;
  cells: Cell[];
}

export interface TableModel {
  columns: Column[];
  /** Arms in the order of the experiment. */
  arms: Row[];
  /** By arm, in the order of their seeds. */
  seeds: ReadonlyMap<string, Row[]>;
}

const none: Cell = { text: '–' };
const metricKey = (m: Pick<ComparedMetric, 'task' | 'metric'>): string => `${m.task}/${m.metric}`;

/** What all cells of a comparison look things up in, so that a row costs no walk over everything. */
interface Index {
  comparison: Comparison;
  contrasts: ReadonlyMap<string, Contrast>;
  scoreCurves: ReadonlyMap<string, Curve>;
  lossCurves: ReadonlyMap<string, Curve>;
  statuses: ReadonlyMap<string, RunStatus>;
}

/** A column with what it says of an arm and of one of its seeds. */
interface ColumnRule {
  column: Column;
  arm(arm: ComparedArm, index: Index): Cell;
  seed?(run: ComparedArm['runs'][number], arm: ComparedArm, index: Index): Cell;
}

/** The run table of a comparison: what differs, then what was measured. */
export function tableModel(comparison: Comparison, statuses: readonly RunStatus[]): TableModel {
  const index = indexOf(comparison, statuses);
  const rules = columnRules(comparison);
  const seeds = new Map<string, Row[]>();
  const arms = comparison.arms.map((arm, style): Row => {
    seeds.set(
      arm.name,
      arm.runs.map((run) => ({
        key: run.id,
        kind: 'seed',
        arm: arm.name,
        style,
        ...(run.seed !== undefined && { seed: run.seed }),
        ...(index.statuses.has(run.id) && { folder: index.statuses.get(run.id)!.folder }),
        cells: rules.map((rule) => rule.seed?.(run, arm, index) ?? none),
      })),
    );
    return { key: arm.name, kind: 'arm', arm: arm.name, style, cells: rules.map((rule) => rule.arm(arm, index)) };
  });
  return { columns: rules.map((r) => r.column), arms, seeds };
}

function indexOf(comparison: Comparison, statuses: readonly RunStatus[]): Index {
  const { baseline, contrasts, lossCurves, scoreCurves } = comparison;
  return {
    comparison,
    contrasts: new Map(
      contrasts.filter((c) => c.against === baseline).map((c) => [`${c.arm} ${metricKey(c)}`, c] as const),
    ),
    scoreCurves: new Map(
      scoreCurves.flatMap((s) => s.curves.map((curve) => [`${curve.arm} ${metricKey(s)}`, curve] as const)),
    ),
    lossCurves: new Map(lossCurves.map((curve) => [curve.arm, curve])),
    statuses: new Map(statuses.map((s) => [s.id, s])),
  };
}

function columnRules(comparison: Comparison): ColumnRule[] {
  return [
    nameRule,
    stateRule,
    ...comparison.differences.map(({ key, values }) => differenceRule(key, values)),
    ...(comparison.lossCurves.length > 0 ? [lossRule('last'), lossRule('best')] : []),
    ...comparison.metrics.flatMap((metric) => metricRules(metric, comparison)),
    ...costRules(comparison),
  ];
}

const nameRule: ColumnRule = {
  column: { id: 'arm', header: 'arm', title: t('Arms of the experiment; open one to see its seeds'), align: 'left' },
  arm: ({ name, changes, runs }) => ({
    text: name,
    value: name,
    title: runs.length > 0 ? changes.join('; ') : t('No run of this arm is there.'),
  }),
  seed: (run) => ({
    text: run.seed === undefined ? t('no seed') : t('seed {0}', run.seed),
    value: run.seed ?? '',
    title: run.id,
  }),
};

const stateRule: ColumnRule = {
  column: { id: 'state', header: 'runs', title: t('How many seeds are done, or what they do now'), align: 'left' },
  arm({ name, runs }, { statuses, comparison }) {
    const done = runs.filter((r) => r.state === 'succeeded').length;
    const live = runs.flatMap((r) => statuses.get(r.id) ?? []).filter((s) => s.state !== 'succeeded');
    const missing = comparison.missing.filter((m) => m.arm === name);
    const parts = [
      ...(done > 0 ? [t('{0} done', done)] : []),
      ...[...new Set(live.map((s) => stateText(s)))],
      ...(runs.length === 0 ? [missing[0]?.reason ?? t('not started')] : []),
    ];
    return {
      text: parts.join(', '),
      value: done,
      title:
        missing.map((m) => `${m.seed === undefined ? '' : `${t('seed {0}', m.seed)}: `}${m.reason}`).join('; ') ||
        undefined,
    };
  },
  seed(run, _, { statuses }) {
    const status = statuses.get(run.id);
    return status
      ? { text: stateText(status), value: status.state, title: status.words }
      : { text: states[run.state].word, value: run.state };
  },
};

/** The state's word with how far it is. */
function stateText({ words, progress }: RunStatus): string {
  const word = words.split(':')[0]!;
  if (!progress) return word;
  return `${word} ${Math.floor((100 * progress.done) / progress.total)} %`;
}

function differenceRule(key: string, values: Record<string, string>): ColumnRule {
  return {
    column: { id: `key:${key}`, header: key, title: t('{0} differs between the arms', key), align: 'left' },
    arm({ name }) {
      const text = values[name];
      if (text === undefined) return none;
      const number = Number(text);
      return { text, value: text !== '' && Number.isFinite(number) ? number : text };
    },
  };
}

function lossRule(which: 'last' | 'best'): ColumnRule {
  const titles = {
    last: t('Training loss of the last step, mean over seeds, nats per target'),
    best: t('Lowest training loss, mean over seeds, and its step'),
  };
  return {
    column: { id: `loss:${which}`, header: `loss, ${which}`, title: titles[which], align: 'right' },
    arm({ name }, { lossCurves }) {
      const point = pick(lossCurves.get(name), which, false);
      if (!point) return none;
      const step = which === 'best' ? ` @ ${formatCount(point.step)}` : '';
      return {
        text: `${formatValue(point.mean)}${step}`,
        value: point.mean,
        title: t('at step {0}', formatCount(point.step)),
      };
    },
  };
}

function pick(curve: Curve | undefined, which: 'last' | 'best', higherIsBetter: boolean) {
  if (!curve || curve.points.length === 0) return undefined;
  if (which === 'last') return curve.points.at(-1)!;
  const better = (a: number, b: number) => (higherIsBetter ? a > b : a < b);
  return curve.points.reduce((best, p) => (better(p.mean, best.mean) ? p : best));
}

/** Value with interval; the best on the way, where there was one; the paired difference to the pinned baseline. */
function metricRules(metric: ComparedMetric, comparison: Comparison): ColumnRule[] {
  const key = metricKey(metric);
  const name = metricName(metric);
  const curves = comparison.scoreCurves.some((s) => metricKey(s) === key);
  return [
    {
      column: {
        id: `value:${key}`,
        header: name,
        title: t(
          '{0}: {1}, mean over seeds ± half of its 95 % interval over seeds; {2}',
          roleNames[metric.role],
          name,
          directionOf(metric),
        ),
        align: 'right',
      },
      arm: (arm, index) => valueCell(arm, metric, index),
      seed: ({ seed }, arm) => seedCell(arm, metric, seed),
    },
    ...(curves ? [bestRule(metric, key, name)] : []),
    ...(comparison.baseline === undefined ? [] : [differenceToBaseline(metric, key, comparison.baseline)]),
  ];
}

function valueCell(arm: ComparedArm, metric: ComparedMetric, { scoreCurves }: Index): Cell {
  const value = arm.values.find((v) => v.task === metric.task && v.metric === metric.metric);
  if (!value) {
    const last = pick(scoreCurves.get(`${arm.name} ${metricKey(metric)}`), 'last', metric.higherIsBetter);
    if (!last) return none;
    const text = `${formatValue(last.mean)} @ ${formatCount(last.step)}`;
    return { text, value: last.mean, title: t('during training, at step {0}', formatCount(last.step)) };
  }
  const { seedInterval, seeds } = value;
  const half = seedInterval ? ` ± ${formatValue((seedInterval.high - seedInterval.low) / 2)}` : '';
  return {
    text: `${formatValue(value.value)}${half}`,
    value: value.value,
    title: seedInterval
      ? t(
          '95 % over {0} seeds: {1} to {2}',
          seeds.length,
          formatValue(seedInterval.low),
          formatValue(seedInterval.high),
        )
      : t('One seed gives no interval over seeds.'),
  };
}

function seedCell(arm: ComparedArm, metric: ComparedMetric, seed: number | undefined): Cell {
  const value = arm.values.find((v) => v.task === metric.task && v.metric === metric.metric);
  const own = value?.seeds.find((s) => s.seed === seed);
  if (!own) return none;
  return {
    text: formatValue(own.value),
    value: own.value,
    title: `n = ${formatCount(own.n)}${own.stderr === null ? '' : `, ${t('standard error {0}', formatValue(own.stderr))}`}`,
  };
}

function bestRule(metric: ComparedMetric, key: string, name: string): ColumnRule {
  const title = t('Best {0} during training, mean over seeds, and its step', name);
  return {
    column: { id: `best:${key}`, header: t('best'), title, align: 'right' },
    arm({ name: arm }, { scoreCurves }) {
      const best = pick(scoreCurves.get(`${arm} ${key}`), 'best', metric.higherIsBetter);
      return best ? { text: `${formatValue(best.mean)} @ ${formatCount(best.step)}`, value: best.mean } : none;
    },
  };
}

function differenceToBaseline(metric: ComparedMetric, key: string, baseline: string): ColumnRule {
  const kind = metric.role === 'forgetting' ? 'forgetting' : metric.role === 'gain' ? 'gain' : 'Δ';
  return {
    column: {
      id: `delta:${key}`,
      header: `${kind} on ${metric.task}`,
      title: t(
        'Paired difference to {0} on {1} with its 95 % interval, n and verdict ({2})',
        baseline,
        metricName(metric),
        signRules[metric.role],
      ),
      align: 'left',
    },
    arm({ name }, { contrasts }) {
      if (name === baseline) return { text: t('baseline') };
      const contrast = contrasts.get(`${name} ${key}`);
      if (!contrast) return none;
      const { effect, interval, documents, verdict } = contrast;
      const numbers = interval ? `${formatEffect(effect)} ${formatInterval(interval)} n=${documents} ` : '';
      return {
        text: `${numbers}${verdict}`,
        ...(effect !== undefined && { value: effect }),
        title: contrastSentence(contrast),
        tone: verdict,
      };
    },
  };
}

function costRules({ arms }: Comparison): ColumnRule[] {
  if (!arms.some((a) => a.trainedParameters !== undefined)) return [];
  return [
    {
      column: {
        id: 'parameters',
        header: t('trained parameters'),
        title: t('Parameters the optimizer touched'),
        align: 'right',
      },
      arm: ({ trainedParameters }) =>
        trainedParameters === undefined ? none : { text: formatCount(trainedParameters), value: trainedParameters },
    },
    {
      column: {
        id: 'seconds',
        header: t('training time'),
        title: t('Time of the optimizer steps, mean over seeds'),
        align: 'right',
      },
      arm: ({ trainSeconds }) =>
        trainSeconds === undefined ? none : { text: formatSeconds(trainSeconds), value: trainSeconds },
      seed: ({ trainSeconds }) =>
        trainSeconds === undefined ? none : { text: formatSeconds(trainSeconds), value: trainSeconds },
    },
  ];
}
