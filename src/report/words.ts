import type { Interval } from '../statistics/student.ts';
import type {
  ArmRun,
  ComparedArm,
  ComparedMetric,
  Comparison,
  Contrast,
  Proof,
  ProofState,
  Role,
  StaleRun,
  Verdict,
} from './types.ts';
import { minimumSeeds, sign } from './verdict.ts';

/** Four significant digits and at least three decimals: tables of shares, bits and perplexities stay aligned and honest. */
export function formatValue(value: number | undefined): string {
  if (value === undefined || Number.isNaN(value)) return '–';
  const decimals = Math.abs(value) >= 1000 ? 0 : Math.abs(value) >= 100 ? 1 : Math.abs(value) >= 10 ? 2 : 3;
  return value.toFixed(decimals).replace(/^-(0(?:\.0*)?)$/, '$1');
}

/** With its sign, so that a difference is never taken for a value. */
export function formatEffect(value: number | undefined): string {
  const plain = formatValue(value);
  return plain === '–' || plain.startsWith('-') ? plain : `+${plain}`;
}

/** An end that is not zero never looks like zero: whether it is decides verdicts. */
export function formatInterval({ low, high }: Interval): string {
  return `[${formatEnd(low)}, ${formatEnd(high)}]`;
}

function formatEnd(value: number): string {
  const rounded = formatEffect(value);
  if (!/^\+0\.0+$/.test(rounded) || Math.abs(value) < 1e-6) return rounded;
  return `${value < 0 ? '-' : '+'}${Math.abs(value).toPrecision(1)}`;
}

/** A p-value; small ones are not shown as zero. */
export function formatP(p: number): string {
  return p < 0.001 ? '<0.001' : p.toFixed(3);
}

/** `a`, `a and b`, `a, b and c` */
function listed(items: readonly string[]): string {
  return items.length < 2 ? items.join('') : `${items.slice(0, -1).join(', ')} and ${items.at(-1)}`;
}

/** 331776 → `331,776`. */
export function formatCount(n: number | undefined): string {
  return n === undefined ? '–' : String(n).replace(/\B(?=(\d{3})+$)/g, ',');
}

export function formatSeconds(seconds: number | undefined): string {
  if (seconds === undefined) return '–';
  if (seconds < 60) return `${seconds.toFixed(1)} s`;
  if (seconds < 3600) return `${(seconds / 60).toFixed(1)} min`;
  return `${(seconds / 3600).toFixed(1)} h`;
}

export const roleNames: Record<Role, string> = { gain: 'gain', forgetting: 'forgetting', other: 'also measured' };

/** How to read the sign of an effect of this role. */
export const signRules: Record<Role, string> = {
  gain: 'positive = learned more',
  forgetting: 'positive = forgot more',
  other: 'positive = better',
};

/** `recall_new acc` */
export function metricName({ task, metric }: Pick<ComparedMetric, 'task' | 'metric'>): string {
  return `${task} ${metric}`;
}

export function directionOf({ higherIsBetter }: ComparedMetric): string {
  return higherIsBetter ? 'higher is better' : 'lower is better';
}

/** For which seeds a contrast holds: `seeds 1, 2, 3`, `seed 1 only`, or that no seed is involved. */
export function seedScope({ seeds }: Pick<Contrast, 'seeds'>): string {
  if (seeds.length === 0) return 'no seed involved';
  if (seeds.length === 1) return `seed ${seeds[0]} only`;
  return seeds.length < minimumSeeds ? `seeds ${seeds.join(', ')} only` : `seeds ${seeds.join(', ')}`;
}

/** What a verdict rests on, when it rests on fewer seeds than a general statement needs. */
function limitation(contrast: Contrast): string {
  const { seeds, documentInterval, seedInterval, verdict } = contrast;
  if (verdict === 'not enough data' || seeds.length === 0) return '';
  if (seeds.length === 1) return ' It holds for this seed; one seed gives no interval over seeds.';
  if (seeds.length < minimumSeeds) return ' It holds for these seeds; three are needed for a statement about seeds.';
  return documentInterval && seedInterval
    ? ` Over documents alone: ${formatInterval(documentInterval)}; over seeds alone: ${formatInterval(seedInterval)}.`
    : '';
}

const effectNames: Record<Role, string> = { gain: 'gain', forgetting: 'forgetting', other: 'difference' };

/** One contrast in words, for pages and screen readers. */
export function contrastSentence(contrast: Contrast): string {
  const { arm, against, role, verdict, documents, effect, interval, reason } = contrast;
  const on = metricName(contrast);
  if (verdict === 'not enough data')
    return `On ${on}, there is not enough data to tell ${arm} from ${against}. ${reason ?? ''}`.trim();
  const what =
    verdict === 'not distinguishable'
      ? `${arm} is not distinguishable from ${against}`
      : `${arm} is ${verdict} than ${against}`;
  const numbers = `${effectNames[role]} ${formatEffect(effect)}, 95 % interval ${interval ? formatInterval(interval) : '–'}, n = ${documents} documents`;
  const by = contrast.tests.length > 0 ? ` (${testNames(contrast)})` : '';
  const remarks = remarksOf(contrast).map((remark) => ` ${remark}`);
  return `On ${on}, ${what}: ${numbers}, ${seedScope(contrast)}${by}.${limitation(contrast)}${remarks.join('')}`;
}

/** What a verdict rests on: `exact McNemar test and percentile bootstrap over 120 documents`. */
export function testNames({ tests }: Pick<Contrast, 'tests'>): string {
  return listed(tests);
}

const outcomes: Record<Role, Record<Verdict, string>> = {
  gain: {
    better: 'learned more on',
    worse: 'learned less on',
    'not distinguishable': 'no distinguishable difference in gain on',
    'not enough data': 'not enough data on',
  },
  forgetting: {
    better: 'forgot less on',
    worse: 'forgot more on',
    'not distinguishable': 'no distinguishable difference in forgetting on',
    'not enough data': 'not enough data on',
  },
  other: {
    better: 'better on',
    worse: 'worse on',
    'not distinguishable': 'no distinguishable difference on',
    'not enough data': 'not enough data on',
  },
};

/** The subject against each other arm in one sentence: what it learned, what it forgot. */
export function headlines(comparison: Comparison): string[] {
  const byArm = new Map<string, Contrast[]>();
  for (const c of subjectContrasts(comparison)) byArm.set(c.against, [...(byArm.get(c.against) ?? []), c]);
  return [...byArm].map(([against, contrasts]) => {
    const phrases = new Map<string, string[]>();
    for (const c of contrasts) {
      const outcome = outcomes[c.role][c.verdict];
      const where = `${c.task}${c.effect === undefined ? '' : ` (${formatEffect(c.effect)})`}`;
      phrases.set(outcome, [...(phrases.get(outcome) ?? []), where]);
    }
    const parts = [...phrases].map(([outcome, where]) => `${outcome} ${listed(where)}`);
    return `${comparison.subject} against ${against}: ${parts.join('; ')}${headlineScope(contrasts)}.`;
  });
}

/** Said once where every verdict of a sentence holds for the same few seeds only. */
function headlineScope(contrasts: readonly Contrast[]): string {
  const scopes = new Set(contrasts.filter((c) => c.seeds.length > 0).map(seedScope));
  const [only] = scopes;
  return scopes.size === 1 && only!.endsWith('only') ? ` (holds for ${only!.replace(/ only$/, '')})` : '';
}

/** Where the exact test of the flips does not support what the interval says, the reader should know. */
export function testRemark({ verdict, interval, mcnemar, flips }: Contrast): string {
  if (!mcnemar || !flips || !interval || verdict !== 'not distinguishable' || sign(interval) === 0) return '';
  return `The interval excludes zero, but few documents changed (${flips.gained.length} gained, ${flips.lost.length} lost): the exact McNemar test gives p = ${formatP(mcnemar.p)}.`;
}

/** A verdict that several questions asked at once can explain. */
function holmRemark({ verdict, significance: s }: Contrast): string {
  if (!s || (verdict !== 'better' && verdict !== 'worse') || s.p >= 0.05 || s.adjusted < 0.05) return '';
  return `Over all tasks of these two arms it does not hold: p = ${formatP(s.p)}, with Holm’s correction ${formatP(s.adjusted)}.`;
}

/** Whether it is shown that nothing was forgotten. */
export function equivalenceRemark({ equivalence: e }: Pick<Contrast, 'equivalence'>): string {
  return e?.holds ? `Shown to be the same within ±${formatValue(e.margin)} (TOST, p = ${formatP(e.p)}).` : '';
}

/** The verdict without what was seen in training. */
export function cleanRemark({ clean, documents }: Contrast): string {
  if (!clean) return '';
  const left = documents - clean.documents;
  const numbers = clean.interval
    ? `${formatEffect(clean.effect)} ${formatInterval(clean.interval)}, n ${clean.documents}`
    : (clean.reason ?? '');
  return `Without the ${left} document${left === 1 ? '' : 's'} seen in training: ${clean.verdict}, ${numbers}.`;
}

/** What a reader of one verdict should know besides, a sentence each. */
export function remarksOf(contrast: Contrast): string[] {
  return [testRemark(contrast), holmRemark(contrast), equivalenceRemark(contrast), cleanRemark(contrast)].filter(
    (remark) => remark !== '',
  );
}

/** The contrasts that speak first: the subject against the baseline, then against every other arm. */
export function subjectContrasts({ contrasts, subject }: Comparison): Contrast[] {
  return contrasts.filter((c) => c.arm === subject);
}

/** The contrast that gives an arm's gain or forgetting. */
export function effectOf(
  { contrasts, baseline }: Comparison,
  arm: string,
  { task, metric }: Pick<ComparedMetric, 'task' | 'metric'>,
): Contrast | undefined {
  return contrasts.find((c) => c.arm === arm && c.against === baseline && c.task === task && c.metric === metric);
}

/** Seeds of all runs, ascending. */
export function allSeeds({ arms }: Comparison): number[] {
  const seeds = arms.flatMap((a) => a.runs.flatMap((r) => r.seed ?? []));
  return [...new Set(seeds)].sort((a, b) => a - b);
}

/** `6 arms, seeds 1, 2, 3; subject s, baseline base` */
export function summaryLine(comparison: Comparison): string {
  const { arms, baseline, subject, missing } = comparison;
  const seeds = allSeeds(comparison);
  const withRuns = arms.filter((a) => a.runs.length > 0).length;
  const parts = [
    `${withRuns} of ${arms.length} arms have results`,
    ...(missing.length > 0 ? [`${missing.length} missing`] : []),
    seeds.length === 0 ? 'no seeds' : `seed${seeds.length === 1 ? '' : 's'} ${seeds.join(', ')}`,
    ...(subject === undefined ? [] : [`subject ${subject}`]),
    ...(baseline === undefined ? [] : [`baseline ${baseline}`]),
  ];
  return parts.join(' · ');
}

export const proofWords: Record<ProofState, string> = {
  holds: 'holds',
  broken: 'BROKEN',
  'not-applicable': 'n/a',
  absent: 'not recorded',
};

const severity: ProofState[] = ['broken', 'absent', 'holds', 'not-applicable'];

/** The worst state of a proof over an arm's runs, with the detail of that run. */
export function armProof({ runs }: ComparedArm, which: 'identity' | 'frozen'): Proof | undefined {
  const proofs = runs.map((r: ArmRun) => r[which]);
  for (const state of severity) {
    const proof = proofs.find((p) => p.state === state);
    if (proof) return proof;
  }
  return undefined;
}

/** An arm that was only evaluated has nothing to prove about its weights. */
export const isTrained = (arm: ComparedArm): boolean => arm.steps !== undefined;

/** What the comparison lacks, seeds of one arm together: `s, seeds 2, 3: was not started`. */
export function missingLines({ missing }: Comparison): string[] {
  const together = new Map<string, { arm: string; reason: string; seeds: number[] }>();
  for (const { arm, seed, reason } of missing) {
    const key = `${arm} ${reason}`;
    const entry = together.get(key) ?? { arm, reason, seeds: [] };
    if (seed !== undefined) entry.seeds.push(seed);
    together.set(key, entry);
  }
  return [...together.values()].map(({ arm, reason, seeds }) => {
    const named = seeds.length === 0 ? '' : `, seed${seeds.length === 1 ? '' : 's'} ${seeds.join(', ')}`;
    return `${arm}${named}: ${reason}`;
  });
}

/** Earlier runs that are not compared, and why: `… (made again as …)`, `… (s, seed 1)`. */
export function staleLines({ stale }: Comparison): { superseded: string[]; stale: string[] } {
  const where = (s: StaleRun) => `${s.arm}${s.seed === undefined ? '' : `, seed ${s.seed}`}`;
  return {
    superseded: stale.filter((s) => s.newer !== undefined).map((s) => `${s.id} (${where(s)}): ${s.newer} counts`),
    stale: stale.filter((s) => s.newer === undefined).map((s) => `${s.id} (${where(s)})`),
  };
}

export const staleTitles = {
  superseded: 'Made again: earlier runs of the same work, not compared',
  stale: 'Stale: older runs that the file no longer resolves to, not compared',
};

/** What of a task was seen in training, a line each. */
export function overlapLines({ overlaps }: Comparison): string[] {
  return overlaps.map(({ task, corpora, documents, overlapping }) =>
    overlapping.length === 0
      ? `${task}: none of ${documents} documents shares a run of 13 words with ${listed(corpora)}.`
      : `${task}: ${overlapping.length} of ${documents} documents share a run of 13 words with ${listed(corpora)}; scores and verdicts are given with and without them.`,
  );
}

/** The statistics used, for whoever reads the numbers. */
export function method({ method: m, overlaps }: Comparison): string[] {
  return [
    `Arms are compared on the same documents. “Better” and “worse” need the ${m.level * 100} % interval to exclude zero. From ${minimumSeeds} seeds on it is that of a cluster bootstrap with documents and seeds drawn anew together, so that the statement holds for other documents and other seeds; with fewer seeds documents alone are drawn anew, and the statement is about these seeds only. Below ${m.minimumDocuments} paired documents there is not enough data.`,
    `Documents are resampled (${formatCount(m.resamples)} seeded draws); ratio metrics resample numerator and denominator. Where single documents pull a ratio metric far to one side the percentile interval is bias-corrected and accelerated (BCa); each verdict names its test. Seeds are drawn from Student’s t with their own spread. The intervals over documents alone and over seeds alone (paired t) each take the other as given; no verdict rests on them where there are ${minimumSeeds} seeds.`,
    `Of yes/no results of one seed the exact McNemar test must say so, too. The p-value is that of the verdict, the larger one of its tests. Verdicts are not corrected for the number of tasks; p with Holm’s correction over the tasks of two arms is beside them.`,
    `Gain is the change on what was to be learned, forgetting the loss on what was to be kept, both against the baseline: positive gain is better, positive forgetting is worse. “The same” is shown by two one-sided tests (TOST) at 5 % with a margin of ${formatValue(m.margin)}: points of a share or bits per byte; of perplexities that share of the value. “Not distinguishable” alone does not show it.`,
    ...(overlaps.length > 0
      ? ['Documents seen in training are those that share a run of 13 words with a corpus that is trained on.']
      : []),
  ];
}
