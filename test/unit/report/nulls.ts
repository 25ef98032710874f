import { type Random, random } from '../../../src/base/random.ts';
import type { SampleRecord } from '../../../src/record/types.ts';
import { contrastsOf } from '../../../src/report/contrast.ts';
import { drawsFor, type SharedDraws } from '../../../src/report/effects.ts';
import { correct } from '../../../src/report/significance.ts';
import type { ComparedMetric, ComparedRun, Contrast, Role } from '../../../src/report/types.ts';
import { defaultResamples } from '../../../src/statistics/bootstrap.ts';
import { mean } from '../../../src/statistics/moments.ts';
import { answers, runWith } from './by-hand.ts';

/**
 * Worlds without a difference, seen through the verdicts that a comparison prints: documents and seeds are drawn anew every
 * time from a population in which both arms are equally good. Documents are easy or hard for both arms, so that results are
 * paired.
 */

/** What arms differ by besides chance: of each seed, of each document, on average of neither. */
export interface Spread {
  seeds: number;
  documents: number;
}

/** A run's result on each document. */
type Results = readonly SampleRecord[];

/** The results of two arms, one entry a seed; `undefined` seeds: it has none (only evaluated). */
export interface World {
  metric: 'acc' | 'bits_per_byte' | 'word_perplexity';
  draw(g: Random, documents: number, seeds: number): { arm: Results[]; against: Results[]; seedless?: boolean };
}

const list = <T>(n: number, of: (i: number) => T): T[] => Array.from({ length: n }, (_, i) => of(i));
const logistic = (x: number) => 1 / (1 + Math.exp(-x));

const yesNo = (g: Random, logits: readonly number[]): Results =>
  logits.map((logit, doc) => ({ doc_id: doc, prompt_hash: '', acc: g.float() < logistic(logit) ? 1 : 0 }));

/** Answers of two arms that are equally good; logits. */
export const answersOf = ({ seeds: bySeed, documents: byDocument }: Spread): World => ({
  metric: 'acc',
  draw(g, documents, seeds) {
    const difficulty = list(documents, () => 0.8 + 1.5 * g.normal());
    const arm = () => {
      const own = difficulty.map((d) => d + byDocument * g.normal());
      return list(seeds, () => {
        const shift = bySeed * g.normal();
        return yesNo(
          g,
          own.map((d) => d + shift),
        );
      });
    };
    return { arm: arm(), against: arm() };
  },
});

/**
 * A trained arm against the base, which has no seeds and pairs with each. In half of the documents each is likelier right, by
 * the same amount: the base's one answer is part of its documents.
 */
export const againstBase = ({ seeds: bySeed, documents: byDocument }: Spread): World => ({
  metric: 'acc',
  draw(g, documents, seeds) {
    const difficulty = list(documents, () => 1.5 * g.normal());
    const own = difficulty.map((d) => d + byDocument * g.normal());
    const trained = list(seeds, () => {
      const shift = bySeed * g.normal();
      return yesNo(
        g,
        own.map((d) => d + shift),
      );
    });
    const base = difficulty.map((d) => d + byDocument * g.normal());
    return { arm: trained, against: [yesNo(g, base)], seedless: true };
  },
});

/** Negative log-likelihoods of texts of very different lengths; spreads in nats per byte. */
export const textsOf = (metric: World['metric'], { seeds: bySeed, documents: byDocument }: Spread): World => ({
  metric,
  draw(g, documents, seeds) {
    const bytes = list(documents, () => Math.round(200 * Math.exp(0.8 * g.normal())) + 20);
    const rate = list(documents, () => 0.6 + 0.2 * Math.abs(g.normal()));
    const arm = () => {
      const own = rate.map((r) => r + byDocument * g.normal());
      return list(seeds, () => {
        const shift = bySeed * g.normal();
        return bytes.map((n, doc) => ({
          doc_id: doc,
          prompt_hash: '',
          loglikelihood: -n * (own[doc]! + shift) - 0.05 * Math.sqrt(n) * (g.normal() ** 2 - 1),
          bytes: n,
          words: n / 5,
        }));
      });
    };
    return { arm: arm(), against: arm() };
  },
});

/**
 * An arm that lost exactly `margin` against the base, of which it keeps nine answers in ten; seeds share `repeated` of what
 * changes and differ by `bySeed`.
 */
export const lossOf = (margin: number, repeated: number, bySeed: number): World => ({
  metric: 'acc',
  draw(g, documents, seeds) {
    const right = list(documents, () => g.float() < 0.9);
    // Of the wrong answers a tenth turns right; as many more of the right ones turn wrong as make up the margin.
    const [lost, gained] = [(margin + 0.01) / 0.9, 0.1];
    const common = list(documents, () => g.float());
    const base: Results = right.map((r, doc) => ({ doc_id: doc, prompt_hash: '', acc: r ? 1 : 0 }));
    const trained = list(seeds, () => {
      const shift = bySeed * g.normal();
      return right.map((r, doc) => {
        const turn = g.float() < repeated ? common[doc]! : g.float();
        const turned = turn < (r ? lost + shift : gained);
        return { doc_id: doc, prompt_hash: '', acc: r === turned ? 0 : 1 };
      });
    });
    return { arm: trained, against: [base], seedless: true };
  },
});

/** The same of bits per byte. */
export const bitsLossOf = (margin: number, spread: Spread): World => ({
  metric: 'bits_per_byte',
  draw(g, documents, seeds) {
    const { arm, against } = textsOf('bits_per_byte', spread).draw(g, documents, seeds);
    const worse = arm.map((run) =>
      run.map((r) => {
        const { loglikelihood, bytes } = r as unknown as { loglikelihood: number; bytes: number };
        return { ...r, loglikelihood: loglikelihood - margin * Math.LN2 * bytes };
      }),
    );
    return { arm: worse, against };
  },
});

const template = runWith('s', 1, { task: answers('10') });

function runOf(arm: string, seed: number | undefined, samples: Record<string, Results>, metric: string): ComparedRun {
  const { seed: _, ...request } = template.run.request;
  const scores = Object.fromEntries(
    Object.keys(samples).map((task) => [task, { [metric]: { value: 0, stderr: null, n: 1 } }]),
  );
  const own = { ...request, arm, ...(seed !== undefined && { seed }) };
  return {
    ...template,
    run: { ...template.run, request: own, scores },
    samples: samples as Record<string, SampleRecord[]>,
  };
}

export interface Settings {
  documents: number;
  /** 0: neither arm has a seed. */
  seeds: number;
  role?: Role;
  margin?: number;
  /** Tasks of one family, each with documents of its own. */
  tasks?: number;
  resamples?: number;
}

/** The contrasts of two arms as a comparison makes them, with Holm's correction over the tasks. */
export function contrastsIn(world: World, settings: Settings, g: Random, draws: SharedDraws): Contrast[] {
  const { documents, seeds, role = 'gain', margin = 0.02, tasks = 1, resamples = defaultResamples } = settings;
  const names = list(tasks, (i) => `task${i}`);
  const drawn = names.map(() => world.draw(g, documents, Math.max(1, seeds)));
  const runsOf = (arm: string, which: 'arm' | 'against') =>
    list(drawn[0]![which].length, (s) => {
      const seed = seeds === 0 || (which === 'against' && drawn[0]!.seedless) ? undefined : s + 1;
      return runOf(arm, seed, Object.fromEntries(names.map((t, i) => [t, drawn[i]![which][s]!])), world.metric);
    });
  const pair = { arm: { arm: 's', runs: runsOf('s', 'arm') }, against: { arm: 'r', runs: runsOf('r', 'against') } };
  const contrasts = names.flatMap((task) => {
    const higherIsBetter = world.metric === 'acc';
    const metric: ComparedMetric = { task, metric: world.metric, role, unit: '', higherIsBetter };
    return contrastsOf(metric, [pair], { level: 0.95, resamples, seed: 0, draws, margin });
  });
  correct(contrasts);
  return contrasts;
}

const excludesZero = (interval: { low: number; high: number } | undefined) =>
  interval !== undefined && (interval.low > 0 || interval.high < 0);

/** What is counted of one trial's contrasts. */
const counted: Record<string, (contrasts: Contrast[]) => boolean> = {
  verdict: ([c]) => c!.verdict === 'better' || c!.verdict === 'worse',
  'interval over documents': ([c]) => excludesZero(c!.documentInterval),
  'paired t over seeds': ([c]) => excludesZero(c!.seedInterval),
  equivalence: ([c]) => c!.equivalence?.holds === true,
  'any after Holm': (all) => all.some((c) => c.significance!.adjusted < 0.05),
  'any verdict': (all) => all.some((c) => c.verdict === 'better' || c.verdict === 'worse'),
};

/** Share of trials in which each of `which` says that there is something. */
export function rates(
  name: string,
  trials: number,
  world: World,
  settings: Settings,
  which: string[],
): Record<string, number> {
  const g = random('null', name);
  let draws = drawsFor(0, 0);
  const found = list(trials, (i) => {
    // Draws are shared by a few trials, so that neither they take the time nor their own chance is seen in the rates.
    if (i % 20 === 0) draws = drawsFor(settings.resamples ?? defaultResamples, i);
    return contrastsIn(world, settings, g, draws);
  });
  return Object.fromEntries(which.map((key) => [key, mean(found.map((c) => (counted[key]!(c) ? 1 : 0)))]));
}
