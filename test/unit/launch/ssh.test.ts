import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { test } from 'node:test';
import fc from 'fast-check';
import { attempt, Failure } from '../../../src/base/problem.ts';
import { finalContact } from '../../../src/launch/host.ts';
import { checkSettings, layOver } from '../../../src/launch/settings.ts';
import { aliasesIn } from '../../../src/launch/ssh/aliases.ts';
import { handedAskpass, serveAskpass } from '../../../src/launch/ssh/askpass.ts';
import { bundleId, manifestOf } from '../../../src/launch/ssh/bundle/part.ts';
import { header, writeArchive } from '../../../src/launch/ssh/bundle/tar.ts';
import { channelArguments, remoteCommand } from '../../../src/launch/ssh/command.ts';
import { type HostFacts, refused, suitable, usableNode } from '../../../src/launch/ssh/facts.ts';
import { sshProblem } from '../../../src/launch/ssh/failures.ts';
import { MarkedLines } from '../../../src/launch/ssh/lines.ts';
import { findings, type ProbeResult } from '../../../src/launch/ssh/probe.ts';
import { type Question, understand } from '../../../src/launch/ssh/prompt.ts';
import { octal, scriptInput } from '../../../src/launch/ssh/script.ts';
import { temporaryFolder } from '../../support.ts';

const posix = { skip: process.platform === 'win32' ? 'needs a POSIX shell' : false };

test('the command line of ssh: constant but for the alias; what the user configures cannot disturb the channel', () => {
  const args = channelArguments('gpu-box', { config: '/c/config' }, { controlPath: '/run/strata/%C', batch: true });
  assert.deepEqual(args.slice(0, 3), ['-T', '-F', '/c/config']);
  assert.deepEqual(args.slice(-3), ['--', 'gpu-box', remoteCommand]);
  const text = args.join(' ');
  for (const option of ['StrictHostKeyChecking=ask', 'RemoteCommand=none', 'BatchMode=yes', 'ForwardAgent=no'])
    assert.ok(text.includes(`-o ${option}`), option);
  assert.ok(text.includes('-o ControlPath=/run/strata/%C'));
  const alone = channelArguments('gpu-box', undefined, { strict: true }).join(' ');
  assert.ok(alone.includes('ControlMaster=no') && alone.includes('StrictHostKeyChecking=yes'), alone);
});

test('values reach the remote shell as they are, and never as shell', posix, () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 40 }), (value) => {
      const text = value.replaceAll('\0', '');
      assert.match(octal(text), /^(\\0[0-7]{3})*$/);
      // A shell's substitution drops line ends at the end, which no path or line of the settings has.
      const back = execFileSync('/bin/sh', ['-c', `printf '%b' '${octal(text)}'`]);
      assert.deepEqual(back, Buffer.from(text));
    }),
    { numRuns: 60 },
  );
  const input = scriptInput({ mark: 'm', root: "/a'b$(c)", setup: ['x; y'] });
  assert.ok(!input.includes("a'b") && !input.includes('x; y'));
  assert.doesNotMatch(input, /\\\$\{/);
  execFileSync('/bin/sh', ['-n'], { input });
});

test('only marked lines are taken, whatever stands around them; the stream goes on after the last', async () => {
  const stream = new PassThrough();
  const lines = new MarkedLines(stream, 'mark-1');
  stream.write('noise\nmark-2 no\nprompt> mark-1 host node v20 /a b\nmo');
  assert.deepEqual(await lines.next(), ['host', 'node', 'v20', '/a', 'b']);
  stream.write('re noise\r\nmark-1 ready\r\n');
  stream.write(Buffer.from([1, 2, 0, 10, 3]));
  assert.deepEqual(await lines.next(), ['ready']);
  lines.release();
  const after = new Promise<Buffer>((resolve) => {
    const parts: Buffer[] = [];
    stream.on('data', (bytes) => parts.push(bytes)).on('end', () => resolve(Buffer.concat(parts)));
  });
  stream.end('rest');
  assert.deepEqual(await after, Buffer.concat([Buffer.from([1, 2, 0, 10, 3]), Buffer.from('rest')]));

  const ended = new PassThrough();
  const none = new MarkedLines(ended, 'm');
  ended.end('only noise');
  assert.equal(await none.next(), undefined);
});

test('questions of ssh are understood; nothing in them can steer a terminal', () => {
  const hostKey = [
    "The authenticity of host '[h]:2222 ([10.0.0.1]:2222)' can't be established.",
    'ED25519 key fingerprint is SHA256:abc+/=.',
    'This host key is known by the following other names/addresses:',
    '    ~/.ssh/known_hosts:1: old',
    '    ~/.ssh/known_hosts:4: other',
    'Are you sure you want to continue connecting (yes/no/[fingerprint])? ',
  ].join('\n');
  assert.deepEqual(understand(hostKey), {
    kind: 'host-key',
    host: '[h]:2222',
    address: '[10.0.0.1]:2222',
    keyType: 'ED25519',
    fingerprint: 'SHA256:abc+/=',
    alsoKnownAs: ['~/.ssh/known_hosts:1: old', '~/.ssh/known_hosts:4: other'],
  });
  assert.deepEqual(understand("Enter passphrase for key '/k': "), {
    kind: 'secret',
    text: "Enter passphrase for key '/k':",
  });
  assert.equal(understand('Verification code: ').kind, 'secret');
  assert.equal(understand('Confirm user presence for key', 'none').kind, 'notice');
  assert.equal(understand("Please type 'yes', 'no' or the fingerprint: ").kind, 'confirm');
  assert.equal(understand('\x1b]0;title\x07\x1b[2JPassword:\u009b1m').kind, 'secret');
  assert.equal((understand('\x1b[2JPassword:') as { text: string }).text, '[2JPassword:');
});

test(
  'askpass: an answer comes back through the program that ssh runs; a refusal is an exit code, repetition a no',
  posix,
  async () => {
    const asked: Question[] = [];
    const replies: (string | undefined)[] = ['yes', 'maybe', 'p\'a$s"s', undefined];
    const served = await serveAskpass(async (question) => {
      asked.push(question);
      return replies.shift();
    });
    const ask = (text: string, env = served.env): Promise<{ code: number; out: string }> =>
      new Promise((resolve) => {
        import('node:child_process').then(({ execFile }) =>
          execFile(env['SSH_ASKPASS']!, [text], { env: { ...process.env, ...env } }, (error, out) =>
            resolve({ code: error ? 1 : 0, out }),
          ),
        );
      });
    const key = "The authenticity of host 'h' can't be established.\nED25519 key fingerprint is SHA256:x.\n(yes/no)? ";
    assert.deepEqual(await ask(key), { code: 0, out: 'yes\n' });
    assert.deepEqual(await ask(key), { code: 0, out: 'no\n' }, 'only yes trusts');
    assert.deepEqual(await ask("Please type 'yes', 'no' or the fingerprint: "), { code: 0, out: 'no\n' });
    assert.deepEqual(await ask('Password: '), { code: 0, out: 'p\'a$s"s\n' });
    assert.equal((await ask('Password: ')).code, 1);
    assert.equal(asked.length, 4, 'the repetition was asked of nobody');
    assert.equal((await stat(served.env['SSH_ASKPASS']!)).mode & 0o077, 0, 'nobody else can use it');
    const forged = { ...served.env, STRATA_ASKPASS: `${'0'.repeat(32)}${served.env['STRATA_ASKPASS']!.slice(32)}` };
    assert.equal((await ask('Password: ', forged)).code, 1, 'a stranger on this machine gets no dialog');
    assert.deepEqual(handedAskpass(served.env)?.['SSH_ASKPASS'], served.env['SSH_ASKPASS']);
    assert.equal(handedAskpass({}), undefined);
    await served.dispose();
    assert.equal((await ask('Password: ')).code, 1);
  },
);

test('failures of ssh become sentences; those that a person must mend are not tried again', () => {
  const cases: [string, string, boolean][] = [
    ['ssh: Could not resolve hostname nowhere: Name or service not known', 'host-unknown', true],
    ['me@h: Permission denied (publickey,password).', 'host-denied', true],
    ['/home/me/.ssh/config: line 3: Bad configuration option: foo', 'host-configuration', true],
    ['Host key verification failed.', 'host-key-unknown', true],
    ['ssh: connect to host h port 22: Connection refused', 'host-refused', false],
    ['ssh: connect to host h port 22: Connection timed out', 'host-unreachable', false],
    ['Timeout, server h not responding.', 'host-unreachable', false],
    ['Connection closed by 10.0.0.1 port 22', 'host-cut', false],
    ['kex_exchange_identification: read: Connection reset by peer', 'host-cut', false],
    ['something new', 'host-failed', false],
    [
      `Permission denied to strangers.\n${'Be nice.\n'.repeat(8)}Connection closed by 10.0.0.1 port 22`,
      'host-cut',
      false,
    ],
  ];
  for (const [said, code, final] of cases) {
    const problem = sshProblem('h', said, 255);
    assert.equal(problem.code, code, said);
    assert.equal(finalContact.has(code), final, code);
    assert.ok(problem.message.includes('h') && problem.remedy, said);
  }
  const hostile = `@ WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED! @
The fingerprint for the RSA key sent by the remote host is
SHA256:new.
Offending RSA key in /k:7
Host key for $(x);y has changed and you have requested strict checking.`;
  const changed = sshProblem('h', hostile, 255);
  assert.match(changed.message, /RSA SHA256:new\. The key that was known is line 7 of \/k/);
  assert.match(changed.remedy!, /ssh-keygen -R HOST /, 'what is to be copied into a shell holds no shell');
});

const facts: HostFacts = {
  system: 'Linux x86_64',
  libc: 'glibc 2.36',
  time: 0,
  root: '/r',
  writable: true,
  executable: true,
  freeBytes: 1e12,
  node: { version: 'v20.1.0', path: '/usr/bin/node' },
};

test('unsuitable hosts are refused with the reason', async () => {
  assert.equal(suitable(facts, 'h'), 'linux-x64');
  const cases: [Partial<HostFacts>, RegExp][] = [
    [{ libc: 'musl' }, /musl/],
    [{ libc: 'glibc 2.27' }, /glibc 2\.27; onnxruntime and Node need glibc 2\.28/],
    [{ libc: 'glibc 1.99' }, /need glibc/],
    [{ system: 'Linux riscv64' }, /Linux riscv64, for which there is no onnxruntime/],
    [{ system: 'Darwin x86_64' }, /no onnxruntime/],
    [{ writable: false }, /cannot be written/],
    [{ executable: false }, /noexec/],
  ];
  for (const [change, message] of cases) {
    const result = await attempt(() => suitable({ ...facts, ...change }, 'h'));
    assert.ok(!result.ok && finalContact.has(result.problem.code));
    assert.match(result.problem.message, message);
    assert.ok(result.problem.remedy);
  }
  assert.deepEqual(
    ['v19.9.9', 'v20.0.0', 'v26.1.0', 'broken'].map((version) =>
      usableNode({ ...facts, node: { version, path: '/n' } }),
    ),
    [false, true, true, false],
  );
  for (const [words, final] of [
    [['disk-full', '100', '200'], true],
    [['does-not-run', 'version', "`GLIBC_2.99'", 'not', 'found'], true],
    [['checksum'], false],
  ] as [string[], boolean][]) {
    assert.throws(
      () => refused(words, 'h', '/r'),
      (error) => error instanceof Failure && finalContact.has(error.problem.code) === final,
    );
  }
});

test('what a probe finds, and what to do', () => {
  const result = (said: Record<string, string[]>, more: Partial<HostFacts> = {}): ProbeResult => ({
    host: 'h',
    facts: { ...facts, time: Date.now() / 1000, ...more },
    said: new Map(Object.entries(said)),
    contactMs: 12,
  });
  const of = (name: string, probed: ProbeResult) => findings(probed, {}).filter((finding) => finding.name === name);
  const card = { gpu: ['NVIDIA H100, 81559 MiB, 580.65.06'], 'nvidia-device': [''] };
  assert.equal(of('gpu', result(card))[0]!.state, 'ok');
  assert.match(of('cuda', result(card))[0]!.found, /libcudnn\.so\.9 not found/);
  assert.match(of('cuda', result(card))[0]!.remedy!, /CUDA 13 and cuDNN 9/);
  assert.match(of('gpu', result({ 'gpu-error': ['Driver/library version mismatch'] }))[0]!.remedy!, /reboot/);
  assert.equal(of('node', result({}, { node: undefined }))[0]!.state, 'ok', 'Strata brings its own');
  assert.match(of('node', result({}, { node: { version: 'v12.0.0', path: '/n' } }))[0]!.found, /too old/);
  assert.equal(of('system', result({}, { libc: 'musl' }))[0]!.state, 'missing');
  assert.equal(of('disk', result({}, { freeBytes: 1e9 }))[0]!.state, 'warning');
  assert.match(of('clock', result({}, { time: Date.now() / 1000 + 3600 }))[0]!.found, /36\d\d s ahead/);
  assert.deepEqual(of('clock', result({})), []);
  const slurm = { slurm: ['slurm 22.05.8'], partition: ['gpu*|up|2:00:00|4|gpu:h100:8', 'cpu|up|infinite|1|(null)'] };
  assert.match(of('scheduler', result(slurm))[0]!.found, /gpu \(4 nodes, 2:00:00, gpu:h100:8\), cpu \(1 node/);
  assert.match(of('log-out', result({ 'kills-at-logout': [''] }))[0]!.remedy!, /loginctl enable-linger/);
});

test('archives hold what was put in, and system tools read them', posix, async () => {
  const folder = await temporaryFolder();
  await writeFile(join(folder, 'big'), Buffer.alloc(100_003, 5));
  await writeArchive(join(folder, 'a.tgz'), [
    { name: 'manifest', source: { text: 'x\n' } },
    { name: 'bin/node', source: { path: join(folder, 'big') }, executable: true },
  ]);
  await mkdir(join(folder, 'out'));
  execFileSync('tar', ['-xzf', join(folder, 'a.tgz'), '-C', join(folder, 'out')]);
  assert.equal(await readFile(join(folder, 'out/manifest'), 'utf8'), 'x\n');
  assert.deepEqual(await readFile(join(folder, 'out/bin/node')), Buffer.alloc(100_003, 5));
  assert.equal((await stat(join(folder, 'out/bin/node'))).mode & 0o111, 0o111);
  assert.throws(() => header('a'.repeat(101), 1), RangeError);
});

test('a part is named by its content, a bundle by its parts in any order', () => {
  const hash = (text: string) => createHash('sha256').update(text).digest('hex');
  const manifest = manifestOf(
    new Map([
      ['b', hash('2')],
      ['a', hash('1')],
    ]),
  );
  assert.equal(manifest, `${hash('1')}  a\n${hash('2')}  b\n`);
  assert.equal(bundleId('p', ['x', 'y']), bundleId('p', ['y', 'x']));
  assert.notEqual(bundleId('p', ['x']), bundleId('p', ['y']));
  for (const name of ['../x', '/x', 'a b', 'a\nb', "a'b"])
    assert.throws(() => manifestOf(new Map([[name, '']])), RangeError);
});

test('hosts of an ssh configuration: names, no patterns; includes are followed', () => {
  const text = 'Host a b-1 "c d" *.x !y ?z\n  HostName h\nHOST=e\nInclude conf.d/* "other file"\n# Host f\n';
  assert.deepEqual(aliasesIn(text), { aliases: ['a', 'b-1', 'e'], includes: ['conf.d/*', 'other file'] });
});

test('settings: checked with the place; the editor goes before the file', async () => {
  const settings = checkSettings({ hosts: { 'gpu-box': { folder: '/scratch' } }, runtime: { 'linux-x64': '/r' } }, 'f');
  assert.equal(settings.hosts?.['gpu-box']?.folder, '/scratch');
  for (const [value, message] of [
    [{ host: {} }, /no setting "host"/],
    [{ hosts: { '-oProxyCommand=x': {} } }, /hosts/],
    [{ hosts: { a: { folder: 'relative' } } }, /hosts\.a\.folder: must be an absolute path/],
    [{ hosts: { a: { folder: '/a\nb' } } }, /without backslashes and control characters/],
    [{ hosts: { a: { nodes: '/x' } } }, /no setting "nodes"/],
    [{ runtime: { 'win-95': '/x' } }, /runtime/],
  ] as [unknown, RegExp][]) {
    const result = await attempt(() => checkSettings(value, 'f'));
    assert.ok(!result.ok && result.problem.code === 'invalid-settings', JSON.stringify(value));
    assert.match(`${result.problem.message}`, message);
    assert.equal(result.problem.place, 'f');
  }
  assert.deepEqual(layOver({ ssh: { program: 'a', config: 'b' } }, { ssh: { config: 'c' } }), {
    ssh: { program: 'a', config: 'c' },
  });
});
