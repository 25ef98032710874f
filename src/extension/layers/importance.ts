import { t } from '../../base/translate.ts';
import { ranking } from '../../plan/importance.ts';
import { rankingOrder } from '../../plan/suggest-surgery.ts';
import type { ImportanceInterval, Standing } from '../../record/importance.ts';
import type { Measured } from '../../record/measured.ts';
import { importanceUnits } from '../../report/importance.ts';
import { noScale } from './node.ts';

/** One list of a measurement that ranks the layers: a metric, or the drop of a task's score. */
export interface Scale {
  /** Remembered as the user's choice; holds for other models too. */
  id: string;
  /** `removal`, `removal, acc of recall_new`. */
  label: string;
  /** Corpus, time, and whether it is of this model. */
  detail: string;
  unit: string;
  measured: Measured[number];
  values: readonly number[];
  intervals: readonly ImportanceInterval[] | undefined;
  /** 1 is the most important. */
  ranks: readonly number[];
}

/** What is drawn of a layer. */
export interface Importance {
  /** 1, the least important fifth of the layers, to 5, the most important. */
  heat: Heat;
  /** Behind the label. */
  number: string;
  spoken: string;
  tooltip: string[];
}
export type Heat = 1 | 2 | 3 | 4 | 5;

const standingWords: Record<Standing, () => string> = {
  current: () => t('of this model'),
  stale: () => t('stale: its folder held another model then'),
  unknown: () => t('not known to be of this version of the model: its files are not hashed'),
};

/** Everything that can be drawn, the most trusted first; of two that say the same of one corpus the newer. */
export function scalesOf(measured: Measured): Scale[] {
  const scales = measured.flatMap((one) => scalesOfOne(one, measured[0]!));
  const place = ({ id }: Scale) => (id in rankingOrder ? rankingOrder[id as keyof typeof rankingOrder] : 9);
  return scales.filter(({ id }, i) => scales.findIndex((s) => s.id === id) === i).sort((a, b) => place(a) - place(b));
}

function scalesOfOne(measured: Measured[number], first: Measured[number]): Scale[] {
  const { importance, asked, standing } = measured;
  const { corpus, metrics, intervals, tasks = {} } = importance;
  // What was measured of the first one's corpus needs no name of it.
  const others = first.importance.corpus !== corpus;
  const detail = `${corpus} · ${timeWords(asked)} · ${standingWords[standing]()}`;
  const scale = (name: string, rest: Pick<Scale, 'unit' | 'values' | 'intervals'>): Scale => {
    const label = others ? t('{0} on {1}', name, corpus) : name;
    const ranks: number[] = [];
    for (const [place, layer] of ranking(rest.values).entries()) ranks[layer] = place + 1;
    return { id: label, label, detail, measured, ranks, ...rest };
  };
  return [
    ...Object.entries(metrics).map(([name, values]) =>
      scale(name, { unit: importanceUnits[name] ?? '', values, intervals: intervals[name] }),
    ),
    ...Object.entries(tasks).flatMap(([task, { metric, drops, intervals: around }]) =>
      (['removal', 'duplication'] as const).flatMap((name) => {
        const values = drops[name];
        return values
          ? [scale(t('{0}, {1} of {2}', name, metric, task), { unit: metric, values, intervals: around[name] })]
          : [];
      }),
    ),
  ];
}

export function chosenScale(scales: readonly Scale[], choice: string | undefined): Scale | undefined {
  return choice === noScale ? undefined : (scales.find(({ id }) => id === choice) ?? scales[0]);
}

/** Of one layer of the model that was measured. */
export function importanceOfLayer(scale: Scale, layer: number): Importance | undefined {
  const { label, unit, values, intervals, ranks, measured, detail } = scale;
  const value = values[layer];
  const rank = ranks[layer];
  if (value === undefined || rank === undefined) return undefined;
  const stale = measured.standing === 'stale' ? `, ${t('stale')}` : '';
  const interval = intervals?.[layer];
  const around = interval ? ` [${digits(interval[0])}, ${digits(interval[1])}]` : '';
  const { tokens, documents } = measured.importance;
  const place = t('rank {0} of {1}', rank, values.length);
  return {
    heat: Math.max(1, Math.ceil(5 * (1 - (rank - 1) / values.length))) as Heat,
    number: `${digits(value)}${stale}`,
    spoken: `${t('importance {0} by {1}', digits(value), label)}, ${place}${stale}`,
    tooltip: [
      `${t('Importance by {0}', label)}: ${digits(value)}${around}${unit === '' ? '' : ` ${unit}`}, ${place}`,
      `${t('{0} tokens of {1} documents', tokens.toLocaleString('en-US'), documents.toLocaleString('en-US'))} · ${detail}`,
    ],
  };
}

/** For the model's row. */
export function scaleWords({ label, measured }: Scale): string {
  return `${t('importance by {0}', label)}${measured.standing === 'stale' ? `, ${t('stale')}` : ''}`;
}

const digits = (value: number): string => value.toPrecision(3);

/** Local time, the same in every language: `2026-11-25 03:10`. */
export function timeWords(milliseconds: number): string {
  const date = new Date(milliseconds);
  const two = (n: number) => String(n).padStart(2, '0');
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())} ${two(date.getHours())}:${two(date.getMinutes())}`;
}
