import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { readFile, symlink, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { attempt } from '../../../src/base/problem.ts';
import { checkAlias } from '../../../src/launch/ssh/command.ts';
import { probe } from '../../../src/launch/ssh/probe.ts';
import type { Question } from '../../../src/launch/ssh/prompt.ts';
import { eventually, onSmallDisk, processesOf } from '../support.ts';
import { greet, reach, visit } from './hosts.ts';
import { lab, labProcesses, needsSshd } from './lab.ts';

/** Log-ins that the server has seen. */
const logins = (folder: string): number =>
  readFileSync(join(folder, 'sshd.log'), 'utf8').match(/^Accepted publickey/gm)?.length ?? 0;

const parts = (home: string, kind: 'parts' | 'bundles'): string[] => {
  const folder = join(home, '.local/share/strata', kind);
  return existsSync(folder) ? readdirSync(folder) : [];
};

test(
  'a host without Node gets all it needs, once; a noisy profile and a RemoteCommand do not disturb',
  needsSshd,
  async () => {
    const host = await lab({
      profile: 'echo "Welcome to the machine"; printf "no line end"; echo warning >&2\n',
      client: ['  RemoteCommand tmux new -A -s main', '  RequestTTY force', '  LogLevel QUIET'],
    });
    const first = reach(host);
    const { channel, ...agent } = await greet(first.host);
    assert.match(agent.node, /^\/.*\/parts\/[0-9a-f]{64}\/bin\/node$/);
    assert.match(agent.runtime, /^\/.*\/parts\/[0-9a-f]{64}\/node_modules\/onnxruntime-node\/dist\/index\.js$/);
    assert.equal(agent.argv, 2, 'nothing but node and the agent stands in its command line');
    assert.deepEqual(
      first.sent.filter((label) => label.startsWith('sending')).map((label) => label.split(' ')[1]),
      ['program', 'runtime', 'python', 'node'],
    );
    channel.input.write(Buffer.from([0, 255, 10, 13, 4, 10]));
    const back = await new Promise<Buffer>((resolve) => channel.output.once('data', resolve).resume());
    assert.deepEqual([...back], [0, 255, 10, 13, 4, 10], 'the channel carries bytes as they are');
    channel.input.end();
    assert.equal((await channel.ended).code, 0);

    const second = reach(host);
    assert.ok((await visit(second.host)).ok);
    assert.deepEqual(second.sent, [], 'nothing is sent again');
    assert.equal(logins(host.folder), 1, 'the connection is shared');
    assert.deepEqual([parts(host.home, 'bundles').length, parts(host.home, 'parts').length], [1, 4]);
  },
);

test(
  'what a kill -9 of the shared connection leaves behind is noticed: one new connection, shared again',
  needsSshd,
  async () => {
    const host = await lab({ node: true });
    const { host: reached } = reach(host);
    assert.ok((await visit(reached)).ok);
    const [master, ...others] = processesOf(join(host.folder, 'r', 'strata'));
    assert.deepEqual(others, []);
    process.kill(master!, 'SIGKILL');
    await eventually('the master is dead', () => processesOf(join(host.folder, 'r', 'strata')).length === 0);
    for (let i = 0; i < 3; i++) assert.ok((await visit(reached)).ok);
    assert.equal(logins(host.folder), 2);
  },
);

test(
  'a channel that is killed leaves no helper on the host; after kill -9 of the server it can be reached again',
  needsSshd,
  async () => {
    const host = await lab({ node: true });
    const { host: reached } = reach(host);
    const { channel } = await greet(reached);
    assert.equal(labProcesses(host.folder, 'agent.mjs').length, 1);
    channel.kill();
    await eventually('the agent has ended', () => labProcesses(host.folder, 'agent.mjs').length === 0);

    const again = await greet(reached);
    for (const pid of host.servers()) process.kill(pid, 'SIGKILL');
    for (const pid of processesOf(join(host.folder, 'r', 'strata'))) process.kill(pid, 'SIGKILL');
    await again.channel.ended;
    const refused = await visit(reached);
    assert.equal(refused.ok || refused.problem.code, 'host-refused');
    await host.up();
    assert.ok((await visit(reached)).ok);
  },
);

test('an unknown host key is shown with its fingerprint and asked about; only yes trusts it', needsSshd, async () => {
  const host = await lab({ node: true });
  await writeFile(join(host.folder, 'known_hosts'), '');
  const asked: Question[] = [];
  const answer = (reply: string | undefined) => async (question: Question) => {
    asked.push(question);
    return reply;
  };

  const alone = await visit(reach(host).host, true);
  assert.equal(alone.ok || alone.problem.code, 'host-key-unknown', 'nobody can be asked');
  for (const reply of ['no', undefined, '', 'SHA256:wrong']) {
    const refused = await visit(reach(host, {}, answer(reply)).host, true);
    assert.equal(refused.ok || refused.problem.code, 'host-key-unknown', `answered ${reply}`);
  }
  assert.equal(logins(host.folder), 0);
  assert.equal(asked.length, 4, 'each time one question');

  assert.ok((await visit(reach(host, {}, answer('yes')).host, true)).ok);
  assert.deepEqual(asked.at(-1), {
    kind: 'host-key',
    host: `[127.0.0.1]:${host.port}`,
    keyType: 'ED25519',
    fingerprint: await host.fingerprint(),
  });
  assert.match(await readFile(join(host.folder, 'known_hosts'), 'utf8'), /ssh-ed25519/);
});

test(
  'a changed host key is refused, with the fingerprint and the remedy, also where the user checks nothing',
  needsSshd,
  async () => {
    const host = await lab({ node: true, client: ['  StrictHostKeyChecking no'] });
    await host.down();
    await host.changeKey();
    await host.up();
    const asked: Question[] = [];
    const refused = await visit(reach(host, {}, async (question) => void asked.push(question)).host, true);
    assert.ok(!refused.ok);
    const { code, message, remedy } = refused.problem;
    assert.equal(code, 'host-key-changed');
    assert.ok(message.includes(await host.fingerprint()), message);
    assert.ok(message.includes(`line 1 of ${join(host.folder, 'known_hosts')}`), message);
    assert.ok(remedy?.includes(`ssh-keygen -R "[127.0.0.1]:${host.port}" -f`), remedy);
    assert.deepEqual([logins(host.folder), asked.length], [0, 0]);
  },
);

test('a key that the account does not have is a refusal that is not tried again', needsSshd, async () => {
  const host = await lab({ node: true });
  await writeFile(join(host.folder, 'client.pub'), '');
  const refused = await visit(reach(host).host);
  assert.equal(refused.ok || refused.problem.code, 'host-denied');
});

test('two hops: the host behind a jump host, each with a RemoteCommand of its own', needsSshd, async () => {
  const jump = await lab({ node: true });
  const behind = await lab({ node: true });
  const config = join(behind.folder, 'ssh_config');
  const own = await readFile(config, 'utf8');
  const first = await readFile(join(jump.folder, 'ssh_config'), 'utf8');
  await writeFile(config, `${own}  ProxyJump ${jump.alias}\n  RemoteCommand tmux\n${first}`);
  const { host } = reach(behind);
  assert.ok((await visit(host)).ok);
  assert.deepEqual([logins(jump.folder), logins(behind.folder)], [1, 1], 'both were gone through');
});

test('hostile values: refused, or taken for what they are', needsSshd, async () => {
  for (const alias of ['-oProxyCommand=x', 'a b', 'a;b', '$(id)', 'a\nb', '', '../x', 'a'.repeat(200), '`id`']) {
    const checked = await attempt(() => checkAlias(alias));
    assert.equal(checked.ok || checked.problem.code, 'usage-host', JSON.stringify(alias));
  }
  const host = await lab({ node: true });
  const folder = join(host.folder, `it's "a" $(touch executed) \`touch executed\`; %s %b & |x`);
  const secret = 'hunter2-$(touch executed)';
  const { host: reached } = reach(host, {
    folder,
    setup: [`export STRATA_TEST_SETUP='${secret}'`, 'echo setup'],
  });
  const { channel, ...agent } = await greet(reached);
  assert.equal(agent.cwd, folder);
  assert.equal(agent.setup, secret);
  for (const name of readdirSync('/proc').filter((pid) => /^\d+$/.test(pid))) {
    const commandLine = await readFile(`/proc/${name}/cmdline`, 'latin1').catch(() => '');
    assert.ok(!commandLine.includes('hunter2'), `the secret stands in a command line: ${commandLine}`);
  }
  channel.input.end();
  await channel.ended;
  for (const place of [host.home, host.folder, folder]) assert.ok(!existsSync(join(place, 'executed')), place);
});

test('a host that is not suitable says why, and is not sent anything', needsSshd, async () => {
  const host = await lab({ node: true });
  const { host: readOnly, sent } = reach(host, { folder: '/proc/strata' });
  const refused = await visit(readOnly);
  assert.ok(!refused.ok);
  assert.equal(refused.problem.code, 'host-unsuitable');
  assert.match(refused.problem.message, /^\/proc\/strata on \S+ cannot be written\.$/);
  assert.match(refused.problem.remedy ?? '', /hosts\.\S+\.folder/);
  assert.deepEqual(
    sent.filter((label) => label.startsWith('sending')),
    [],
  );
});

test('a folder in which nothing may be executed is refused before anything is sent', needsSshd, async (t) => {
  await onSmallDisk(
    t,
    64,
    async (disk) => {
      const host = await lab({ node: true });
      const { host: reached, sent } = reach(host, { folder: join(disk, 'strata') });
      const refused = await visit(reached);
      assert.ok(!refused.ok);
      assert.equal(refused.problem.code, 'host-unsuitable');
      assert.match(refused.problem.message, /is mounted noexec/);
      assert.ok(!sent.some((label) => label.startsWith('sending')));
    },
    ',noexec',
  );
});

test(
  'no space: refused before anything is sent, and a disk that fills up meanwhile keeps nothing half',
  needsSshd,
  async (t) => {
    await onSmallDisk(t, 24, async (disk) => {
      const host = await lab({ node: true });
      const { host: reached, sent } = reach(host, { folder: join(disk, 'strata') });
      const refused = await visit(reached);
      assert.ok(!refused.ok);
      assert.equal(refused.problem.code, 'host-unsuitable');
      assert.match(refused.problem.message, /free at .*, and .* are needed|disk of .* is full/);
      assert.ok(!sent.some((label) => label.startsWith('sending python')), sent.join());
      assert.deepEqual(
        readdirSync(join(disk, 'strata', 'parts')).filter((name) => name.startsWith('.')),
        [],
      );
    });
  },
);

test('a transfer that is cut leaves nothing, and the next try succeeds', needsSshd, async () => {
  const host = await lab({ node: true });
  const { host: reached } = reach(host);
  let cut = false;
  const watch = setInterval(() => {
    if (!parts(host.home, 'parts').some((name) => name.startsWith('.in.'))) return;
    cut = true;
    clearInterval(watch);
    for (const pid of host.servers().slice(1)) process.kill(pid, 'SIGKILL');
    for (const pid of processesOf(join(host.folder, 'r', 'strata'))) process.kill(pid, 'SIGKILL');
  }, 1);
  const broken = await visit(reached);
  clearInterval(watch);
  assert.ok(cut, 'the fault happened');
  assert.ok(broken.ok || /^host-(cut|lost|failed)$/.test(broken.problem.code), JSON.stringify(broken));
  await eventually('nothing half is left', () => parts(host.home, 'parts').every((name) => !name.startsWith('.')));
  assert.ok((await visit(reached)).ok);
});

test('ten at once put one bundle in place', needsSshd, async () => {
  const host = await lab({ node: true });
  const { host: reached } = reach(host);
  const all = await Promise.all(Array.from({ length: 10 }, () => visit(reached)));
  assert.deepEqual([...new Set(all.map((one) => one.ok))], [true]);
  assert.equal(parts(host.home, 'bundles').length, 1);
  assert.deepEqual(
    parts(host.home, 'parts').filter((name) => name.startsWith('.')),
    [],
  );
});

test('old bundles that nothing uses are collected when a new one comes', needsSshd, async () => {
  const host = await lab({ node: true });
  const { host: reached } = reach(host);
  assert.ok((await visit(reached)).ok);
  const [old] = parts(host.home, 'bundles');
  const kept = parts(host.home, 'parts').length;
  const folder = join(host.home, '.local/share/strata/bundles', old!);
  await utimes(folder, new Date(0), new Date(0));
  await symlink(process.execPath, join(host.folder, 'node'));
  const { host: changed } = reach(host, { node: join(host.folder, 'node') });
  assert.ok((await visit(changed)).ok);
  const left = parts(host.home, 'bundles');
  assert.ok(left.length === 1 && left[0] !== old, `${old} → ${left}`);
  assert.equal(parts(host.home, 'parts').length, kept, 'parts that the new one needs stay');
});

test('a host is probed: what it is, and what it lacks', needsSshd, async () => {
  const host = await lab();
  const result = await probe(host.alias, host.settings, undefined);
  assert.equal(result.facts.system, `Linux ${process.arch === 'x64' ? 'x86_64' : 'aarch64'}`);
  assert.equal(result.facts.node, undefined);
  assert.ok(Math.abs(result.facts.time - Date.now() / 1000) < 60);
  assert.ok(Number(result.said.get('cores')?.[0]) >= 1);
  assert.ok(!existsSync(join(host.home, '.local/share/strata')), 'it leaves nothing behind');
});
