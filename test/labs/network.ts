import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after } from 'node:test';
import type { Settings } from '../../src/launch/settings.ts';
import { processesOf } from '../launch/processes.ts';
import { needs, root } from '../support.ts';

const script = join(root, '..', 'shared', 'labs', 'netlab.sh');
const programs = ['/usr/sbin/sshd', '/usr/sbin/nft', '/usr/sbin/tc', '/usr/bin/unshare'];

/** What a test of several machines needs: network namespaces, and what makes links fail. */
export const needsNetwork = needs(
  'network',
  process.getuid?.() === 0 && existsSync(script) && programs.every((path) => existsSync(path)),
  'several machines on one need root, nftables, iproute2, an ssh server and ../shared/labs',
);

export type HostName = `h${number}`;

/** Machines of their own on this one: network, processes, boot id and ssh server each, on a switch. The client is another one. */
export interface Network {
  folder: string;
  /** ssh as the client runs it. */
  settings: Settings;
  /** A verb of the lab: cut, mend, power. */
  lab(verb: string, ...args: string[]): void;
  /** Rules for the packets that a host takes and sends, each counted: `in`, `out` (nft, without `counter`). */
  filter(host: HostName, rules: { in?: string; out?: string }): void;
  /** Takes the rules away; how many packets they held up. */
  unfilter(host: HostName): number;
  /** A line of so many bits a second; undefined makes it fast again and returns how many packets had to wait. */
  rate(host: HostName, bits: string | undefined): number;
  /** Lines in front of the client's ssh configuration. */
  configure(lines: string): Promise<void>;
}

export async function openNetwork(hosts: number): Promise<Network> {
  const folder = await mkdtemp(join(tmpdir(), 'strata-net-'));
  await chmod(folder, 0o755);
  // Names of interfaces are short.
  const name = `s${process.pid.toString(36)}`;
  const env = { ...process.env, RRLAB: name };
  const lab = (verb: string, ...args: string[]) => {
    execFileSync('bash', [script, verb, folder, ...args], { env, stdio: ['ignore', 'ignore', 'inherit'] });
  };
  const inside = (host: string, ...command: string[]) =>
    execFileSync('ip', ['netns', 'exec', `${name}-${host}`, ...command], { encoding: 'utf8', stdio: 'pipe' });
  after(async () => {
    lab('down');
    for (const pid of processesOf(folder)) process.kill(pid, 'SIGKILL');
    await rm(folder, { recursive: true, force: true, maxRetries: 5 });
  });
  lab('up', String(hosts));
  const program = join(folder, 'ssh');
  await writeFile(program, `#!/bin/sh\nexec ip netns exec ${name}-c ssh "$@"\n`, { mode: 0o755 });
  const config = join(folder, 'ssh_config');
  await chmod(config, 0o600);
  process.env['XDG_RUNTIME_DIR'] = folder;
  process.env['XDG_STATE_HOME'] = join(folder, 'state');
  process.env['XDG_CONFIG_HOME'] = join(folder, 'config');
  process.env['XDG_CACHE_HOME'] = join(folder, 'cache');
  const chain = (hook: string, rule: string) =>
    `add chain inet lab ${hook} { type filter hook ${hook} priority 0; }; add rule inet lab ${hook} ${rule};`;
  return {
    folder,
    settings: { ssh: { program, config } },
    lab,
    filter(host, rules) {
      const input = rules.in === undefined ? '' : chain('input', rules.in);
      const output = rules.out === undefined ? '' : chain('output', rules.out);
      inside(host, 'nft', `add table inet lab; ${input} ${output}`);
    },
    unfilter(host) {
      const rules = inside(host, 'nft', 'list', 'table', 'inet', 'lab');
      inside(host, 'nft', 'delete', 'table', 'inet', 'lab');
      return [...rules.matchAll(/counter packets (\d+)/g)].reduce((sum, [, packets]) => sum + Number(packets), 0);
    },
    rate(host, bits) {
      const device = ['dev', 'eth0', 'root'];
      if (bits !== undefined) {
        inside(host, 'tc', 'qdisc', 'replace', ...device, 'tbf', 'rate', bits, 'burst', '16kbit', 'latency', '400ms');
        return 0;
      }
      const [, waited] = /overlimits (\d+)/.exec(inside(host, 'tc', '-s', 'qdisc', 'show', 'dev', 'eth0')) ?? [];
      inside(host, 'tc', 'qdisc', 'del', ...device);
      return Number(waited);
    },
    async configure(lines) {
      await writeFile(config, `${lines}\n${await readFile(config, 'utf8')}`);
    },
  };
}
