import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { cpus, hostname, tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { after } from 'node:test';
import { promisify } from 'node:util';
import { needs } from '../../support.ts';
import { processesOf } from '../processes.ts';
import { freePort } from '../ssh/lab.ts';

const run = promisify(execFile);
const daemons = ['/usr/sbin/munged', '/usr/sbin/slurmctld', '/usr/sbin/slurmd'];

/** What a test of this folder needs: a Slurm that can be started on this machine. */
export const needsSlurm = needs(
  'slurm',
  process.platform === 'linux' && daemons.every((path) => existsSync(path)),
  'there is no Slurm here (Debian: apt-get install munge slurmctld slurmd slurm-client)',
);

/** The same for what takes long: `npm run test:labs` runs it. */
export const needsLabs =
  process.env['STRATA_LABS'] === '1' ? needsSlurm : { skip: 'npm run test:labs runs it, as it takes long' };

export interface LabOptions {
  /** Lines of `slurm.conf`; a key replaces that of the lab. */
  conf?: Record<string, string>;
  /** Folder of a munged that runs already. */
  munge?: string;
}

interface Daemon {
  start(): Promise<void>;
  end(signal: NodeJS.Signals): Promise<void>;
}

/** A Slurm of its own on this machine: one node, one controller, no systemd, nothing outside its folder. */
export interface SlurmLab {
  folder: string;
  /** Runs a program of Slurm and returns what it says. */
  slurm(program: string, ...args: string[]): Promise<string>;
  /** With TERM the controller saves what it knows; KILL sets it back by seconds. */
  controller: Daemon;
  node: Daemon;
}

async function configuration(folder: string, options: LabOptions): Promise<string> {
  const [host] = hostname().split('.');
  const memory = Math.floor(Number(/MemTotal:\s+(\d+)/.exec(readFileSync('/proc/meminfo', 'utf8'))![1]) / 1024) - 512;
  const user = userInfo().username;
  const conf: Record<string, string | number> = {
    ClusterName: 'lab',
    SlurmctldHost: `${host}(127.0.0.1)`,
    SlurmctldPort: await freePort(),
    SlurmdPort: await freePort(),
    CommunicationParameters: 'NoInAddrAny,NoCtldInAddrAny',
    SlurmUser: user,
    SlurmdUser: user,
    AuthType: 'auth/munge',
    AuthInfo: `socket=${options.munge ?? folder}/munge.sock`,
    CredType: 'cred/munge',
    StateSaveLocation: join(folder, 'state'),
    SlurmdSpoolDir: join(folder, 'spool'),
    SlurmctldPidFile: join(folder, 'slurmctld.pid'),
    SlurmdPidFile: join(folder, 'slurmd.pid'),
    SlurmctldLogFile: join(folder, 'slurmctld.log'),
    SlurmdLogFile: join(folder, 'slurmd.log'),
    // No cgroups: what a job started is found through its parents.
    ProctrackType: 'proctrack/linuxproc',
    TaskPlugin: 'task/none',
    SwitchType: 'switch/none',
    MpiDefault: 'none',
    SelectType: 'select/cons_tres',
    SelectTypeParameters: 'CR_Core',
    SchedulerParameters: 'sched_interval=1,bf_interval=1,batch_sched_delay=0',
    AccountingStorageType: 'accounting_storage/none',
    JobAcctGatherType: 'jobacct_gather/none',
    PreemptType: 'preempt/partition_prio',
    PreemptMode: 'REQUEUE',
    MailProg: '/bin/true',
    ReturnToService: 2,
    KillWait: 5,
    MinJobAge: 300,
    SlurmctldTimeout: 30,
    SlurmdTimeout: 30,
    MessageTimeout: 2,
    ...options.conf,
  };
  return `${Object.entries(conf)
    .map(([key, value]) => `${key}=${value}`)
    .join('\n')}
NodeName=${host} NodeAddr=127.0.0.1 CPUs=${cpus().length} RealMemory=${memory} State=UNKNOWN
PartitionName=main Nodes=${host} Default=YES MaxTime=INFINITE State=UP PriorityTier=1 PreemptMode=REQUEUE OverSubscribe=NO
PartitionName=urgent Nodes=${host} MaxTime=60 State=UP PriorityTier=10 PreemptMode=OFF OverSubscribe=NO
`;
}

/** A munged that only this lab knows, with `munge.sock` in the folder. It refuses folders that others can write. */
export async function munge(folder: string): Promise<ChildProcess> {
  const own = join(folder, 'munge');
  await mkdir(own, { mode: 0o700 });
  await writeFile(join(own, 'key'), randomBytes(128), { mode: 0o400 });
  const files = [`--key-file=${own}/key`, `--pid-file=${own}/pid`, `--log-file=${own}/log`, `--seed-file=${own}/seed`];
  return spawn('/usr/sbin/munged', ['--foreground', '--force', `--socket=${folder}/munge.sock`, ...files], {
    stdio: 'ignore',
  });
}

/** Starts a Slurm; it and all that runs from its folder end after the tests of the file. */
export async function slurmLab(options: LabOptions = {}): Promise<SlurmLab> {
  const folder = await mkdtemp(join(tmpdir(), 'strata-slurm-'));
  await chmod(folder, 0o755);
  await mkdir(join(folder, 'state'));
  await mkdir(join(folder, 'spool'));
  const conf = join(folder, 'slurm.conf');
  await writeFile(conf, await configuration(folder, options));
  process.env['SLURM_CONF'] = conf;
  process.env['XDG_CONFIG_HOME'] = join(folder, 'config');
  process.env['XDG_STATE_HOME'] = join(folder, 'user-state');
  const own = options.munge === undefined ? await munge(folder) : undefined;
  const daemon = (program: string, ...args: string[]) => {
    let child: ChildProcess | undefined;
    return {
      async start() {
        child = spawn(`/usr/sbin/${program}`, ['-D', '-f', conf, ...args], { stdio: 'ignore' });
        await answers(folder);
      },
      async end(signal: NodeJS.Signals) {
        const ended = new Promise((resolve) => child!.once('exit', resolve));
        child!.kill(signal);
        await ended;
      },
    };
  };
  const controller = daemon('slurmctld');
  const node = daemon('slurmd');
  const slurm = async (program: string, ...args: string[]) => (await run(program, args)).stdout.trim();
  after(async () => {
    // First the jobs: what is left of a step asks a controller that is gone for ever.
    await slurm('scancel', '--me').catch(() => {});
    for (let i = 0; i < 30 && (await slurm('squeue', '-h').catch(() => '')) !== ''; i++) await pause(100);
    await node.end('SIGKILL');
    await controller.end('SIGKILL');
    for (const pid of processesOf(folder)) killed(pid);
    own?.kill('SIGKILL');
    await rm(folder, { recursive: true, force: true, maxRetries: 5 });
  });
  for (let i = 0; i < 100 && !existsSync(`${options.munge ?? folder}/munge.sock`); i++) await pause(20);
  const up = controller.start();
  await node.start();
  await up;
  return { folder, slurm, controller, node };
}

/** Waits for an idle or busy node. Throws with the logs after 20 s. */
async function answers(folder: string): Promise<void> {
  for (let i = 0; i < 200; i++) {
    const said = await run('sinfo', ['-h', '-o', '%T'], { timeout: 3000 }).catch(() => undefined);
    if (/^(idle|mixed|allocated)$/m.test(said?.stdout ?? '')) return;
    await pause(100);
  }
  const log = (name: string) => (existsSync(join(folder, name)) ? readFileSync(join(folder, name), 'utf8') : '');
  throw new Error(`Slurm did not come up:\n${log('slurmctld.log').slice(-2000)}\n${log('slurmd.log').slice(-2000)}`);
}

const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

/** Ends a process if it is still there. */
export function killed(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It has ended by itself.
  }
}
