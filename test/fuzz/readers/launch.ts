import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fail } from '../../../src/base/problem.ts';
import { BrokenFrame, FrameReader } from '../../../src/launch/agent/wire.ts';
import { readSettings } from '../../../src/launch/settings.ts';
import { configuredAliases } from '../../../src/launch/ssh/aliases.ts';
import { knownHosts } from '../../../src/launch/ssh/memory.ts';
import { home } from '../../../src/record/layout.ts';
import { mirroredState, mirrorFolder } from '../../../src/record/mirror.ts';
import { lines, type Reader, writeAll } from '../reader.ts';

const hosts: Reader = {
  name: 'hosts',
  seed: (folder) =>
    writeAll(folder, {
      'config/strata/config.yaml': `hosts:
  gpu-box: { folder: /data/strata, setup: ["module load cuda"], node: /usr/bin/node }
  login.cluster: {}
ssh: { program: ssh, config: ${join(folder, 'ssh_config')} }
runtime: { linux-x64: /x/ort.tgz }
`,
      'state/strata/hosts.json': { 'gpu-box': { used: 1e12, bundle: 'abc', basis: 'def' } },
      ssh_config: `Host gpu-box other-*\n  HostName 10.0.0.1\nInclude ${join(folder, 'more')}\nHost "login"\n`,
      more: 'Host far\n  ProxyJump gpu-box\n',
    }),
  targets: [
    { file: 'config/strata/config.yaml', format: 'yaml' },
    { file: 'state/strata/hosts.json', format: 'json' },
    { file: 'ssh_config', format: 'text' },
    { file: 'more', format: 'text' },
  ],
  async read(folder) {
    process.env['XDG_CONFIG_HOME'] = join(folder, 'config');
    process.env['XDG_STATE_HOME'] = join(folder, 'state');
    for (const { used } of Object.values(await knownHosts())) new Date(used);
    await configuredAliases(await readSettings());
  },
};

/** Heads of frames; the sums are made right, so that what they say is looked at. */
const frames: Reader = {
  name: 'frames',
  seed: (folder) =>
    writeAll(folder, {
      heads: lines([
        { type: 'hello', version: 1 },
        { type: 'data', id: 3, bytes: 4 },
        { type: 'end', id: 3 },
      ]),
    }),
  targets: [{ file: 'heads', format: 'json' }],
  async read(folder) {
    const reader = new FrameReader();
    const payload = Buffer.from('abcd');
    try {
      for (const head of (await readFile(join(folder, 'heads'), 'utf8')).split('\n')) {
        if (head === '') continue;
        const own = head.includes('"bytes":4') ? payload : Buffer.alloc(0);
        const sum = createHash('sha256').update(head).update(own).digest('hex').slice(0, 8);
        const bytes = Buffer.concat([Buffer.from(`~strata ${sum} ${head}\n`), own]);
        for (const half of [bytes.subarray(0, 9), bytes.subarray(9)]) for (const _ of reader.push(half));
      }
    } catch (error) {
      if (!(error instanceof BrokenFrame)) throw error;
      fail('broken-frame', `${error.message}.`, {
        place: join(folder, 'heads'),
        remedy: 'The channel is opened again.',
      });
    }
  },
};

const place = { kind: 'ssh' as const, host: 'gpu-box' };
const mirrored = '.strata/runs/demo-s-1-0123abcd';
const mirror: Reader = {
  name: 'mirror',
  seed: (folder) =>
    writeAll(folder, {
      [`${mirrored}/mirror.json`]: { created: 1, state: 'running', heard: 1e12, complete: false },
      [`${contactOf('')}/contact.json`]: { reached: false, since: 1e12, reason: 'It does not answer.' },
    }),
  targets: [`${mirrored}/mirror.json`, `${contactOf('')}/contact.json`].map((file) => ({ file, format: 'json' })),
  read: (folder) => mirroredState(join(folder, mirrored), place),
};

function contactOf(folder: string): string {
  return mirrorFolder(home(join(folder, '.strata')), place);
}

export const launchReaders = [hosts, frames, mirror];
