import type { DeviceChoice, Experiment } from '../experiment/types.ts';
import type { RunSpec } from './types.ts';

/** `auto` is the cpu: what decides numbers is resolved from the file alone, not from the machine. */
export function deviceOf(asked: DeviceChoice | undefined, { device }: Pick<Experiment, 'device'>): RunSpec['device'] {
  const choice = asked ?? device;
  return choice === 'auto' ? 'cpu' : choice;
}
