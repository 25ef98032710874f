import { fail, type Problem } from '../../base/problem.ts';
import { bytes } from '../../plan/amounts.ts';
import { type HostPlatform, platforms } from './bundle/contents.ts';

/** What the script says of a host before it is given a bundle. */
export interface HostFacts {
  /** `Linux x86_64`. */
  system: string;
  /** `glibc 2.36`, `musl`, or empty. */
  libc: string;
  /** Seconds since the epoch on its clock. */
  time: number;
  /** Folder of Strata there. */
  root: string;
  writable: boolean;
  executable: boolean;
  freeBytes?: number;
  /** `v20.11.0`, or `broken`. */
  node?: { version: string; path: string };
}

/** Reads the `host KEY VALUE…` lines. Pure. */
export function readFacts(lines: readonly string[][]): HostFacts {
  const of = (key: string): string[] | undefined => lines.find(([name]) => name === key)?.slice(1);
  const node = of('node');
  const free = Number(of('free')?.[0] ?? Number.NaN);
  return {
    system: of('system')?.join(' ') ?? '',
    libc: of('libc')?.join(' ') ?? '',
    time: Number(of('time')?.[0] ?? 0),
    root: of('root')?.join(' ') ?? '',
    writable: of('writable') !== undefined,
    executable: of('executable') !== undefined,
    ...(Number.isFinite(free) && { freeBytes: free * 1024 }),
    ...(node && { node: { version: node[0]!, path: node.slice(1).join(' ') } }),
  };
}

/** The runtime and the Node that is sent are built against this. */
const oldestGlibc = [2, 28] as const;
export const oldestNode = 20;

/** Whether the host's own Node can be used. */
export function usableNode({ node }: HostFacts): boolean {
  return node !== undefined && Number(/^v(\d+)\./.exec(node.version)?.[1] ?? 0) >= oldestNode;
}

type Obstacle = Omit<Problem, 'code'> | undefined;

/** What makes a host unsuitable, one row a reason; the first that holds is told. */
const obstacles: readonly ((facts: HostFacts, host: string) => Obstacle)[] = [
  ({ system }, host) =>
    platforms[system] === undefined
      ? {
          message: `${host} is ${system || 'an unknown system'}, for which there is no onnxruntime.`,
          remedy: `Strata runs on ${Object.keys(platforms).join(', ')}.`,
        }
      : undefined,
  ({ libc, system }, host) =>
    system.startsWith('Linux') && libc.startsWith('musl')
      ? {
          message: `${host} uses the C library musl (Alpine), which onnxruntime and Node are not built for.`,
          remedy: 'Use a host, or a container there, with glibc 2.28 or newer (Debian 10, RHEL 8, Ubuntu 20.04).',
        }
      : undefined,
  ({ libc }, host) => {
    const [, major, minor] = /^glibc (\d+)\.(\d+)/.exec(libc) ?? [];
    if (major === undefined) return undefined;
    const old = Number(major) < oldestGlibc[0] || (Number(major) === oldestGlibc[0] && Number(minor) < oldestGlibc[1]);
    return old
      ? {
          message: `${host} has ${libc}; onnxruntime and Node need glibc ${oldestGlibc.join('.')} or newer.`,
          remedy: 'Use a newer system (Debian 10, RHEL 8, Ubuntu 20.04), or a container on it.',
        }
      : undefined;
  },
  ({ writable, root }, host) =>
    writable
      ? undefined
      : {
          message: `${root} on ${host} cannot be written.`,
          remedy: `Name a folder that can be, in the settings: hosts.${host}.folder.`,
        },
  ({ executable, root }, host) =>
    executable
      ? undefined
      : {
          message: `Nothing can be executed in ${root} on ${host}: its file system is mounted noexec.`,
          remedy: `Name a folder on another file system, in the settings: hosts.${host}.folder.`,
        },
];

/** The platform of a host that can be used. Fails with `host-unsuitable` and the reason. Pure. */
export function suitable(facts: HostFacts, host: string): HostPlatform {
  for (const obstacle of obstacles) {
    const found = obstacle(facts, host);
    if (found) fail('host-unsuitable', found.message, found);
  }
  return platforms[facts.system]!;
}

/** What the script answers when it could not do what it was told; one row an answer. */
const refusals: Record<string, (detail: string[], host: string, root: string) => Omit<Problem, 'code'>> = {
  'disk-full': ([free, need], host, root) => ({
    message:
      Number(need) > 0
        ? `${host} has ${bytes(Number(free) * 1024)} free at ${root}, and ${bytes(Number(need) * 1024)} are needed.`
        : `The disk of ${host} is full, or its quota is used up, at ${root}.`,
    remedy: `Free some space there, or name another folder in the settings: hosts.${host}.folder.`,
  }),
  'read-only': (_, host, root) => ({
    message: `${root} on ${host} cannot be written.`,
    remedy: `Name a folder that can be, in the settings: hosts.${host}.folder.`,
  }),
  'does-not-run': (detail, host) => ({
    message: `Strata does not run on ${host}: ${detail.join(' ') || 'its Node said nothing'}.`,
    remedy: `strata probe ${host} tells what is missing there.`,
  }),
};

/** Fails for an `error CODE DETAIL` of the script: `host-unsuitable` where repeating it is useless, else `host-install`. */
export function refused([code = '', ...detail]: readonly string[], host: string, root: string): never {
  const row = refusals[code];
  if (row) {
    const problem = row(detail, host, root);
    return fail('host-unsuitable', problem.message, problem);
  }
  return fail('host-install', `What was sent to ${host} did not arrive whole (${[code, ...detail].join(' ')}).`, {
    remedy: 'Try again; nothing of it was kept.',
  });
}
