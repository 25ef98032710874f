import { lstat, mkdir, readdir, rm } from 'node:fs/promises';
import { tmpdir, userInfo } from 'node:os';
import { isAbsolute, join } from 'node:path';
import { execa } from 'execa';
import { fail } from '../../base/problem.ts';
import type { Settings } from '../settings.ts';
import { checkAlias, sshOptions } from './command.ts';

/** `sun_path` of Linux less the terminator and the 17 characters that ssh appends while it binds. */
const longest = 107 - 17;
/** `%C` becomes a sha1 in hex. */
const hashLength = 40;

/**
 * Where the sockets of shared connections live: a folder only this user can enter, with a path short enough for a socket.
 * Undefined where ssh cannot share connections (Windows) or no such folder can be had. Fails with `host-configuration` when
 * somebody else has made a folder of its name.
 */
export async function controlPath(platform: NodeJS.Platform = process.platform): Promise<string | undefined> {
  if (platform === 'win32') return undefined;
  const runtime = process.env['XDG_RUNTIME_DIR'];
  const bases = [...(runtime && isAbsolute(runtime) ? [join(runtime, 'strata')] : []), ...shortTemporary()];
  for (const folder of bases) {
    if (folder.length + 1 + hashLength > longest) continue;
    if (await ownFolder(folder)) return join(folder, '%C');
  }
  return undefined;
}

function shortTemporary(): string[] {
  const { uid } = userInfo();
  return [...new Set(['/tmp', tmpdir()])].map((base) => join(base, `strata-${uid}`));
}

async function ownFolder(folder: string): Promise<boolean> {
  try {
    await mkdir(folder, { mode: 0o700 });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') return false;
  }
  const there = await lstat(folder);
  if (there.isDirectory() && there.uid === userInfo().uid && (there.mode & 0o077) === 0) return true;
  return fail('host-configuration', `${folder} does not belong to you alone, so no connection is shared through it.`, {
    place: folder,
    remedy: 'Remove it, or ask who made it.',
  });
}

/** Asks or tells the shared connection of a host; true when it answered. */
async function control(alias: string, ssh: Settings['ssh'], path: string, order: 'check' | 'exit'): Promise<boolean> {
  const options = ['-O', order, ...sshOptions(ssh, { controlPath: path, batch: true }), '--', checkAlias(alias)];
  const { exitCode } = await execa(ssh?.program ?? 'ssh', options, {
    stdin: 'ignore',
    stdout: 'ignore',
    stderr: 'ignore',
    timeout: 5000,
    reject: false,
  });
  return exitCode === 0;
}

/**
 * Whether a shared connection to the host is there. What a killed one left behind is removed: ssh would go around it and
 * make a connection of its own for each call, silently.
 */
export async function checkShared(alias: string, ssh: Settings['ssh'], path: string): Promise<boolean> {
  const folder = join(path, '..');
  const before = await readdir(folder);
  if (before.length === 0) return false;
  if (await control(alias, ssh, path, 'check')) return true;
  const socket = await socketOf(alias, ssh, path);
  if (socket !== undefined) await rm(socket, { force: true });
  return false;
}

/** Ends the shared connection of a host; what runs there goes on. */
export async function endShared(alias: string, ssh: Settings['ssh'], path: string): Promise<void> {
  if (!(await control(alias, ssh, path, 'exit'))) {
    const socket = await socketOf(alias, ssh, path);
    if (socket !== undefined) await rm(socket, { force: true });
  }
}

/** The socket's path with `%C` filled in, as ssh itself does. */
async function socketOf(alias: string, ssh: Settings['ssh'], path: string): Promise<string | undefined> {
  const config = await effectiveConfig(alias, ssh, ['-o', `ControlPath=${path}`]);
  const socket = config.get('controlpath')?.[0];
  return socket === undefined || socket.includes('%') ? undefined : socket;
}

/** What ssh makes of its configuration for a host (`ssh -G`), key by key. Fails with `host-configuration`. */
export async function effectiveConfig(
  alias: string,
  ssh: Settings['ssh'],
  more: readonly string[] = [],
): Promise<Map<string, string[]>> {
  const config = ssh?.config === undefined ? [] : ['-F', ssh.config];
  const program = ssh?.program ?? 'ssh';
  const result = await execa(program, ['-G', ...config, ...more, '--', checkAlias(alias)], {
    stdin: 'ignore',
    timeout: 10_000,
    reject: false,
  });
  if (result.code === 'ENOENT') {
    return fail('host-configuration', `There is no program ${program}.`, {
      remedy: 'Install the OpenSSH client, or name it in the settings: ssh.program.',
    });
  }
  if (result.exitCode !== 0) {
    return fail('host-configuration', `ssh cannot read its configuration: ${result.stderr.trim().split('\n').at(-1)}`, {
      ...(ssh?.config !== undefined && { place: ssh.config }),
      remedy: 'Mend that line of the ssh configuration.',
    });
  }
  const values = new Map<string, string[]>();
  for (const line of result.stdout.split('\n')) {
    const space = line.indexOf(' ');
    if (space > 0)
      values.set(line.slice(0, space), [...(values.get(line.slice(0, space)) ?? []), line.slice(space + 1)]);
  }
  return values;
}
