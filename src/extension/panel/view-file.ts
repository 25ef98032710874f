import { dirname, relative, resolve, sep } from 'node:path';
import { isArrayOf, isRecord, isString } from '../../base/guards.ts';
import { fail } from '../../base/problem.ts';
import { type PanelChoice, type PanelSource, type PanelView, readView } from '../../protocol/panel.ts';

/** A view of a comparison as it is saved beside the experiment: what is compared, and how it is looked at. */
export interface SavedView {
  source: PanelSource;
  choice: PanelChoice;
  view: PanelView;
}

export const viewEnding = '.strata-view.json';
const viewVersion = 1;

const portable = (path: string): string => path.split(sep).join('/');

/** The file's text. Paths are relative to the file, so that the view goes with its repository. */
export function formatView({ source, choice, view }: SavedView, file: string): string {
  const near = (path: string) => portable(relative(dirname(file), path));
  const compared =
    source.kind === 'experiment' ? { experiment: near(source.file) } : { runs: source.folders.map(near) };
  return `${JSON.stringify({ strata_view: viewVersion, ...compared, ...choice, view }, null, 2)}\n`;
}

/** Reads what `formatView` wrote. What is unknown in `view` is left out. Fails with `invalid-view`. */
export function parseView(text: string, file: string): SavedView {
  const value = parseJson(text, file);
  if (!isRecord(value) || value['strata_view'] !== viewVersion) {
    return refuse(file, `it does not say "strata_view": ${viewVersion}`);
  }
  const { experiment, runs, baseline, subject, view } = value;
  const from = (path: string) => resolve(dirname(file), path);
  const choice = { ...(isString(baseline) && { baseline }), ...(isString(subject) && { subject }) };
  if (isString(experiment)) {
    return { source: { kind: 'experiment', file: from(experiment) }, choice, view: readView(view) };
  }
  if (isArrayOf(isString)(runs) && runs.length > 0) {
    return { source: { kind: 'runs', folders: runs.map(from) }, choice, view: readView(view) };
  }
  return refuse(file, 'it names neither an experiment nor runs');
}

function parseJson(text: string, file: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    return refuse(file, (error as Error).message);
  }
}

function refuse(file: string, why: string): never {
  fail('invalid-view', `${file} is no saved view: ${why}.`, { place: file, remedy: 'Save the view again.' });
}
