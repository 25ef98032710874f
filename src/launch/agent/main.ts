/**
 * The agent: the one program that a client runs on a host (`node agent.mjs`, no arguments, frames on stdin and stdout), and the
 * processes it leaves there (`__dispatch`, `__supervise`, `__slurm`). It has no state but files. The worker is `strata.mjs` beside it.
 */
import { dirname, join } from 'node:path';
import { fail, sentence, toProblem } from '../../base/problem.ts';
import { exitCodeOf } from '../../record/exit-codes.ts';
import { dispatch } from '../dispatcher.ts';
import { openPlacement } from '../placements.ts';
import { ownProgram, type Program } from '../program.ts';
import { runTask, taskEnvironment } from '../slurm/task.ts';
import { supervise } from '../supervisor.ts';
import { serveAgent } from './serve.ts';

const worker: Program = [process.execPath, join(dirname(process.argv[1]!), 'strata.mjs')];

const verbs: Record<string, (args: string[]) => Promise<unknown>> = {
  async serve() {
    process.umask(0o077);
    // What a defect prints must not be taken for a frame.
    console.log = console.error;
    return serveAgent(process.stdin, process.stdout, {
      worker,
      placement: (choice) => openPlacement(choice, ownProgram()),
    });
  },
  __dispatch: ([folder]) => dispatch(folder!, ownProgram()),
  __supervise: ([folder, attempt]) => supervise(folder!, Number(attempt), worker),
  async __slurm([folder]) {
    process.exit(await runTask(folder!, taskEnvironment(), worker));
  },
};

const [verb = 'serve', ...args] = process.argv.slice(2);
try {
  const carryOut = verbs[verb];
  if (!carryOut) fail('usage-agent', `The agent has no verb ${JSON.stringify(verb)}.`);
  await carryOut!(args);
  process.exit(0);
} catch (error) {
  const problem = toProblem(error);
  process.stderr.write(`${problem ? sentence(problem) : error instanceof Error ? error.stack : String(error)}\n`);
  process.exit(exitCodeOf(problem));
}
