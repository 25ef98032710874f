import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { stringify } from 'yaml';
import type { Finding } from '../../../src/launch/finding.ts';
import type { ListedHost } from '../../../src/launch/hosts.ts';
import { root } from '../../support.ts';
import { type Lab, lab, needsSshd } from './lab.ts';

const run = promisify(execFile);

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

/** A verb in a terminal of its own (script(1)), with what a person types when a text appears. */
async function inTerminal(host: Lab, verb: string, typed: [sees: RegExp, types: string][]): Promise<Said> {
  const command = `exec "${process.execPath}" "${join(root, 'dist/strata.mjs')}" ${verb} ${host.alias}`;
  const child = spawn('script', ['-qfec', command, '/dev/null'], { cwd: host.folder, stdio: ['pipe', 'pipe', 'pipe'] });
  const left = [...typed];
  let out = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    out += text;
    while (left[0]?.[0].test(out)) child.stdin.write(`${left.shift()![1]}\n`);
  });
  const code = await new Promise<number>((resolve) => child.once('close', (code) => resolve(code ?? -1)));
  assert.deepEqual(left, [], `not asked: ${out}`);
  return { code, out, err: '' };
}

const needsTerminal =
  needsSshd.skip === false && !existsSync('/usr/bin/script') ? { skip: 'script(1) is not here' } : needsSshd;

test(
  'in a terminal: a key is shown and asked about, a passphrase is asked for and not shown',
  needsTerminal,
  async () => {
    const host = await lab({ node: true });
    await strata(host, 'hosts');
    const passphrase = "pass 'phrase' $(x)";
    await run('ssh-keygen', ['-p', '-q', '-P', '', '-N', passphrase, '-f', join(host.folder, 'client')]);
    await writeFile(join(host.folder, 'known_hosts'), '');

    const refused = await inTerminal(host, 'probe', [[/\(yes\/no\)/, 'no']]);
    assert.equal(refused.code, 1);
    assert.ok(refused.out.includes(await host.fingerprint()), refused.out);

    const trusted = await inTerminal(host, 'probe', [
      [/\(yes\/no\)/, 'yes'],
      [/passphrase for key/, passphrase],
    ]);
    assert.equal(trusted.code, 0, trusted.out);
    assert.match(trusted.out, /^ok +ssh /m);
    assert.ok(!trusted.out.includes("'phrase'"), 'the passphrase is not on the screen');
  },
);
