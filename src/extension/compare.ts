import type { App } from './app.ts';
import { type Chosen, saved } from './experiment.ts';

/** Compares the arms of an experiment, as its file stands. */
export async function compareExperiment(app: App, chosen: Chosen): Promise<void> {
  if (await saved(chosen)) await app.documents.show('compare', chosen.uri.fsPath);
}
