import { attempt, sentence } from '../../base/problem.ts';
import { runsOf } from '../../record/find.ts';
import { home } from '../../record/layout.ts';
import { isElsewhere, placeName } from '../../record/place.ts';
import { states } from '../../record/state.ts';
import type { PlaceRecord } from '../../record/types.ts';
import { openPlace } from '../places.ts';
import type { Verb } from '../verb.ts';

/** Follows again what was left at work elsewhere: after a restart of the machine nobody keeps the mirrors of its runs. */
export const wakeVerb: Verb = {
  name: '__wake',
  summary: 'sees that runs of these folders that are at work elsewhere are followed',
  hidden: true,
  configure(command) {
    command.argument('<folders...>', '.strata folders');
  },
  async run(io, folders) {
    let failed = 0;
    for (const folder of folders) {
      for (const record of await placesAtWork(folder)) {
        const woken = await attempt(async () => (await openPlace(io, record, home(folder))).wake());
        if (woken.ok) continue;
        failed++;
        io.err(sentence(woken.problem));
      }
    }
    return failed === 0 ? 0 : 1;
  },
};

/** Places elsewhere at which a run of this folder has not ended, each once. */
async function placesAtWork(folder: string): Promise<PlaceRecord[]> {
  const { runs } = await runsOf(folder);
  const places = new Map<string, PlaceRecord>();
  for (const { place, state } of runs)
    if (isElsewhere(place) && !states[state].ended) places.set(placeName(place), place);
  return [...places.values()];
}
