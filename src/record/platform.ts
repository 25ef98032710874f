import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { hostname } from 'node:os';

/**
 * Names one process for good: a pid may be used again, but not with the same start on the same boot of the same host.
 * Claims in run directories hold it, so that anyone can prove later that the claimant is dead.
 */
export interface ProcessIdentity {
  host: string;
  boot: string;
  pid: number;
  /** When it started, in the platform's own words; only compared for equality. */
  start: string;
}

/** `unknown`: it lives, or lived, on another host, and cannot be seen from here. */
export type Liveness = 'alive' | 'dead' | 'unknown';

/** What the operating system decides, one row a platform. All calls are synchronous and cheap enough for a poll. */
export interface Platform {
  /** Names this boot of the machine. */
  boot(): string;
  /** When the process started; undefined if there is none, or only its unreaped remains. */
  startOf(pid: number): string | undefined;
  /** Signals the process group that `pid` leads; false if there is none. */
  signalGroup(pid: number, signal: NodeJS.Signals): boolean;
  /** Processes whose environment holds `STRATA_COOKIE=cookie`: descendants that left the group. */
  withCookie(cookie: string): number[];
}

/** The variable that marks every descendant of a worker. */
export const cookieVariable = 'STRATA_COOKIE';

function signalNegativePid(pid: number, signal: NodeJS.Signals): boolean {
  try {
    return process.kill(-pid, signal);
  } catch {
    return false;
  }
}

function output(command: string, args: string[]): string | undefined {
  try {
    return execFileSync(command, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim() || undefined;
  } catch {
    return undefined;
  }
}

/** Where a start is a date, it differs between boots by itself; a time of boot would drift with the clock. */
const anyBoot = 'any';

/** proc(5): field 3 is the state (Z, X: dead), field 22 the start in clock ticks since boot. */
const linux: Platform = {
  boot: () => readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim(),
  startOf(pid) {
    try {
      const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
      const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
      return fields[0] === 'Z' || fields[0] === 'X' ? undefined : fields[19];
    } catch {
      return undefined;
    }
  },
  signalGroup: signalNegativePid,
  withCookie(cookie) {
    const wanted = `${cookieVariable}=${cookie}`;
    return readdirSync('/proc')
      .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
      .filter((name) => {
        try {
          return readFileSync(`/proc/${name}/environ`, 'latin1').split('\0').includes(wanted);
        } catch {
          return false;
        }
      })
      .map(Number);
  },
};

/**
 * Unproven: written from ps(1) and sysctl(3), never run by the tests on a Mac. System Integrity Protection hides other
 * processes' environments, so a descendant that left its group is not found.
 */
const darwin: Platform = {
  boot: () => output('sysctl', ['-n', 'kern.bootsessionuuid']) ?? anyBoot,
  startOf(pid) {
    const [state, ...start] = (output('ps', ['-o', 'state=,lstart=', '-p', String(pid)]) ?? '').split(/\s+/);
    return state && !state.startsWith('Z') ? start.join(' ') : undefined;
  },
  signalGroup: signalNegativePid,
  withCookie: () => [],
};

/**
 * Unproven: written from the documentation of Get-Process and taskkill, never run by the tests on Windows. There are no
 * signals: TERM and KILL both end the tree at once, and the run resumes from its last checkpoint.
 */
const win32: Platform = {
  boot: () => anyBoot,
  startOf: (pid) =>
    output('powershell.exe', [
      '-NoProfile',
      '-Command',
      `(Get-Process -Id ${pid} -ErrorAction Stop).StartTime.ToFileTimeUtc()`,
    ]),
  signalGroup: (pid) => output('taskkill.exe', ['/T', '/F', '/PID', String(pid)]) !== undefined,
  withCookie: () => [],
};

const platforms: Partial<Record<NodeJS.Platform, Platform>> = { linux, darwin, win32 };

/** The row of this machine; Unix-like systems without a row of their own are read with ps(1). */
export const platform: Platform = platforms[process.platform] ?? darwin;

/** Who a process of this machine is; undefined if it has ended. */
export function identify(pid: number = process.pid): ProcessIdentity | undefined {
  const start = platform.startOf(pid);
  return start === undefined ? undefined : { host: hostname(), boot: platform.boot(), pid, start };
}

/** Whether that very process lives. Another boot or another start under its pid proves its death. */
export function liveness(identity: ProcessIdentity): Liveness {
  if (identity.host !== hostname()) return 'unknown';
  if (identity.boot !== platform.boot()) return 'dead';
  return platform.startOf(identity.pid) === identity.start ? 'alive' : 'dead';
}
