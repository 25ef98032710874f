import type { App } from './app.ts';
import { type Chosen, saved } from './experiment.ts';
import type { RunNode } from './runs/tree.ts';

/** Compares the arms of an experiment, as its file stands. */
export async function compareExperiment({ panels }: App, chosen: Chosen): Promise<void> {
  if (await saved(chosen)) panels.open({ source: { kind: 'experiment', file: chosen.uri.fsPath } });
}

/** Compares the runs of some rows, and no other. */
export function compareSelected({ panels }: App, rows: readonly RunNode[]): void {
  const folders = rows.flatMap(({ kind, folder }) => (kind === 'run' && folder !== undefined ? [folder] : []));
  if (folders.length > 0) panels.open({ source: { kind: 'runs', folders } });
}
