import type { DeviceChosen } from '../device/adapter.ts';
import type { DeviceChoice, Experiment } from '../experiment/types.ts';
import type { RunSpec } from './types.ts';

/**
 * The device of an experiment's runs. `auto` is what was found on this machine, for runs that are on this machine; elsewhere,
 * and where nobody has looked, it is the cpu.
 */
export function deviceOf(
  asked: DeviceChoice | undefined,
  experiment: Pick<Experiment, 'device' | 'target'>,
  found: DeviceChosen | undefined,
): RunSpec['device'] {
  const choice = deviceChoice(asked, experiment);
  return choice === 'auto' ? (found?.device ?? 'cpu') : choice;
}

/** What was asked for; `auto` on another machine is its cpu. */
export function deviceChoice(
  asked: DeviceChoice | undefined,
  { device, target }: Pick<Experiment, 'device' | 'target'>,
): DeviceChoice {
  const choice = asked ?? device;
  return choice === 'auto' && target.kind !== 'local' ? 'cpu' : choice;
}
