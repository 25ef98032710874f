import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after } from 'node:test';
import esbuild from 'esbuild';
import { isAppended, isReplaced, isRequest } from '../../../src/launch/mirrored.ts';
import type { Program } from '../../../src/launch/program.ts';
import { type Home, home } from '../../../src/record/layout.ts';
import { root } from '../../support.ts';
import { processesOf } from '../support.ts';

/** A machine of its own as far as files go: its bundle (the real agent, and a worker that computes nothing) and its folder. */
export interface Machine {
  agent: Program;
  /** Folder with its runs and data. */
  root: string;
  home: Home;
}

/** Command line of the test's program, which runs here (`__mirror`) and there (`__work`, as `strata.mjs`). */
export interface Lab {
  folder: string;
  /** The `.strata` here. */
  home: Home;
  program: Program;
  machine(name?: string): Promise<Machine>;
}

async function bundle(source: string, outfile: string): Promise<void> {
  await esbuild.build({
    entryPoints: [join(root, source)],
    outfile,
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node18',
    logLevel: 'warning',
  });
}

/** A temporary folder with this side and any number of machines. Whatever runs there at the end is killed, by pid. */
export async function openLab(): Promise<Lab> {
  const folder = await mkdtemp(join(tmpdir(), 'strata-remote-'));
  process.env['XDG_STATE_HOME'] = join(folder, 'state');
  after(async () => {
    for (let round = 0; round < 3; round++) {
      for (const pid of processesOf(folder)) {
        try {
          process.kill(pid, 'SIGKILL');
        } catch {
          // It has ended by itself.
        }
      }
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    await rm(folder, { recursive: true, force: true, maxRetries: 5 });
  });
  const bundles = join(folder, 'bundle');
  await bundle('src/launch/agent/main.ts', join(bundles, 'agent.mjs'));
  await bundle('test/launch/program.ts', join(bundles, 'strata.mjs'));
  return {
    folder,
    home: home(join(folder, 'here', '.strata')),
    program: [process.execPath, join(bundles, 'strata.mjs')],
    async machine(name = 'there') {
      const at = join(folder, name);
      await mkdir(at, { recursive: true });
      return { agent: [process.execPath, join(bundles, 'agent.mjs')], root: at, home: home(at) };
    },
  };
}

/** A door to a machine's agents: each TCP connection is one, as each call of ssh is. */
export interface Door {
  port: number;
  /** How many connections were made. */
  readonly connections: number;
  /** Agent processes that live. */
  agents(): number[];
  close(): void;
}

export async function openDoor(machine: Machine): Promise<Door> {
  const children = new Set<ChildProcess>();
  let connections = 0;
  const server: Server = createServer((socket) => {
    connections++;
    const [command, ...args] = machine.agent;
    const child = spawn(command, args, { stdio: ['pipe', 'pipe', 'inherit'] });
    children.add(child);
    child.once('exit', () => children.delete(child));
    for (const stream of [socket, child.stdin!, child.stdout!]) stream.on('error', () => {});
    socket.pipe(child.stdin!);
    child.stdout!.pipe(socket);
    socket.once('close', () => child.stdin!.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  after(() => server.close());
  return {
    port: (server.address() as { port: number }).port,
    get connections() {
      return connections;
    },
    agents: () => [...children].map(({ pid }) => pid!),
    close: () => server.close(),
  };
}

/** A child that prints one JSON line and lives on: a fault proxy of `labs`. */
export interface FaultProxy {
  port: number;
  set(toxics: object): Promise<{ stat: Record<string, number>; open: number }>;
}

export async function openProxy(script: string, target: number): Promise<FaultProxy> {
  const child = spawn(process.execPath, [script, '0', '127.0.0.1', String(target)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  after(() => child.kill('SIGKILL'));
  const line = await new Promise<string>((resolve) => child.stdout.once('data', (data) => resolve(String(data))));
  const { listen, control } = JSON.parse(line) as { listen: number; control: number };
  return {
    port: listen,
    async set(toxics) {
      const answer = await fetch(`http://127.0.0.1:${control}/`, { method: 'POST', body: JSON.stringify(toxics) });
      return (await answer.json()) as { stat: Record<string, number>; open: number };
    },
  };
}

/** Names of files that a mirror should have and that are not, byte for byte, what the machine has. */
export async function differences(there: string, here: string): Promise<string[]> {
  const names = (await readdir(there, { recursive: true })).filter((name) => isAppended(name) || isReplaced(name));
  assert.ok(names.some(isAppended), 'there is something to be mirrored');
  return names.filter((name) => {
    if (isRequest(name)) return false;
    const path = join(here, name);
    return !existsSync(path) || !readFileSync(path).equals(readFileSync(join(there, name)));
  });
}
