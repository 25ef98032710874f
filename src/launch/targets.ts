import { fail } from '../base/problem.ts';
import type { Home } from '../record/layout.ts';
import type { PlaceRecord } from '../record/types.ts';
import { localPlace } from './local.ts';
import { type Place, placeName } from './place.ts';
import type { Program } from './program.ts';

/** What a target may need besides its record. */
export interface TargetTools {
  /** The command line that its local processes are started with. */
  program: Program;
  /** What an experiment's `target: {slurm: …}` says besides the host. */
  slurm?: Record<string, string | number>;
  /** Whether a person is there to be asked (host key, passphrase). */
  interactive?: boolean;
}

type RecordOf<K extends PlaceRecord['kind']> = Extract<PlaceRecord, { kind: K }>;

/** A kind of target: one row of the table below. */
export interface Target<K extends PlaceRecord['kind']> {
  /** Opens the place for the run directories of `home`: they live there, or are mirrored there. Touches nothing yet. */
  open(record: RecordOf<K>, home: Home, tools: TargetTools): Place;
}

/**
 * Where runs can execute. `local`: here. `ssh`: `remotePlace` (`remote/place.ts`) on a `Host` and its dispatcher. `slurm`: with a
 * host, `remotePlace` on that host and its Slurm; without one, `ownPlace` with the Slurm placement. A kind without a row is not
 * available in this version.
 */
export const targets: { [K in PlaceRecord['kind']]?: Target<K> } = {
  local: { open: (_record, home, { program }) => localPlace(home, program) },
};

/** The place with the run directories of `home`. Fails with `not-available`. */
export function openTarget<K extends PlaceRecord['kind']>(record: RecordOf<K>, home: Home, tools: TargetTools): Place {
  const target = targets[record.kind as K];
  return target
    ? target.open(record, home, tools)
    : fail('not-available', `This version cannot run at ${placeName(record)}.`, { remedy: 'Run it with --on local.' });
}
