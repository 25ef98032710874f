import { analysisChecks } from './checks/analysis.ts';
import { availableChecks } from './checks/available.ts';
import type { Check, CheckContext, Finding } from './checks/check.ts';
import { dataChecks } from './checks/data.ts';
import { nameChecks } from './checks/names.ts';
import { surgeryChecks } from './checks/surgery.ts';
import { trainedChecks } from './checks/trained.ts';
import { trainingChecks } from './checks/training.ts';
import { diagnostic, hasErrors, related, sorted } from './diagnostics.ts';
import type { ExperimentFacts } from './facts.ts';
import { type Parsed, parse } from './parse.ts';
import { startsWith, type Tree } from './tree.ts';
import type { Diagnostic, Experiment, Range } from './types.ts';

/** Every check across keys, one row a code. A row runs when what it needs is known. */
export const checks: Check[] = [
  ...nameChecks,
  ...surgeryChecks,
  ...analysisChecks,
  ...trainedChecks,
  ...trainingChecks,
  ...dataChecks,
  ...availableChecks,
];

/**
 * What is wrong across the keys of a parsed text, by place, without what `parse` said already. Works on texts with errors: what is
 * a mere consequence of one of them is not said. Nothing is said about a text that is no YAML.
 */
export function validate(parsed: Parsed, facts: ExperimentFacts = {}): Diagnostic[] {
  const { draft, written, tree, broken } = parsed;
  if (tree.problems.length > 0) return [];
  const context: CheckContext = { experiment: draft, written, tree, facts };
  const found = checks
    .filter(({ needs }) => needs !== 'model' || facts.model !== undefined)
    .flatMap(({ code, severity, check }) =>
      [...check(context)]
        .filter(
          ({ path, unless = [] }) => !broken.some((b) => startsWith(path, b) || unless.some((u) => related(u, b))),
        )
        .map((finding) =>
          diagnostic(tree, {
            code: finding.code ?? code,
            severity,
            range: rangeOf(finding, tree),
            message: finding.message,
            fixes: finding.fixes ?? [],
          }),
        ),
    );
  return sorted(unique(found));
}

/** A text read and checked. */
export interface Examined extends Omit<Parsed, 'experiment'> {
  /** Present only when there is no error. */
  experiment?: Experiment;
}

/** `parse` and `validate` in one: every diagnostic of a text, by place; the experiment if none is an error. Never throws. */
export function examine(text: string, { file, facts }: { file?: string; facts?: ExperimentFacts } = {}): Examined {
  const { experiment, ...parsed } = parse(text, { file });
  const diagnostics = sorted([...parsed.diagnostics, ...validate(parsed, facts)]);
  return { ...parsed, diagnostics, ...(experiment && !hasErrors(diagnostics) && { experiment }) };
}

function rangeOf({ path, part }: Finding, tree: Tree): Range {
  if (part === 'key') return tree.keyRangeOf(path);
  return part ? tree.rangeInside(path, part[0], part[1]) : tree.rangeOf(path);
}

/** Several arms can lead to one place: what they say there is said once, with the fixes of all. */
function unique(diagnostics: readonly Diagnostic[]): Diagnostic[] {
  const first = new Map<string, Diagnostic>();
  for (const found of diagnostics) {
    const key = `${found.code} ${found.range.start} ${found.range.end}`;
    const known = first.get(key);
    const more = found.fixes.filter(({ title }) => !known?.fixes.some((fix) => fix.title === title));
    first.set(key, known ? { ...known, fixes: [...known.fixes, ...more] } : found);
  }
  return [...first.values()];
}
