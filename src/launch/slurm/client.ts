import { spawn } from 'node:child_process';
import { fail } from '../../base/problem.ts';

/** A controller that is down is waited for by Slurm's own programs for about 10 s. */
const limit = 60_000;

/** Words of Slurm's programs that mean "nobody answers": nothing follows from it. */
const silent = /Unable to contact slurm controller|Socket timed out|Connection refused|timed out|Zero Bytes were/i;

/**
 * Runs a program of Slurm, without a shell, and returns what it says. Fails with `slurm-missing`, `slurm-silent` (nobody answers:
 * what was asked for may have happened), `slurm-refused`.
 */
export async function slurm(program: string, args: readonly string[], input = ''): Promise<string> {
  // sbatch hands its mask on: a job's log is made with it, and is nobody else's to read.
  const mask = process.umask(0o077);
  const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'pipe'], timeout: limit, killSignal: 'SIGKILL' });
  process.umask(mask);
  let out = '';
  let err = '';
  child.stdout.setEncoding('utf8').on('data', (text) => (out += text));
  child.stderr.setEncoding('utf8').on('data', (text) => (err += text));
  child.stdin.on('error', () => {});
  child.stdin.end(input);
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  }).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error;
    return fail('slurm-missing', `There is no Slurm here: the program ${program} is not on the PATH.`, {
      remedy: 'Use the login node of a cluster (slurm:HOST), or load what puts its programs on the PATH.',
    });
  });
  if (code === 0) return out;
  const said = err.trim().split('\n').at(-1)?.slice(0, 400) || `${program} ended with ${code}`;
  if (code === null || silent.test(err)) {
    return fail('slurm-silent', `Slurm does not answer: ${said}.`, {
      remedy: 'Runs that are under way are not touched by it. Try again when the controller is back.',
    });
  }
  return fail('slurm-refused', `Slurm refused: ${said.replace(/\.$/, '')}.`, {
    remedy:
      'strata probe HOST lists partitions; what is asked for stands in the target of the experiment and in the settings.',
  });
}
