import { execFile, spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir, userInfo } from 'node:os';
import { dirname, join } from 'node:path';
import { after } from 'node:test';
import { promisify } from 'node:util';
import type { Settings } from '../../../src/launch/settings.ts';
import { needs } from '../../support.ts';
import { processesOf } from '../processes.ts';

const run = promisify(execFile);
const sshd = '/usr/sbin/sshd';

/** What a test of this folder needs: an ssh server that can be started on loopback. */
export const needsSshd = needs(
  'ssh',
  process.platform === 'linux' && existsSync(sshd) && existsSync('/usr/bin/ssh'),
  'there is no ssh server here (Debian: apt-get install openssh-server)',
);

export interface LabOptions {
  /** Lines of the `.bashrc` of the account there. */
  profile?: string;
  /** Whether Node is on the PATH there. */
  node?: boolean;
  /** Lines of the server's configuration. */
  server?: string[];
  /** Lines of the client's configuration for the host. */
  client?: string[];
  /** Folder to use as home there, when it is not to be a new one. */
  home?: string;
}

/** An ssh server of its own on loopback, with a home and a PATH of its own. */
export interface Lab {
  folder: string;
  /** Home of the account there. */
  home: string;
  port: number;
  alias: string;
  settings: Settings;
  /** Starts the server (again). */
  up(): Promise<void>;
  /** Ends the server that listens, with its connections if so wanted. */
  down(signal?: NodeJS.Signals): Promise<void>;
  /** Processes of this server: the one that listens, and one a connection. */
  servers(): number[];
  /** A new key for the host, as after somebody has taken its place. */
  changeKey(): Promise<void>;
  fingerprint(): Promise<string>;
}

export async function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.on('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number };
      server.close(() => resolve(port));
    });
  });
}

/** A folder with links to every program of the system but Node: what the PATH of a plain host has. */
async function linkPrograms(folder: string): Promise<string> {
  await mkdir(folder);
  for (const source of ['/usr/bin', '/bin'])
    for (const name of await readdir(source)) {
      if (/^(node|nodejs|npm|npx|corepack)$/.test(name)) continue;
      await symlink(join(source, name), join(folder, name)).catch(() => {});
    }
  return folder;
}

/** Starts a server; it and all that runs from its folder are ended after the test. `afterwards` says when that is. */
export async function lab(
  options: LabOptions = {},
  afterwards: (work: () => Promise<void>) => void = after,
): Promise<Lab> {
  // Short: sockets of shared connections have little room.
  const folder = await mkdtemp(join(tmpdir(), 'strata-ssh-'));
  // Shared connections, memories and settings are the test's own.
  process.env['XDG_RUNTIME_DIR'] = join(folder, 'r');
  process.env['XDG_STATE_HOME'] = join(folder, 'state');
  process.env['XDG_CONFIG_HOME'] = join(folder, 'config');
  await mkdir(join(folder, 'r'), { mode: 0o700 });
  const home = options.home ?? join(folder, 'home');
  await mkdir(home, { recursive: true, mode: 0o700 });
  if (options.profile !== undefined) await writeFile(join(home, '.bashrc'), options.profile);
  const port = await freePort();
  const key = async (name: string) =>
    run('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', 'lab', '-f', join(folder, name)]);
  await key('host');
  await key('client');
  const path = options.node
    ? `${dirname(process.execPath)}:/usr/local/bin:/usr/bin:/bin`
    : await linkPrograms(join(folder, 'bin'));
  await writeFile(
    join(folder, 'sshd_config'),
    [
      `Port ${port}`,
      'ListenAddress 127.0.0.1',
      `HostKey ${join(folder, 'host')}`,
      `PidFile ${join(folder, 'sshd.pid')}`,
      `AuthorizedKeysFile ${join(folder, 'client.pub')}`,
      'StrictModes no',
      'UsePAM no',
      'PasswordAuthentication no',
      'KbdInteractiveAuthentication no',
      'PermitRootLogin prohibit-password',
      'MaxStartups 100:30:200',
      'PrintMotd no',
      `SetEnv HOME=${home} PATH=${path} STRATA_LAB=${folder}`,
      'LogLevel VERBOSE',
      ...(options.server ?? []),
      '',
    ].join('\n'),
  );
  const known = async () => {
    const [type, blob] = (await readFile(join(folder, 'host.pub'), 'utf8')).split(' ');
    await writeFile(join(folder, 'known_hosts'), `[127.0.0.1]:${port} ${type} ${blob}\n`);
  };
  await known();
  const alias = `lab-${port}`;
  await writeFile(
    join(folder, 'ssh_config'),
    [
      `Host ${alias}`,
      ...(options.client ?? []),
      '  HostName 127.0.0.1',
      `  Port ${port}`,
      `  User ${userInfo().username}`,
      `  IdentityFile ${join(folder, 'client')}`,
      '  IdentitiesOnly yes',
      `  UserKnownHostsFile ${join(folder, 'known_hosts')}`,
      '  GlobalKnownHostsFile /dev/null',
      '',
    ].join('\n'),
  );
  await chmod(join(folder, 'ssh_config'), 0o600);
  const pid = () => Number(readFileSync(join(folder, 'sshd.pid'), 'utf8'));
  const lab: Lab = {
    folder,
    home,
    port,
    alias,
    settings: { ssh: { config: join(folder, 'ssh_config') } },
    async up() {
      if (process.getuid?.() === 0) await mkdir('/run/sshd', { recursive: true, mode: 0o755 });
      await rm(join(folder, 'sshd.pid'), { force: true });
      const child = spawn(sshd, ['-f', join(folder, 'sshd_config'), '-E', join(folder, 'sshd.log')], {
        stdio: 'ignore',
      });
      await new Promise((resolve) => child.once('exit', resolve));
      for (let i = 0; !existsSync(join(folder, 'sshd.pid')); i++) {
        if (i > 200) throw new Error(`sshd did not start: ${await readFile(join(folder, 'sshd.log'), 'utf8')}`);
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
    },
    async down(signal = 'SIGTERM') {
      const listener = pid();
      process.kill(listener, signal);
      for (let i = 0; i < 200 && existsSync(`/proc/${listener}`); i++) await new Promise((r) => setTimeout(r, 10));
    },
    servers: () => {
      const listeners = processesOf(`${folder}/sshd_config`);
      return [...listeners, ...listeners.flatMap(childrenOf)];
    },
    async changeKey() {
      await rm(join(folder, 'host'));
      await rm(join(folder, 'host.pub'));
      await key('host');
    },
    async fingerprint() {
      const { stdout } = await run('ssh-keygen', ['-l', '-f', join(folder, 'host.pub')]);
      return stdout.split(' ')[1]!;
    },
  };
  await lab.up();
  afterwards(async () => {
    for (const process_ of [...labProcesses(folder), ...processesOf(folder)]) {
      try {
        process.kill(process_, 'SIGKILL');
      } catch {
        // It has ended by itself.
      }
    }
    await rm(folder, { recursive: true, force: true, maxRetries: 5 });
  });
  return lab;
}

/** Processes that were started through a lab's server, by the mark in their environment. */
export function labProcesses(folder: string, containing = ''): number[] {
  return processesWith('STRATA_LAB', folder).filter((pid) => {
    try {
      return readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(containing);
    } catch {
      return false;
    }
  });
}

/** Connections of a server are its children; their titles name the account only. */
function childrenOf(parent: number): number[] {
  return processesOf('').filter((pid) => {
    try {
      const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
      return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]) === parent;
    } catch {
      return false;
    }
  });
}

function processesWith(variable: string, value: string): number[] {
  return processesOf('').filter((pid) => {
    try {
      return readFileSync(`/proc/${pid}/environ`, 'latin1').split('\0').includes(`${variable}=${value}`);
    } catch {
      return false;
    }
  });
}
