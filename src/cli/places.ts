import { fail } from '../base/problem.ts';
import type { Target } from '../experiment/types.ts';
import type { Place } from '../launch/place.ts';
import { ownProgram } from '../launch/program.ts';
import { handedAskpass } from '../launch/ssh/askpass.ts';
import { openTarget, type TargetTools } from '../launch/targets.ts';
import { type Home, homeOfRun } from '../record/layout.ts';
import type { PlaceRecord, Run } from '../record/types.ts';
import { terminalPrompter } from './ask.ts';
import type { Io } from './verb.ts';

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

/**
 * The place with the run directories of `home`. What ssh asks is asked in the terminal, and what has to be sent shows its
 * progress there. Fails with `not-available`, and as reading the settings does.
 */
export function openPlace(io: Io, record: PlaceRecord, home: Home, slurm?: TargetTools['slurm']): Promise<Place> {
  const ask = terminalPrompter(io);
  return openTarget(record, home, {
    program: ownProgram(),
    ...(slurm && { slurm }),
    ...(ask && { ask }),
    // The editor hands its own dialogs on.
    interactive: ask !== undefined || handedAskpass() !== undefined,
    onFailure: ({ message }, tries) => {
      // The first failure of a kind is often over before anybody has read of it.
      if (tries > 1) io.err(`${message} Trying again.`);
    },
  });
}

/** The place that a run lives at. */
export function placeOf(io: Io, run: Run): Promise<Place> {
  return openPlace(io, run.place, homeOfRun(run.folder));
}
