import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { writeJsonAtomic } from '../base/files.ts';
import { type Problem, sentence, toProblem } from '../base/problem.ts';
import type { RunSpec } from '../plan/types.ts';
import { AttemptWriter } from '../record/append.ts';
import { writeOnFullDisk } from '../record/create.ts';
import { exitCodeOf, exitCodes } from '../record/exit-codes.ts';
import { homeOfRun, layout } from '../record/layout.ts';
import { readEvaluated } from '../record/read.ts';
import { readRecord } from '../record/snapshot.ts';
import type { ResultRecord } from '../record/state.ts';
import type { RunRequest, Stage } from '../record/types.ts';
import { analyzeStage } from './analyze.ts';
import { type Context, Stopped, type StopReason } from './context.ts';
import { evaluateStage } from './evaluate.ts';
import { createGuard } from './guard.ts';
import { surgeryStage } from './surgery.ts';
import { trainStage } from './train.ts';
import { removeUnfinished } from './unfinished.ts';

/** A stage: what it does, and the file that its last act writes. */
interface StageRow {
  name: Stage;
  done(context: Context): boolean | Promise<boolean>;
  carryOut(context: Context): Promise<void>;
}

const there = ({ folder }: Context, name: string) => existsSync(join(folder, name));

/** The steps of an arm's run, in order. Each can be repeated from anywhere it was cut off, and does nothing once it is done. */
const armStages: StageRow[] = [
  {
    name: 'surgery',
    done: (context) => there(context, layout.startTensors) || there(context, layout.tensors),
    carryOut: surgeryStage,
  },
  { name: 'train', done: (context) => there(context, layout.tensors), carryOut: trainStage },
  {
    name: 'evaluate',
    async done({ folder, request }) {
      const evaluated = await readEvaluated(folder);
      return request.tasks.every(({ name, hash }) => evaluated[name] === hash);
    },
    carryOut: evaluateStage,
  },
];

/** An analysis is a run of its own. */
const analysisStages: StageRow[] = [
  { name: 'analyze', done: (context) => there(context, layout.importance), carryOut: analyzeStage },
];

const codes: Record<StopReason, number> = {
  terminated: exitCodes.terminated,
  preempted: exitCodes.preempted,
  superseded: exitCodes.superseded,
};

/**
 * Carries out attempt `n` of a run (process `__work`) and returns the exit code. TERM and USR1 write a checkpoint and stop.
 * Whatever happens, `result.N.json` says how it ended.
 */
export async function work(folder: string, n: number): Promise<number> {
  process.umask(0o077);
  let asked: StopReason | undefined;
  process.on('SIGTERM', () => {
    asked ??= 'terminated';
  });
  if (process.platform !== 'win32') {
    process.on('SIGUSR1', () => {
      asked ??= 'preempted';
    });
  }
  // On a full disk the log cannot be written either; that must not be what ends the process.
  process.stderr.on('error', () => {});
  let writer: AttemptWriter | undefined;
  // A newer attempt exists only where this one was taken for dead: it must not write any more.
  const superseded = () => existsSync(join(folder, layout.claim(n + 1)));
  const finish = (result: Omit<ResultRecord, 'time'>) =>
    writeOnFullDisk(folder, () => writeJsonAtomic(join(folder, layout.result(n)), { ...result, time: Date.now() }));
  try {
    writer = new AttemptWriter(folder, n);
    const cacheFolder = homeOfRun(folder).cache;
    await carryOut({
      folder,
      attempt: n,
      spec: (await readRecord<RunSpec>(folder, layout.spec))!,
      request: (await readRecord<RunRequest>(folder, layout.request(n)))!,
      writer,
      guard: createGuard(cacheFolder),
      cacheFolder,
      stopReason: () => (superseded() ? 'superseded' : asked),
    });
    await finish({ state: 'succeeded' });
    return exitCodes.done;
  } catch (error) {
    // The newer one clears away what this one had half written, so that anything may have failed.
    if (superseded()) return codes.superseded;
    if (error instanceof Stopped) {
      await finish({ state: 'checkpointed' });
      return codes[error.reason];
    }
    const problem = toProblem(error) ?? defect(error);
    process.stderr.write(`${sentence(problem)}\n`);
    await finish({ state: 'failed', problem }).catch(() => {});
    return exitCodeOf(problem);
  } finally {
    writer?.close();
  }
}

async function carryOut(context: Context): Promise<void> {
  await removeUnfinished(context.folder);
  for (const stage of context.spec.analysis ? analysisStages : armStages) {
    if (await stage.done(context)) continue;
    context.writer.event({ type: 'stage', stage: stage.name, state: 'started' });
    await stage.carryOut(context);
    context.writer.event({ type: 'stage', stage: stage.name, state: 'ended' });
  }
}

/** An error that no user can cause; its stack goes to the log. */
function defect(error: unknown): Problem {
  process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`);
  return {
    code: 'defect',
    message: `A defect in Strata ended the run: ${error instanceof Error ? error.message : String(error)}.`,
    remedy: 'Please report it with the log (strata logs RUN).',
  };
}
