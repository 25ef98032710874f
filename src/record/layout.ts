import { dirname, join } from 'node:path';

/** Every file of a run directory (design §5), once. `N` in a name is the attempt. */
export const layout = {
  spec: 'spec.json',
  place: 'place.json',
  /** Of a run that lives on another machine: what was heard of it last. */
  mirror: 'mirror.json',
  request: (n: number) => `request.${n}.json`,
  claim: (n: number) => `claim.${n}`,
  proc: (n: number) => `proc.${n}.json`,
  heartbeat: (n: number) => `heartbeat.${n}`,
  cancel: (n: number) => `cancel.${n}.json`,
  result: (n: number) => `result.${n}.json`,
  exit: (n: number) => `exit.${n}.json`,
  /** The task of a Slurm array that the attempt is bound to. */
  slurm: (n: number) => `slurm.${n}.json`,
  stdout: (n: number) => `stdout.${n}.log`,
  stderr: (n: number) => `stderr.${n}.log`,
  supervisorLog: (n: number) => `supervisor.${n}.log`,
  events: (n: number) => `events.${n}.jsonl`,
  metrics: (n: number) => `metrics.${n}.jsonl`,
  /** Space kept so that the exit record fits on a full disk. */
  reserve: 'reserve',
  scores: 'scores.json',
  /** Which task, by hash, each entry of `scores.json` answers. */
  evaluated: 'evaluated.json',
  /** Hashes of the start's tensors; written last by the surgery stage. */
  startTensors: 'start.json',
  /** Written last by the train stage. */
  tensors: 'tensors.json',
  importance: 'importance.json',
  samples: 'samples',
  superseded: 'superseded',
  checkpoint: 'checkpoint',
  /** The model after surgery, before training. */
  start: 'start',
  model: 'model',
} as const;

/** `perplexity:x` → `perplexity.x.jsonl`: a colon is no character for a file name everywhere. */
export function samplesFile(task: string): string {
  return join(layout.samples, `${task.replaceAll(':', '.')}.jsonl`);
}

/** Folders beside an experiment. `runs` holds run directories only. */
export interface Home {
  /** `.strata` */
  folder: string;
  runs: string;
  dispatcher: string;
  /** Run directories that are being written, renamed into `runs` when whole. */
  unfinished: string;
  cache: string;
}

export function home(folder: string): Home {
  return {
    folder,
    runs: join(folder, 'runs'),
    dispatcher: join(folder, 'dispatcher'),
    unfinished: join(folder, 'unfinished'),
    cache: join(folder, 'cache'),
  };
}

/** The `.strata` folder of an experiment file. */
export function homeOf(experimentFile: string): Home {
  return home(join(dirname(experimentFile), '.strata'));
}

/** The `.strata` folder a run directory lives in. */
export function homeOfRun(runFolder: string): Home {
  return home(dirname(dirname(runFolder)));
}

/** What a run id looks like; nothing else is ever put into a path or a command line. */
export const runId = /^[a-z0-9][a-z0-9-]{0,66}$/;
