import { fail } from '../base/problem.ts';
import type { PlacementChoice } from './agent/protocol.ts';
import { directPlacement } from './local.ts';
import type { Placement } from './placement.ts';
import type { Program } from './program.ts';
import { slurmPlacement } from './slurm/placement.ts';

type ChoiceOf<K extends PlacementChoice['kind']> = Extract<PlacementChoice, { kind: K }>;

/**
 * How runs get started on the machine where they live, one row a kind; used by the agent of a host and by the command line for its
 * own machine. `program` has the verbs `__dispatch`, `__supervise` and `__slurm`. A kind without a row is not available in this version.
 */
export const placements: {
  [K in PlacementChoice['kind']]?: (choice: ChoiceOf<K>, program: Program) => Placement;
} = {
  local: (_choice, program) => directPlacement(program),
  slurm: ({ options }, program) => slurmPlacement({ options, program }),
};

/** The placement of a choice. Fails with `not-available`. */
export function openPlacement<K extends PlacementChoice['kind']>(choice: ChoiceOf<K>, program: Program): Placement {
  const open = placements[choice.kind as K];
  return open
    ? open(choice, program)
    : fail('not-available', `This version cannot start runs with ${choice.kind}.`, {
        remedy: 'Run it with --on local.',
      });
}
