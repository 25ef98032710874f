import { join } from 'node:path';
import { writeJsonAtomic } from '../base/files.ts';
import { type Home, homeOfRun, layout } from './layout.ts';
import { placeName } from './place.ts';
import { postHolder } from './post.ts';
import { readRecord } from './snapshot.ts';
import { states } from './state.ts';
import type { PlaceRecord, RunState } from './types.ts';

/**
 * `mirror.json` of a run that lives on another machine: what its host said last. The state of such a run cannot be derived here,
 * because its processes cannot be seen; so it is kept, with the time it was heard.
 */
export interface MirrorRecord {
  /** When the run directory on the host was asked for, on the host's clock: names that incarnation of it. */
  created: number;
  /** Attempts that were asked for there. */
  attempts: number;
  state: RunState;
  reason?: string;
  /** When this was heard, milliseconds on this machine's clock. */
  heard: number;
  /** The run had ended, and every file here was held against its hash there. */
  complete: boolean;
}

/** `contact.json` of a host: whether the mirror reaches it. */
export interface ContactRecord {
  reached: boolean;
  /** Since when, milliseconds on this machine's clock. */
  since: number;
  /** Why it is not reached, as a sentence and as the problem's code. */
  reason?: string;
  code?: string;
}

/** The folder of the process that keeps the mirrors of one place: a post, and `contact.json`. */
export function mirrorFolder(home: Home, place: PlaceRecord): string {
  return join(home.folder, 'mirrors', placeName(place).replace(':', '.'));
}

const contactFile = 'contact.json';

export const readMirror = (folder: string) => readRecord<MirrorRecord>(folder, layout.mirror);
export const writeMirror = (folder: string, record: MirrorRecord) =>
  writeJsonAtomic(join(folder, layout.mirror), record);
export const readContact = (folder: string) => readRecord<ContactRecord>(folder, contactFile);
export const writeContact = (folder: string, record: ContactRecord) =>
  writeJsonAtomic(join(folder, contactFile), record);

/** The state of a run that lives elsewhere: what was heard last, or that its host cannot be asked now. */
export async function mirroredState(
  folder: string,
  place: PlaceRecord & { host: string },
): Promise<{ state: RunState; reason?: string }> {
  const mirror = await readMirror(folder);
  const last: { state: RunState; reason?: string } = mirror ?? { state: 'waiting' };
  const said = { state: last.state, ...(last.reason !== undefined && { reason: last.reason }) };
  if (states[last.state].ended) return said;
  const post = mirrorFolder(homeOfRun(folder), place);
  const [contact, { held }] = await Promise.all([readContact(post), postHolder(post)]);
  const was = `It was ${states[last.state].word} then`;
  if (contact && !contact.reached) {
    const why = contact.reason === undefined ? '' : ` (${contact.reason.replace(/\.$/, '')})`;
    return {
      state: 'unreachable',
      reason: `${place.host} has not been reached since ${time(contact.since)}${why}. ${was}.`,
    };
  }
  if (held) return said;
  const heard = mirror ? `since ${time(mirror.heard)}` : 'yet';
  return { state: 'unreachable', reason: `Nothing was heard of it ${heard}. ${was}; strata attach follows it again.` };
}

function time(ms: number): string {
  return new Date(ms)
    .toISOString()
    .replace('T', ' ')
    .replace(/:\d\d\.\d+Z$/, ' UTC');
}
