import type { ExitRecord } from '../../record/state.ts';
import { type SlurmOptions, secondsOf, signalBefore } from './options.ts';

/** `slurm.N.json`: the task of an array that attempt N is bound to. */
export interface Binding {
  /** Name of the array. */
  array: string;
  /** Number that Slurm gave it. */
  job: string;
  index: number;
  /** Of the attempt's task, once it has begun: how often Slurm had started it again, and where it runs. */
  restart?: number;
  node?: string;
}

/** As Slurm's programs take one task of an array. Without its index, `scontrol requeue` may restart the whole array. */
export const taskName = ({ job, index }: Pick<Binding, 'job' | 'index'>): string => `${job}_${index}`;

export interface Submission {
  name: string;
  folder: string;
  tasks: number;
  options: SlurmOptions;
  /** Task that has to succeed before. */
  after?: string;
}

/** Arguments of `sbatch` for a held array; the script comes on its input. Nothing of it meets a shell. Pure. */
export function submitArguments({ name, folder, tasks, options, after }: Submission): string[] {
  const given = (flag: string, value: string | number | undefined) =>
    value === undefined ? [] : [`--${flag}=${value}`];
  const limit = options.time === undefined ? undefined : Math.max(1, Math.ceil(secondsOf(options.time) / 60));
  return [
    '--parsable',
    '--hold',
    '--requeue',
    '--open-mode=append',
    // NIL, which leaves the login environment out, exists from Slurm 23.02 on only.
    '--export=NONE',
    `--job-name=${name}`,
    `--chdir=${folder}`,
    '--input=/dev/null',
    '--output=log.%a',
    `--array=0-${tasks - 1}${options.parallel === undefined ? '' : `%${options.parallel}`}`,
    '--ntasks=1',
    `--cpus-per-task=${options.cpus ?? 1}`,
    `--signal=B:USR1@${signalBefore(options)}`,
    ...given('partition', options.partition),
    ...given('account', options.account),
    ...given('qos', options.qos),
    ...given('constraint', options.constraint),
    ...given('gres', options.gres),
    ...given('gpus', options.gpus === 0 ? undefined : options.gpus),
    ...given('mem', options.memory),
    ...given('time', limit),
    ...(after === undefined ? [] : [`--dependency=afterok:${after}`, '--kill-on-invalid-dep=yes']),
  ];
}

/** One task as the controller has it now. */
export interface Task {
  state: string;
  reason: string;
}

export const queueFormat = '%F|%K|%T|%r';

/** Lines of `squeue -r -o queueFormat`, by task name. Pure. */
export function readQueue(text: string): Map<string, Task> {
  const tasks = new Map<string, Task>();
  for (const line of text.split('\n')) {
    const [job, index, state, reason] = line.trim().split('|');
    if (state !== undefined && /^\d+$/.test(job!) && /^\d+$/.test(index!))
      tasks.set(`${job}_${index}`, { state, reason: reason ?? '' });
  }
  return tasks;
}

/** Lines of `sacct -nPX -o JobID,State`, by task name; the last line of a task that was started again counts. Pure. */
export function readAccounts(text: string): Map<string, Task> {
  const tasks = new Map<string, Task>();
  for (const line of text.split('\n')) {
    const [id, state] = line.trim().split('|');
    // `CANCELLED by 1000`
    if (state !== undefined && /^\d+_\d+$/.test(id!)) tasks.set(id!, { state: state.split(' ')[0]!, reason: '' });
  }
  return tasks;
}

type End = Pick<ExitRecord, 'outcome' | 'reason'>;
interface Ended {
  end: End;
  /** An attempt that had not begun is submitted again. */
  again: boolean;
}
const goesOn = 'strata resume goes on with it.';

/** How jobs end, one row a state of Slurm's; every other state is on its way. */
const ends: Record<string, Ended> = {
  COMPLETED: { end: { outcome: 'failed', reason: 'Its job ended without a record of the end.' }, again: true },
  FAILED: { end: { outcome: 'failed', reason: 'Its job failed without a record of the end.' }, again: false },
  CANCELLED: { end: { outcome: 'canceled', reason: 'Its job was canceled in Slurm.' }, again: false },
  TIMEOUT: { end: { outcome: 'preempted', reason: `Its job reached the time limit; ${goesOn}` }, again: true },
  PREEMPTED: { end: { outcome: 'preempted', reason: `Slurm gave its place to another job; ${goesOn}` }, again: true },
  NODE_FAIL: { end: { outcome: 'preempted', reason: `Its node failed; ${goesOn}` }, again: true },
  BOOT_FAIL: { end: { outcome: 'preempted', reason: `Its node did not start; ${goesOn}` }, again: true },
  DEADLINE: { end: { outcome: 'failed', reason: 'Its job could not end before its deadline.' }, again: false },
  OUT_OF_MEMORY: {
    end: { outcome: 'failed', reason: 'Its job used more memory than it had asked for; set `memory` of the target.' },
    again: false,
  },
};

/** A job that neither the queue nor the accounts know any more. */
const forgotten: Ended = {
  end: {
    outcome: 'preempted',
    reason: `Slurm does not know its job any more, and it left no record of its end; ${goesOn}`,
  },
  again: false,
};

/** How a task ended; undefined while it has not. Pure. */
export function endOf(task: Task | undefined): Ended | undefined {
  return task === undefined ? forgotten : ends[task.state];
}
