import { fail } from '../base/problem.ts';
import type { DeviceChoice, Diagnostic, Experiment } from '../experiment/types.ts';
import { planAnalysis } from './analysis.ts';
import { planArms } from './arms.ts';
import { checkFacts } from './check-facts.ts';
import { detectableOf } from './detectable.ts';
import { deviceOf } from './device.ts';
import { Diagnostics, type Locate, nowhere } from './diagnostics.ts';
import { planRuns } from './runs.ts';
import { parametersOf } from './selectors.ts';
import type { Facts, Plan, PlannableFacts } from './types.ts';

export interface ResolveOptions {
  /** Only these arms, and the parents that they need. */
  arms?: readonly string[];
  /** Only these seeds. */
  seeds?: readonly number[];
  /** Instead of the experiment's. */
  device?: DeviceChoice;
  /** Where diagnostics stand in the text. */
  locate?: Locate;
}

export function isPlannable(facts: Facts): facts is PlannableFacts {
  return facts.base !== undefined;
}

/**
 * The experiment resolved: arms × seeds → runs, surgery and trained tensors by name, training with its defaults, cost. Pure.
 * What is wrong comes back as diagnostics; with errors, or while facts that decide the weights are missing (depth `headers`),
 * `runs` is empty. Fails with `unknown-arm`, `unknown-seed` for options that the experiment does not have.
 */
export function resolve(experiment: Experiment, facts: PlannableFacts, options: ResolveOptions = {}): Plan {
  const diagnostics = new Diagnostics(options.locate ?? nowhere);
  const wanted = chosen(experiment, options.arms);
  const seeds = options.seeds ?? experiment.seeds;
  const foreign = seeds.find((seed) => !experiment.seeds.includes(seed));
  if (foreign !== undefined)
    fail('unknown-seed', `The experiment has no seed ${foreign}; it has ${experiment.seeds.join(', ')}.`, {
      remedy: 'Add it to "seeds" in the file.',
    });
  const planned = planArms(experiment, facts, wanted, diagnostics);
  const corpora = Object.values(facts.contents ?? {});
  checkFacts(experiment, facts, planned, diagnostics);
  const device = deviceOf(options.device, experiment, facts.device);
  const runs = diagnostics.failed ? [] : planRuns(experiment, facts, planned, seeds, device);
  const analysis = diagnostics.failed ? undefined : planAnalysis(experiment, facts, device, options.arms && wanted);
  return {
    experiment,
    baseConfig: facts.base.config,
    baseParameters: parametersOf(planned.base),
    arms: planned.arms.map(({ plan }) => ({ ...plan, runs: runs.filter((r) => r.arm === plan.name).map((r) => r.id) })),
    ...(analysis && { analysis }),
    runs,
    corpora,
    overlaps: facts.overlaps ?? [],
    detectable: detectableOf(experiment, facts, seeds.length),
    machine: facts.machine,
    diagnostics: sorted(diagnostics.list),
  };
}

/** The arms asked for and all that they start from, in the order of the file. */
function chosen(experiment: Experiment, names: readonly string[] | undefined): string[] {
  const all = Object.keys(experiment.arms);
  const unknown = names?.find((name) => !all.includes(name));
  if (unknown !== undefined)
    fail('unknown-arm', `The experiment has no arm "${unknown}"; it has ${all.join(', ')}.`, {
      remedy: 'Check the name.',
    });
  const wanted = new Set<string>();
  const add = (name: string) => {
    if (wanted.has(name)) return;
    wanted.add(name);
    const parent = experiment.arms[name]?.from;
    if (parent !== undefined) add(parent);
  };
  for (const name of names ?? all) add(name);
  return all.filter((name) => wanted.has(name));
}

function sorted(list: Diagnostic[]): Diagnostic[] {
  return [...list].sort((a, b) => a.range.start - b.range.start);
}
