import { fail } from '../../base/problem.ts';

/** What a job asks Slurm for, and what surrounds it: from the experiment's `target` and the user's settings. */
export interface SlurmOptions {
  partition?: string;
  account?: string;
  qos?: string;
  constraint?: string;
  gres?: string;
  gpus?: number;
  /** Processor cores of one run; also its threads. Default 1. */
  cpus?: number;
  memory?: string;
  time?: string;
  /** Seconds before the time limit at which a run is asked for its checkpoint. */
  signal?: number;
  /** How many runs of an array may run at once. */
  parallel?: number;
  /** Arguments of `module load`. */
  modules?: readonly string[];
  /** Words before the command line of the run, such as `apptainer`, `exec`, `image.sif`. */
  container?: readonly string[];
  /** Shell lines before it. From the user's settings only. */
  setup?: readonly string[];
}

/** No option of a program, and no character that any shell or Slurm reads in another way. */
export const slurmWord = /^[A-Za-z0-9][A-Za-z0-9._:/&|@,*()+=-]{0,255}$/;
const module = /^[A-Za-z0-9][A-Za-z0-9._/+-]{0,255}$/;
const memory = /^\d{1,9}[KMGT]?$/i;
const time = /^(\d{1,6}[smhd]|(\d{1,4}-)?\d{1,4}(:\d\d){1,2})$/;
/** The files of an array hold one word a line. */
const line = /^[^\p{Cc}]{1,4096}$/u;

type Check = (value: unknown) => boolean;
const matches =
  (pattern: RegExp): Check =>
  (value) =>
    typeof value === 'string' && pattern.test(value);
const listOf =
  (check: Check): Check =>
  (value) =>
    Array.isArray(value) && value.length <= 256 && value.every(check);
const whole =
  (least: number): Check =>
  (value) =>
    Number.isInteger(value) && (value as number) >= least && (value as number) <= 1e6;

/** One row an option. */
export const slurmChecks: { [K in keyof Required<SlurmOptions>]: { fits: Check; form: string } } = {
  partition: { fits: matches(slurmWord), form: 'a plain word as Slurm takes it' },
  account: { fits: matches(slurmWord), form: 'a plain word as Slurm takes it' },
  qos: { fits: matches(slurmWord), form: 'a plain word as Slurm takes it' },
  constraint: { fits: matches(slurmWord), form: 'a plain word as Slurm takes it' },
  gres: { fits: matches(slurmWord), form: 'a plain word as Slurm takes it, such as gpu:h100:1' },
  gpus: { fits: whole(0), form: 'a number of GPUs' },
  cpus: { fits: whole(1), form: 'a number of cores' },
  memory: { fits: matches(memory), form: 'an amount of memory such as 32G' },
  time: { fits: matches(time), form: 'a duration such as 2h or 1-12:00:00' },
  signal: { fits: whole(1), form: 'a number of seconds' },
  parallel: { fits: whole(1), form: 'a number of runs' },
  modules: { fits: listOf(matches(module)), form: 'a list of names of modules' },
  container: { fits: listOf(matches(line)), form: 'a list of words without control characters' },
  setup: { fits: listOf(matches(line)), form: 'a list of shell lines without control characters' },
};

/** What is wrong with options that came from elsewhere, if anything is. Pure. */
export function wrongOption(written: unknown): { path: string[]; message: string } | undefined {
  if (typeof written !== 'object' || written === null || Array.isArray(written))
    return { path: [], message: 'must be a mapping' };
  for (const [key, value] of Object.entries(written)) {
    const row = Object.hasOwn(slurmChecks, key) ? slurmChecks[key as keyof SlurmOptions] : undefined;
    if (!row) return { path: [], message: `has no option "${key}"; known are ${Object.keys(slurmChecks).join(', ')}` };
    if (!row.fits(value)) return { path: [key], message: `must be ${row.form}` };
  }
  return undefined;
}

/** Options that came from elsewhere. Fails with `invalid-slurm`. Pure. */
export function checkSlurm(written: object = {}): SlurmOptions {
  const wrong = wrongOption(written);
  if (!wrong) return written;
  return fail('invalid-slurm', `${['slurm', ...wrong.path].join('.')} ${wrong.message}.`, {
    remedy: "Correct it in the experiment's target or in the settings.",
  });
}

const minutes = { s: 1 / 60, m: 1, h: 60, d: 24 * 60 } as const;

/** A time limit in seconds. Pure. */
export function secondsOf(written: string): number {
  const [, amount, unit] = /^(\d+)([smhd])$/.exec(written) ?? [];
  if (unit !== undefined) return Math.ceil(Number(amount) * minutes[unit as keyof typeof minutes]) * 60;
  const [days, clock] = written.includes('-') ? written.split('-') : [undefined, written];
  const parts = clock!.split(':').map(Number);
  // Slurm: minutes:seconds, hours:minutes:seconds; with days, hours:minutes and hours:minutes:seconds.
  const short = parts.length === 2;
  const [h, m, s] = short && days === undefined ? [0, ...parts] : [...parts, 0];
  return Number(days ?? 0) * 86_400 + h! * 3600 + m! * 60 + (s ?? 0);
}

const usualSignal = 180;

/** How long before the limit a checkpoint is asked for; a short job keeps two thirds of its time. Pure. */
export function signalBefore({ signal, time: limit }: SlurmOptions): number {
  if (signal !== undefined) return signal;
  return limit === undefined ? usualSignal : Math.max(1, Math.min(usualSignal, Math.floor(secondsOf(limit) / 3)));
}
