import { states } from '../../record/state.ts';
import { type App, strata } from '../app.ts';
import { isDamaged } from '../runs/entry.ts';

/**
 * Sees that runs at work on other machines are followed: the process that does it ends with the machine, so it is started again
 * with the first look after a start of the editor. One that lives already is left alone.
 */
export async function followElsewhere(app: App): Promise<void> {
  const open = app.index
    .entries()
    .some((entry) => !isDamaged(entry) && entry.place !== undefined && !states[entry.state].ended);
  if (!open) return;
  const finished = await strata(app, ['__wake', ...app.index.homes], { cwd: app.index.homes[0]! });
  if (finished.code === 0) await app.index.refresh();
}
