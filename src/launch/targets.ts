import type { Progress } from '../base/log.ts';
import { fail, type Problem } from '../base/problem.ts';
import type { Home } from '../record/layout.ts';
import { isElsewhere } from '../record/place.ts';
import type { PlaceRecord } from '../record/types.ts';
import type { PlacementChoice } from './agent/protocol.ts';
import type { Host } from './host.ts';
import { ownPlace } from './local.ts';
import { type Place, placeName } from './place.ts';
import { openPlacement } from './placements.ts';
import type { Program } from './program.ts';
import { remotePlace } from './remote/place.ts';
import { readSettings } from './settings.ts';
import { checkSlurm } from './slurm/options.ts';
import { openSshHost } from './ssh/host.ts';
import type { Prompter } from './ssh/prompt.ts';

/** What a target may need besides its record. */
export interface TargetTools {
  /** The command line that its local processes are started with. */
  program: Program;
  /** What an experiment's `target: {slurm: …}` says besides the host. */
  slurm?: Record<string, string | number>;
  /** Whether a person is there to be asked (host key, passphrase). */
  interactive?: boolean;
  /** Asks that person. */
  ask?: Prompter;
  /** Bytes of what has to be sent before anything can run there. */
  progress?: Progress;
  /** Told when contact fails and is tried again. */
  onFailure?(problem: Problem, tries: number): void;
}

type RecordOf<K extends PlaceRecord['kind']> = Extract<PlaceRecord, { kind: K }>;

/** A kind of target: one row of the table below. */
export interface Target<K extends PlaceRecord['kind']> {
  /** The machine where the runs live, where the record names one. Touches nothing yet. */
  host?(record: RecordOf<K> & { host: string }, tools: TargetTools): Promise<Host>;
  /** How waiting runs get started where they live: a row of `placements.ts`. Fails with `invalid-settings`. */
  placement(record: RecordOf<K>, tools: TargetTools): PlacementChoice | Promise<PlacementChoice>;
}

/** Where runs can execute. A kind without a row is not available in this version. */
export const targets: { [K in PlaceRecord['kind']]?: Target<K> } = {
  local: { placement: () => ({ kind: 'local' }) },
  ssh: {
    host: ({ host }, { ask, progress }) => openSshHost(host, { ask, progress }),
    placement: () => ({ kind: 'local' }),
  },
  slurm: {
    host: ({ host }, { ask, progress }) => openSshHost(host, { ask, progress }),
    async placement({ host }, { slurm }) {
      const settings = await readSettings();
      const own = host === undefined ? settings.slurm : settings.hosts?.[host]?.slurm;
      return { kind: 'slurm', options: checkSlurm({ ...own, ...slurm }) };
    },
  },
};

function targetOf<K extends PlaceRecord['kind']>(record: RecordOf<K>): Target<K> {
  return (
    targets[record.kind as K] ??
    fail('not-available', `This version cannot run at ${placeName(record)}.`, { remedy: 'Run it with --on local.' })
  );
}

/** The machine of a place that is elsewhere. Fails with `not-available`. */
export async function hostOf<K extends PlaceRecord['kind']>(
  record: RecordOf<K> & { host: string },
  tools: TargetTools,
): Promise<Host> {
  const { host } = targetOf<K>(record);
  return (
    host?.(record, tools) ??
    fail('not-available', `This version cannot reach ${placeName(record)}.`, { remedy: 'Run it with --on local.' })
  );
}

/** The place with the run directories of `home`: they live there, or are mirrored there. Fails with `not-available`. */
export async function openTarget<K extends PlaceRecord['kind']>(
  record: RecordOf<K>,
  home: Home,
  tools: TargetTools,
): Promise<Place> {
  const placement = await targetOf<K>(record).placement(record, tools);
  const threads = placement.kind === 'slurm' ? { threads: placement.options.cpus ?? 1 } : {};
  if (!isElsewhere(record)) return { ...ownPlace(home, openPlacement(placement, tools.program)), ...threads };
  const { program, interactive, onFailure } = tools;
  const host = await hostOf(record, tools);
  return { ...remotePlace(home, { record, host, placement, program, interactive, onFailure }), ...threads };
}
