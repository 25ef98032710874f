import { hasErrors } from '../experiment/diagnostics.ts';
import { applyFix, putEntries } from '../experiment/edits.ts';
import { parse } from '../experiment/parse.ts';
import type { Path } from '../experiment/tree.ts';
import { validate } from '../experiment/validate.ts';
import { suggestSurgery, surgeryEntries } from '../plan/suggest-surgery.ts';
import type { ArmPlan } from '../plan/types.ts';
import { trusted } from '../record/measured.ts';
import type { Action } from './actions.ts';
import type { View } from './view.ts';

/** Keys of an arm where its surgery is written. */
const surgical = new Set(['expand', 'prune']);

/** On an arm's name, `expand` or `prune`: the surgery that a measurement of the model suggests, and a rule as its layers. */
export function surgeryActions(view: View, path: Path): Action[] {
  const [section, name, key] = path;
  if (section !== 'arms' || typeof name !== 'string' || !view.tree.has(['arms', name])) return [];
  if (key !== undefined && !surgical.has(String(key))) return [];
  return [...suggestions(view, name), ...(key === undefined ? [] : writtenOut(view, name, String(key)))];
}

function suggestions(view: View, name: string): Action[] {
  const measured = trusted(view.facts?.measured);
  const suggested = measured && suggestSurgery(measured.importance, measured.importance.layers);
  if (!measured || !suggested) return [];
  const { by, expand, prune } = suggested;
  const entries = surgeryEntries(suggested);
  const { corpus } = measured.importance;
  const doubt = measured.standing === 'unknown' ? ', if the model is still the one that was measured' : '';
  const title = `Write the surgery that ${by} on ${corpus} suggests: blocks after ${expand.join(', ')}, without ${prune.join(', ')}${doubt}`;
  // What the arm trains is the writer's choice, as long as it fits.
  const trains = ['train', 'lora'].some((key) => view.tree.has(['arms', name, key]));
  const choices = trains ? [entries.filter(({ key }) => key !== 'train'), entries] : [entries];
  for (const chosen of choices) {
    const edits = putEntries(view.tree, ['arms', name], chosen);
    if (edits.length > 0 && !makesErrors(view, { title, edits }, name)) return [{ kind: 'quickfix', title, edits }];
  }
  return [];
}

/** Whether the arm would be wrong, where that is not so already. */
function makesErrors(view: View, fix: Pick<Action, 'title' | 'edits'>, name: string): boolean {
  const errors = (parsed: ReturnType<typeof parse>) =>
    [...parsed.diagnostics, ...validate(parsed, view.facts)].filter(({ severity }) => severity === 'error');
  const after = parse(applyFix(view.text, fix), { file: view.file });
  const entry = after.tree.entry(['arms', name]);
  if (after.tree.problems.length > view.tree.problems.length || !entry?.key) return true;
  const [start, end] = [entry.key.start, Math.max(entry.key.end, entry.value?.end ?? 0)];
  const inArm = errors(after).filter(({ range }) => range.start >= start && range.end <= end);
  return hasErrors(inArm) && errors(after).length > errors(view).length;
}

/** `after: shallow_half, blocks: 3` as the layers that it comes to; the other keys stay as they are. */
function writtenOut(view: View, name: string, key: string): Action[] {
  const arm = view.arm(name);
  const spec = view.draft.arms[name];
  if (!arm || !spec || arm.pending !== undefined) return [];
  const row = rules[key];
  const layers = row?.layers(arm);
  const rule = row?.rule(spec);
  if (!row || !layers || rule === undefined) return [];
  const written = view.tree.at(['arms', name, key]);
  if (typeof written !== 'object' || written === null) return [];
  const others = Object.keys(written).filter((k) => !row.replaced.includes(k));
  const texts = others.map((k) => {
    const { start, end } = view.tree.rangeOf(['arms', name, key, k]);
    return `${k}: ${view.text.slice(start, end)}`;
  });
  if (texts.some((text) => text.includes('\n'))) return [];
  const value = `{ ${[`${row.key}: [${layers.join(', ')}]`, ...texts].join(', ')} }`;
  const edits = putEntries(view.tree, ['arms', name], [{ key, value }]);
  return [{ kind: 'rewrite', title: `Write ${rule} out as layers: ${row.key}: [${layers.join(', ')}]`, edits }];
}

type Spec = View['draft']['arms'][string];
interface Rule {
  /** Where the layers stand. */
  key: string;
  /** Keys that the layers take the place of. */
  replaced: string[];
  layers(arm: ArmPlan): readonly number[] | undefined;
  /** The rule's name, if it is one. */
  rule(spec: Spec): string | undefined;
}
const rules: Record<string, Rule> = {
  expand: {
    key: 'after',
    replaced: ['after', 'blocks', 'by'],
    layers: ({ surgery }) => surgery.expand?.after,
    rule: ({ expand }) => (expand?.after.kind === 'rule' ? `\`${expand.after.rule}\`` : undefined),
  },
  prune: {
    key: 'layers',
    replaced: ['by', 'count', 'contiguous', 'last'],
    layers: ({ surgery }) => surgery.prune,
    rule: ({ prune }) => (prune?.kind === 'by' ? `\`by: ${prune.by}\`` : undefined),
  },
};
