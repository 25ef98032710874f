import { availableParallelism } from 'node:os';
import type { Command } from 'commander';
import { fail } from '../base/problem.ts';
import { deviceRow } from '../device/devices.ts';
import type { Device, DeviceName } from '../device/types.ts';
import type { DeviceChoice } from '../experiment/types.ts';
import { gatherDevice } from '../plan/facts/device.ts';
import { probeDevice } from './device-probe.ts';
import type { Io } from './verb.ts';

/** Declares `--device` and `--threads`, which every verb that computes takes. */
export function computing(command: Command): Command {
  return command
    .option('--device <device>', 'what computes: auto, cpu, webgpu, cuda', 'auto')
    .option('--threads <n>', 'threads to compute with (default: all cores)');
}

const choices: readonly DeviceChoice[] = ['auto', 'cpu', 'webgpu', 'cuda'];

/**
 * The two options read, for verbs that work on an experiment: `auto` is then what its file says, so `device` is undefined. Fails
 * with `usage-threads`, `usage-device`, `not-available`.
 */
export function readComputing(options: Record<string, unknown>): { device?: DeviceName; threads: number } {
  const written = String(options['device'] ?? 'auto');
  const choice = choices.find((name) => name === written);
  if (!choice) {
    fail('usage-device', `There is no device "${written}".`, { remedy: `Name one of ${choices.join(', ')}.` });
  }
  const device = choice === 'auto' ? undefined : choice;
  if (device) deviceRow(device);
  const threads = options['threads'] === undefined ? availableParallelism() : wholeNumber(options, 'threads', 1);
  return { ...(device && { device }), threads };
}

/**
 * The same for verbs that compute themselves: `auto` is the best device of this machine, which is said on stderr where it is not
 * the processor, or somebody looks on.
 */
export async function chooseComputing(
  io: Io,
  options: Record<string, unknown>,
): Promise<{ device: Device; threads: number }> {
  const { device, threads } = readComputing(options);
  if (device) return { device: deviceRow(device), threads };
  const found = await gatherDevice(probeDevice);
  if (found && (io.terminal || found.device !== 'cpu')) io.err(found.why);
  return { device: deviceRow(found?.device ?? 'cpu'), threads };
}

/** A whole number of at least `least`. Fails with `usage-<option>`. */
export function wholeNumber(options: Record<string, unknown>, name: string, least: number): number {
  const value = Number(options[camelCase(name)]);
  if (!Number.isInteger(value) || value < least) {
    fail(`usage-${name}`, `--${name} takes a whole number of ${least} or more, not "${options[camelCase(name)]}".`);
  }
  return value;
}

/** A number within [least, most]. Fails with `usage-<option>`. */
export function numberWithin(options: Record<string, unknown>, name: string, least: number, most: number): number {
  const value = Number(options[camelCase(name)]);
  if (!(value >= least && value <= most)) {
    const range = Number.isFinite(most) ? `from ${least} to ${most}` : `of ${least} or more`;
    fail(`usage-${name}`, `--${name} takes a number ${range}, not "${options[camelCase(name)]}".`);
  }
  return value;
}

/** commander keeps `--max-tokens` as `maxTokens`. */
function camelCase(name: string): string {
  return name.replace(/-([a-z])/g, (_, letter: string) => letter.toUpperCase());
}
