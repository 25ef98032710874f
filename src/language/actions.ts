import { addEntry, renameKey, replaceValue } from '../experiment/edits.ts';
import type { Path } from '../experiment/tree.ts';
import type { Diagnostic, Fix, Range } from '../experiment/types.ts';
import { sequenceOf } from '../plan/training.ts';
import { surgeryActions } from './surgery-actions.ts';
import type { View } from './view.ts';

export interface Action extends Fix {
  kind: 'quickfix' | 'rewrite';
  /** What it mends. */
  diagnostic?: Diagnostic;
  /** The one that is most likely meant. */
  preferred?: boolean;
}

/** Fixes of the diagnostics that touch a range, and what else can be made of what stands there. */
export function actions(view: View, diagnostics: readonly Diagnostic[], range: Range): Action[] {
  const touching = diagnostics.filter((d) => d.range.start <= range.end && d.range.end >= range.start);
  const fixes = touching.flatMap((diagnostic) => {
    const found = diagnostic.fixes.length > 0 ? diagnostic.fixes : additions(view, diagnostic);
    return found.map((fix): Action => ({ ...fix, kind: 'quickfix', diagnostic, preferred: found.length === 1 }));
  });
  return [...fixes, ...surgeryActions(view, view.tree.pathAt(range.start).path), ...conversions(view, range)];
}

/** Keys that are missing and that only the whole file can give a value for, by code. */
const missing: Record<string, (view: View) => [key: string, value: string][]> = {
  'training-length': () => [['steps', '128']],
  'training-missing': ({ draft, written }) => {
    const [corpus] = Object.keys(draft.corpora);
    return [
      ...(written.training?.corpus === undefined && corpus !== undefined
        ? [['corpus', corpus] as [string, string]]
        : []),
      ...(written.training?.learning_rate === undefined ? [['learning_rate', '1e-3'] as [string, string]] : []),
    ];
  },
};

function additions(view: View, { code, range }: Diagnostic): Fix[] {
  const { path } = view.tree.pathAt(range.start);
  if (path.at(-1) !== 'training') return [];
  return (missing[code]?.(view) ?? []).flatMap(([key, value]) => {
    if (view.tree.has([...path, key])) return [];
    const edits = addEntry(view.tree, path, key, value);
    return edits.length > 0 ? [{ title: `Add '${key}: ${value}'`, edits }] : [];
  });
}

/** `tokens: n` as the steps that it comes to with this batch and sequence, and the reverse. */
function conversions(view: View, { start }: Range): Action[] {
  const { path } = view.tree.pathAt(start);
  const unit = path.at(-1);
  const section = path.slice(0, -1);
  if (section.at(-1) !== 'training' || typeof unit !== 'string') return [];
  const perStep = tokensPerStep(view, section);
  const value = view.tree.at(path);
  if (perStep === undefined || typeof value !== 'number') return [];
  const other = { tokens: ['steps', Math.ceil(value / perStep)], steps: ['tokens', value * perStep] }[unit];
  if (!other) return [];
  const [key, converted] = other as [string, number];
  if (view.tree.has([...section, key])) return [];
  const edits = [...renameKey(view.tree, path, key), ...replaceValue(view.tree, path, `${converted}`)];
  return [{ kind: 'rewrite', title: `Convert to '${key}: ${converted}' (${perStep} tokens a step)`, edits }];
}

/** batch × sequence of the arms that a section of training is for. */
function tokensPerStep({ draft, facts }: View, section: Path): number | undefined {
  const own = section[0] === 'arms' ? draft.arms[section[1]!] : undefined;
  const training = (own ?? Object.values(draft.arms).find((arm) => arm.training && arm.overrides.length === 0))
    ?.training;
  const positions = facts?.model?.positions;
  if (!training || (training.sequence === undefined && positions === undefined)) return undefined;
  return training.batch * sequenceOf(training, positions ?? 512);
}
