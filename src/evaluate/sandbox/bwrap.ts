import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { promisify } from 'node:util';
import { fail } from '../../base/problem.ts';
import { startLineProcess, verdictLine, withinLimits } from './process.ts';
import { type Sandbox, type SandboxOptions, sandboxDefaults } from './types.ts';

const bubblewrap = '/usr/bin/bwrap';
const pythons = ['/usr/bin/python3', '/usr/local/bin/python3'];

/** A root with the system's programs, read-only, and nothing else: no home, no network, no other process. */
const walls = [
  ...['--unshare-all', '--die-with-parent', '--new-session', '--clearenv', '--cap-drop', 'ALL'],
  ...['--ro-bind', '/usr', '/usr'],
  ...['/bin', '/lib', '/lib64'].flatMap((folder) => ['--ro-bind-try', folder, folder]),
  ...['--proc', '/proc', '--dev', '/dev', '--size', String(64 * 1024 ** 2), '--tmpfs', '/tmp', '--chdir', '/tmp'],
];

/**
 * Runs one program and says how it ended. The nonce is in this process, too: a program that sets out to find it can claim
 * to have passed (it cannot do so in pyodide, where it is out of Python's reach). It cannot get out.
 */
const driver = `
import json, os, resource, sys
def main():
    limits = json.loads(sys.stdin.readline())
    for name, value in (('AS', limits['memory']), ('CORE', 0), ('FSIZE', 1 << 24), ('NPROC', 1)):
        resource.setrlimit(getattr(resource, 'RLIMIT_' + name), (value, value))
    out = os.dup(1)
    null = os.open('/dev/null', os.O_RDWR)
    for fd in (0, 1, 2):
        os.dup2(null, fd)
    say, line, leave = os.write, limits['nonce'], os._exit
    try:
        exec(compile(limits.pop('program'), 'program', 'exec'), {'__name__': '__main__'})
        end = ' passed'
    except BaseException as error:
        end = ' failed "' + type(error).__name__ + '"'
    say(out, (line + end + chr(10)).encode())
    leave(0)
main()
`;

/** Linux's namespaces by bubblewrap, with the machine's Python. Fails with `sandbox-missing`. */
export async function openBwrap(options: Partial<SandboxOptions> = {}): Promise<Sandbox> {
  const limits = { ...sandboxDefaults, ...options };
  const python = pythons.find((file) => existsSync(file));
  if (process.platform !== 'linux' || !existsSync(bubblewrap) || python === undefined) {
    fail('sandbox-missing', 'sandbox: bwrap needs Linux, /usr/bin/bwrap and a python3 of the system.', {
      remedy: 'Install bubblewrap and python3, or leave sandbox out: the default needs neither.',
    });
  }
  const run = promisify(execFile);
  const version = await run(bubblewrap, [...walls, python, '-I', '-c', 'import sys; print(sys.version.split()[0])'])
    .then(({ stdout }) => stdout.trim())
    .catch((error: { stderr?: string; message: string }) =>
      fail('sandbox-missing', `bubblewrap does not start here: ${(error.stderr || error.message).trim()}.`, {
        remedy: 'Leave sandbox out: the default needs no namespaces.',
      }),
    );
  const own = (await run(bubblewrap, ['--version'])).stdout.trim().split(' ').at(-1);
  return {
    description: `bwrap ${own}, Python ${version}`,
    async run(program) {
      const started = startLineProcess(bubblewrap, [...walls, python, '-I', '-c', driver]);
      const nonce = randomBytes(16).toString('hex');
      started.child.stdin!.write(`${JSON.stringify({ nonce, program, memory: limits.memoryLimit })}\n`);
      const outcome = await withinLimits(started, verdictLine(started, nonce), limits);
      await started.kill();
      return typeof outcome === 'string' ? { passed: false, detail: outcome } : outcome.value;
    },
    close: async () => {},
  };
}
