import { availableParallelism } from 'node:os';
import type { Command } from 'commander';
import { fail } from '../base/problem.ts';
import { deviceRow } from '../device/devices.ts';
import type { DeviceName } from '../device/types.ts';

/** Declares `--device` and `--threads`, which every verb that computes takes. */
export function computing(command: Command): Command {
  return command
    .option('--device <device>', 'what computes: auto, cpu, webgpu, cuda', 'auto')
    .option('--threads <n>', 'threads to compute with (default: all cores)');
}

/** The two options read. Fails with `usage-threads`, `usage-device`, `not-available`. */
export function readComputing(options: Record<string, unknown>): { device: DeviceName; threads: number } {
  const written = String(options['device'] ?? 'auto');
  const known: Record<string, DeviceName> = { auto: 'cpu', cpu: 'cpu', webgpu: 'webgpu', cuda: 'cuda' };
  const device = known[written];
  if (!device) {
    fail('usage-device', `There is no device "${written}".`, {
      remedy: `Name one of ${Object.keys(known).join(', ')}.`,
    });
  }
  deviceRow(device);
  const threads = options['threads'] === undefined ? availableParallelism() : wholeNumber(options, 'threads', 1);
  return { device, threads };
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
