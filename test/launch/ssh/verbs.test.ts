import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { stringify } from 'yaml';
import type { Finding } from '../../../src/launch/finding.ts';
import type { ListedHost } from '../../../src/launch/hosts.ts';
import { root } from '../../support.ts';
import { type Lab, lab, needsSshd } from './lab.ts';

interface Said {
  code: number;
  out: string;
  err: string;
}

/** A verb as a person starts it, with the lab's ssh configuration in the user's settings. */
async function strata(host: Lab, ...args: string[]): Promise<Said> {
  const config = join(host.folder, 'config', 'strata');
  await mkdir(config, { recursive: true });
  await writeFile(join(config, 'config.yaml'), stringify(host.settings));
  const command = [join(root, 'dist/strata.mjs'), ...args];
  return new Promise((resolve) => {
    execFile(process.execPath, command, { cwd: host.folder }, (error, out, err) =>
      resolve({ code: error ? Number(error.code) : 0, out, err }),
    );
  });
}

test(
  'hosts lists the ssh configuration, those that were used first; probe says what one offers, with exit codes',
  needsSshd,
  async () => {
    const host = await lab({ node: true });
    const config = join(host.folder, 'ssh_config');
    const own = await readFile(config, 'utf8');
    await writeFile(
      config,
      `Host *.internal\n  User x\nHost other\n  HostName 10.0.0.9\n  ProxyJump ${host.alias}\n${own}`,
    );

    const listed = await strata(host, 'hosts', '--json');
    assert.equal(listed.code, 0, listed.err);
    const before = (JSON.parse(listed.out) as { hosts: ListedHost[] }).hosts;
    assert.deepEqual(
      before.map(({ name }) => name),
      ['other', host.alias],
    );
    assert.deepEqual([before[0]!.jump, before[0]!.sources], [host.alias, ['ssh']]);
    assert.match(before[1]!.address!, new RegExp(`@127\\.0\\.0\\.1:${host.port}$`));

    const probed = await strata(host, 'probe', host.alias, '--json');
    assert.equal(probed.code, 0, probed.err);
    const { findings } = JSON.parse(probed.out) as { findings: Finding[] };
    assert.deepEqual(
      findings.filter(({ state }) => state === 'missing'),
      [],
    );
    for (const name of ['ssh', 'system', 'node', 'processor', 'memory', 'disk', 'gpu', 'scheduler'])
      assert.ok(
        findings.some((finding) => finding.name === name),
        name,
      );

    const after = (JSON.parse((await strata(host, 'hosts', '--json')).out) as { hosts: ListedHost[] }).hosts;
    assert.equal(after[0]!.name, host.alias, 'the one that was used comes first');
    assert.ok(Math.abs(after[0]!.used! - Date.now()) < 60_000);

    assert.equal((await strata(host, 'probe', 'a;b')).code, 2);
    const nowhere = await strata(host, 'probe', 'nowhere.invalid');
    assert.equal(nowhere.code, 1);
    assert.match(nowhere.err, /^strata: No host is called nowhere\.invalid\. strata hosts lists/m);
    for (const verb of ['hosts', 'probe']) assert.match((await strata(host, verb, '--help')).out, /Usage: strata/);
  },
);
