import type { Problem } from '../../base/problem.ts';

/** One way in which ssh fails, known by what it prints (it has no codes: every failure is 255). */
interface Row {
  pattern: RegExp;
  code: string;
  /** The message is longer than `lastLines`. */
  whole?: true;
  problem(said: RegExpExecArray, host: string, stderr: string): Omit<Problem, 'code'>;
}

/** The known-hosts name in ssh's messages: `gpu-box`, `[127.0.0.1]:2222`. Copied into a remedy only when it looks like one. */
const hostPattern = /^[A-Za-z0-9.:_%[\]-]+$/;

const rows: readonly Row[] = [
  {
    pattern: /REMOTE HOST IDENTIFICATION HAS CHANGED/,
    code: 'host-key-changed',
    whole: true,
    problem: (_, host, stderr) => {
      const [, kind = '', print = 'unknown'] =
        /fingerprint for the (\S+) key sent by the remote host is\s+(SHA256:[A-Za-z0-9+/=]+|\S+?)\.?\s/.exec(stderr) ??
        [];
      const [, file, line] = /^Offending \S+ key in (.+):(\d+)\s*$/m.exec(stderr) ?? [];
      const [, name = ''] = /^Host key for (\S+) has changed/m.exec(stderr) ?? [];
      const known = file === undefined ? '' : ` The key that was known is line ${line} of ${file}.`;
      const forget = hostPattern.test(name)
        ? `ssh-keygen -R "${name}"${file === undefined ? '' : ` -f "${file}"`}`
        : 'ssh-keygen -R HOST';
      return {
        message: `The host key of ${host} has changed: it now shows ${kind} ${print}.${known} Nothing was sent.`,
        remedy: `Somebody may be in between. Ask the host's administrator for its fingerprint; only if it is that one, forget the old key with ${forget} and connect again.`,
      };
    },
  },
  {
    pattern: /REVOKED HOST KEY DETECTED/,
    code: 'host-key-changed',
    whole: true,
    problem: (_, host) => ({
      message: `The key that ${host} shows is marked as revoked in your known hosts. Nothing was sent.`,
      remedy: 'Somebody may use a stolen key: ask the administrator of the host.',
    }),
  },
  {
    pattern: /Host key verification failed|No \S+ host key is known for/i,
    code: 'host-key-unknown',
    problem: (_, host, stderr) => {
      const print = /SHA256:[A-Za-z0-9+/=]+/.exec(stderr)?.[0];
      return {
        message: `The host key of ${host} is not known${print === undefined ? '' : ` (it shows ${print})`} and was not accepted.`,
        remedy: `Connect in a terminal, where its fingerprint is shown and asked about: strata probe ${host}.`,
      };
    },
  },
  {
    pattern: /Could not resolve hostname (\S+?):/,
    code: 'host-unknown',
    problem: ([, name], host) => ({
      message: name === host ? `No host is called ${host}.` : `The address ${name} of ${host} cannot be found.`,
      remedy: 'strata hosts lists the hosts of the ssh configuration; add it there, or check the network.',
    }),
  },
  {
    pattern: /Permission denied|Too many authentication failures/,
    code: 'host-denied',
    problem: (_, host, stderr) => {
      const methods = /Permission denied \(([^)]*)\)/.exec(stderr)?.[1];
      return {
        message: `${host} does not let you in${methods === undefined ? '' : ` (it takes ${methods.replaceAll(',', ', ')})`}.`,
        remedy: `Check that ssh ${host} works in a terminal: the user and key of the ssh configuration, and whether ssh-add -l lists the key.`,
      };
    },
  },
  {
    pattern:
      /Bad configuration option|terminating, \d+ bad configuration|Bad owner or permissions|Can't open user config/,
    code: 'host-configuration',
    problem: (_, host, stderr) => ({
      message: `The ssh configuration cannot be used for ${host}: ${lastLine(stderr)}`,
      remedy: `ssh -G ${host} shows how ssh reads it.`,
    }),
  },
  {
    pattern: /Connection refused/,
    code: 'host-refused',
    problem: (_, host) => ({
      message: `${host} refuses connections: no ssh server answers there.`,
      remedy: 'Check the port of the ssh configuration, and that the host is up.',
    }),
  },
  {
    pattern: /timed out|No route to host|Network is unreachable|Host is down|not responding/i,
    code: 'host-unreachable',
    problem: (_, host) => ({
      message: `${host} cannot be reached.`,
      remedy: 'Check the network (a VPN?) and that the host is up.',
    }),
  },
  {
    pattern:
      /Connection (?:reset|closed)|Broken pipe|closed by remote host|kex_exchange_identification|banner exchange/,
    code: 'host-cut',
    problem: (_, host) => ({
      message: `The connection to ${host} was cut.`,
      remedy: 'Runs on the host go on; try again.',
    }),
  },
  {
    pattern: /Unprivileged user|This account is currently not available|Could not chdir to home directory/,
    code: 'host-unsuitable',
    problem: (_, host) => ({
      message: `The account on ${host} cannot run commands.`,
      remedy: 'Ask its administrator for an account with a shell and a home folder.',
    }),
  },
];

/** Messages of a failure, also of one at a jump host, are no longer. */
const lastLines = 6;

const lastLine = (text: string): string => text.trim().split('\n').at(-1)?.trim().slice(0, 300) || 'it said nothing';

/** What ssh's messages mean. `stderr` is what it printed, `code` its exit code; codes are those of `finalContact`, or pass. Pure. */
export function sshProblem(host: string, stderr: string, code: number | null): Problem {
  // A banner of the host stands before; what it says is no failure.
  const end = stderr.trim().split('\n').slice(-lastLines).join('\n');
  for (const row of rows) {
    const said = row.pattern.exec(row.whole ? stderr : end);
    if (said) return { code: row.code, ...row.problem(said, host, stderr) };
  }
  return {
    code: 'host-failed',
    message: `The connection to ${host} ended${code === null ? '' : ` with code ${code}`}: ${lastLine(stderr)}`,
    remedy: `Check that ssh ${host} works in a terminal.`,
  };
}
