import type { StepRecord, UpdateRecord } from '../record/types.ts';
import { quantile } from '../statistics/moments.ts';

/** A step whose loss stands out from those before it. */
export interface LossSpike {
  step: number;
  loss: number;
  /** Median of the losses before it. */
  usual: number;
}
/** What says whether a training ran smoothly. */
export interface Stability {
  spikes: LossSpike[];
  /** Norm of the gradient before clipping. */
  gradNorm: { median: number; max: number; step: number };
  /** The last record of how far a step moved each part of the model. */
  updates?: UpdateRecord;
}

/** Losses that a step is held against: this many before it, at least half of them. */
const window = 20;
/** A spike is above the median by more than this many robust standard deviations, 1.4826 · MAD (Hampel's identifier) … */
const deviations = 6;
/** … and by more than this share of the median, so that a loss that hardly varies any more has no spikes. */
const share = 0.1;
const madToDeviation = 1.4826;

/**
 * Steps whose loss is far above that of the steps before it; of neighbours the highest. The losses of a spike stay in the
 * windows after it: the median does not follow single ones. Pure.
 */
export function lossSpikes(steps: readonly Pick<StepRecord, 'step' | 'loss'>[]): LossSpike[] {
  const spikes: LossSpike[] = [];
  for (let i = window / 2; i < steps.length; i++) {
    const { step, loss } = steps[i]!;
    const before = steps.slice(Math.max(0, i - window), i).map((s) => s.loss);
    const usual = median(before);
    const deviation = madToDeviation * median(before.map((l) => Math.abs(l - usual)));
    if (loss - usual <= Math.max(deviations * deviation, share * usual)) continue;
    const last = spikes.at(-1);
    if (last?.step !== step - 1) spikes.push({ step, loss, usual });
    else if (loss > last.loss) spikes[spikes.length - 1] = { step, loss, usual };
  }
  return spikes;
}

/** Undefined before the first step. */
export function stabilityOf(
  steps: readonly StepRecord[],
  updates: readonly UpdateRecord[] = [],
): Stability | undefined {
  if (steps.length === 0) return undefined;
  const highest = steps.reduce((a, b) => (b.grad_norm > a.grad_norm ? b : a));
  const last = updates.at(-1);
  return {
    spikes: lossSpikes(steps),
    gradNorm: { median: median(steps.map((s) => s.grad_norm)), max: highest.grad_norm, step: highest.step },
    ...(last && { updates: last }),
  };
}

/** Sentences about it; one for a run without spikes. */
export function stabilityText({ spikes, gradNorm, updates }: Stability): string[] {
  const number = (value: number) => String(Number(value.toPrecision(3)));
  const shown = spikes
    .slice(0, 5)
    .map(({ step, loss, usual }) => `step ${step} (${number(loss)}, before ${number(usual)})`);
  const more = spikes.length > shown.length ? ` and ${spikes.length - shown.length} more` : '';
  const moved = Object.entries(updates?.update_ratio ?? {}).sort(byPart);
  return [
    spikes.length === 0 ? 'loss: no spikes' : `loss: spikes at ${shown.join(', ')}${more}`,
    `gradient norm: median ${number(gradNorm.median)}, highest ${number(gradNorm.max)} at step ${gradNorm.step}`,
    ...(moved.length > 0
      ? [
          `update ratio at step ${updates!.step}: ${moved.map(([part, r]) => `${part} ${r.toExponential(1)}`).join(', ')}`,
        ]
      : []),
  ];
}

/** Embeddings, layers by number with inserted blocks behind their layer, then the rest. */
function byPart([a]: [string, number], [b]: [string, number]): number {
  const key = (part: string) => (part === 'embeddings' ? -1 : /^\d/.test(part) ? Number.parseInt(part, 10) : 1e9);
  return key(a) - key(b) || (a < b ? -1 : 1);
}

function median(values: readonly number[]): number {
  return quantile(
    values.toSorted((a, b) => a - b),
    0.5,
  );
}
