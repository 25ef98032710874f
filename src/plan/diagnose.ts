import { hasErrors, sorted } from '../experiment/diagnostics.ts';
import type { Parsed } from '../experiment/parse.ts';
import { startsWith, type Tree } from '../experiment/tree.ts';
import type { Diagnostic } from '../experiment/types.ts';
import { validate } from '../experiment/validate.ts';
import type { Locate } from './diagnostics.ts';
import { isPlannable, resolve } from './resolve.ts';
import type { Facts, Plan } from './types.ts';

/**
 * Everything that is wrong with an experiment, by place: the text, then what it refers to, then what only the resulting models
 * show. Of `strata check` and of the editor, so that both say the same. `plan`: where it is at hand already.
 */
export function diagnose(parsed: Parsed, facts: Facts | undefined, plan?: () => Plan | undefined): Diagnostic[] {
  const { tree, experiment } = parsed;
  if (tree.problems.length > 0) return parsed.diagnostics;
  const seen = sorted([...parsed.diagnostics, ...validate(parsed, facts)]);
  if (!facts) return seen;
  if (!experiment || hasErrors(seen) || !isPlannable(facts))
    return withProblems(seen, knownProblems(parsed, facts), tree);
  const planned = plan ? plan() : resolve(experiment, facts, { locate: locateIn(tree) });
  return sorted([...seen, ...(planned?.diagnostics ?? [])]);
}

/** Without those of parts that are broken in the text: what they refer to is unknown, not missing. */
export function knownProblems({ broken }: Pick<Parsed, 'broken'>, { problems }: Facts): Facts['problems'] {
  return problems.filter(({ path }) => !broken.some((b) => startsWith(path, b)));
}

export function locateIn(tree: Tree): Locate {
  return (path) => {
    const range = tree.rangeOf(path);
    return { range, ...tree.position(range.start) };
  };
}

/** Problems with what the file refers to, where they are not among its diagnostics already. */
export function withProblems(seen: Diagnostic[], problems: Facts['problems'], tree: Tree): Diagnostic[] {
  const locate = locateIn(tree);
  return sorted([
    ...seen,
    ...problems.map(({ path, code, severity, message }) => ({
      code,
      severity,
      message,
      ...locate(path),
      fixes: [],
    })),
  ]);
}
