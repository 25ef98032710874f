import { spawn } from 'node:child_process';
import { channelOf } from '../channel.ts';
import type { Host } from '../host.ts';
import type { Program } from '../program.ts';

/** This machine as a host: the agent is a child process with plain pipes. What ssh adds is only the way there. */
export function pipeHost(name: string, agent: Program, root: string): Host {
  return {
    name,
    root,
    async connect({ signal }) {
      const [command, ...args] = agent;
      const child = spawn(command, args, { stdio: ['pipe', 'pipe', 'pipe'] });
      signal?.addEventListener('abort', () => child.kill('SIGKILL'), { once: true });
      return channelOf(child);
    },
    async close() {},
  };
}
