import { type Parsed, parse } from '../experiment/parse.ts';
import { locateIn } from '../plan/diagnose.ts';
import { isPlannable, resolve } from '../plan/resolve.ts';
import type { ArmPlan, Plan } from '../plan/types.ts';
import { type KnownFacts, withImportance } from '../record/measured.ts';

/** One version of an experiment file with what is known of the world: what every function of this room looks at. */
export interface View extends Parsed {
  readonly text: string;
  /** Absolute path; '' for a text that was never saved. */
  readonly file: string;
  readonly facts?: KnownFacts;
  /** What the arms come to, of the part of the text that can be read; undefined without a model. */
  plan(): Plan | undefined;
  arm(name: string): ArmPlan | undefined;
}

export function createView(text: string, file = '', facts?: KnownFacts): View {
  return viewOf(parse(text, { file }), file, facts);
}

/** The same text with other facts: it is not parsed again. */
export function viewOf(parsed: Parsed, file: string, gathered?: KnownFacts): View {
  const facts = withImportance(gathered, parsed.draft);
  let known: { plan: Plan | undefined } | undefined;
  const plan = () => {
    known ??= { plan: planOf(parsed, facts) };
    return known.plan;
  };
  return {
    ...parsed,
    text: parsed.tree.text,
    file,
    facts,
    plan,
    arm: (name) => plan()?.arms.find((arm) => arm.name === name),
  };
}

/** Half-written arms can contradict a model in ways that only errors of planning would show: those leave no plan here. */
function planOf({ draft, tree }: Parsed, facts: KnownFacts | undefined): Plan | undefined {
  if (!facts || !isPlannable(facts)) return undefined;
  try {
    return resolve(draft, facts, { locate: locateIn(tree) });
  } catch {
    return undefined;
  }
}
