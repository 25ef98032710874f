import { fail } from '../base/problem.ts';
import type { Target } from '../experiment/types.ts';
import type { Place } from '../launch/place.ts';
import { ownProgram } from '../launch/program.ts';
import { openTarget, type TargetTools } from '../launch/targets.ts';
import { type Home, homeOfRun } from '../record/layout.ts';
import type { PlaceRecord, Run } from '../record/types.ts';

/** TARGET of the command line: `local`, `ssh:HOST`, `slurm` or `slurm:HOST`. Fails with `usage-target`. */
export function parseTarget(text: string): PlaceRecord {
  const match = /^(local)$|^(ssh):([A-Za-z0-9][A-Za-z0-9._-]*)$|^(slurm)(?::([A-Za-z0-9][A-Za-z0-9._-]*))?$/.exec(text);
  if (match?.[1]) return { kind: 'local' };
  if (match?.[2]) return { kind: 'ssh', host: match[3]! };
  if (match?.[4]) return { kind: 'slurm', ...(match[5] !== undefined && { host: match[5] }) };
  return fail('usage-target', `There is no target "${text}".`, {
    remedy: 'Write local, ssh:HOST, slurm or slurm:HOST.',
  });
}

/** The place that an experiment's `target` names. */
export function recordOf(target: Target): PlaceRecord {
  if (target.kind === 'local') return { kind: 'local' };
  if (target.kind === 'ssh') return { kind: 'ssh', host: target.host };
  return { kind: 'slurm', ...(target.host !== undefined && { host: target.host }) };
}

/** The place with the run directories of `home`. Fails with `not-available`. */
export function openPlace(record: PlaceRecord, home: Home, options: Omit<TargetTools, 'program'> = {}): Place {
  return openTarget(record, home, { program: ownProgram(), ...options });
}

/** The place that a run lives at. */
export function placeOf(run: Run): Place {
  return openPlace(run.place, homeOfRun(run.folder));
}
