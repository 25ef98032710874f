import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { attempt, type Result } from '../../../src/base/problem.ts';
import type { Channel } from '../../../src/launch/channel.ts';
import type { Host } from '../../../src/launch/host.ts';
import type { Settings } from '../../../src/launch/settings.ts';
import { sshHost } from '../../../src/launch/ssh/host.ts';
import type { Prompter } from '../../../src/launch/ssh/prompt.ts';
import { temporaryFolder } from '../../support.ts';
import type { Lab } from './lab.ts';

/** An agent that says who it is on one line and then echoes; enough to test what brings it there. */
const echo = `
process.stdout.write(JSON.stringify({
  node: process.execPath, script: process.argv[1], cwd: process.cwd(), runtime: require.resolve('onnxruntime-node'),
  setup: process.env.STRATA_TEST_SETUP, argv: process.argv.length,
}) + '\\n');
process.stdin.pipe(process.stdout);
`;

/** Programs to send, and a small package in place of onnxruntime. Archives are made once for all tests of a file. */
async function makeBundle(): Promise<{ dist: string; runtime: string }> {
  const folder = await temporaryFolder();
  process.env['XDG_CACHE_HOME'] = join(folder, 'cache');
  const dist = join(folder, 'dist');
  const runtime = join(folder, 'onnxruntime-node');
  const libraries = join(runtime, 'bin/napi-v6', process.platform, process.arch);
  for (const path of [dist, join(runtime, 'dist'), libraries]) await mkdir(path, { recursive: true });
  const requires = "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);";
  await writeFile(join(dist, 'agent.mjs'), requires + echo);
  for (const name of ['strata.mjs', 'sandbox.mjs']) await writeFile(join(dist, name), '');
  await writeFile(join(runtime, 'package.json'), JSON.stringify({ name: 'onnxruntime-node', main: 'dist/index.js' }));
  await writeFile(join(runtime, 'dist', 'index.js'), '');
  await writeFile(join(libraries, 'library.so'), Buffer.alloc(1 << 20, 7));
  return { dist, runtime };
}
const { dist, runtime } = await makeBundle();

export interface Reached {
  host: Host;
  /** Labels of progress: what was sent. */
  sent: string[];
}

/** The lab's host with a small bundle. `hostSettings` are its settings. */
export function reach(lab: Lab, hostSettings: NonNullable<Settings['hosts']>[string] = {}, ask?: Prompter): Reached {
  const sent: string[] = [];
  const settings: Settings = {
    ...lab.settings,
    hosts: { [lab.alias]: hostSettings },
    runtime: { [`${process.platform}-${process.arch}`]: runtime },
  };
  const progress = {
    report: (label: string) => {
      if (sent.at(-1) !== label) sent.push(label);
    },
  };
  return { host: sshHost(lab.alias, { settings, dist, progress, ...(ask && { ask }) }), sent };
}

export interface EchoAgent {
  channel: Channel;
  node: string;
  script: string;
  cwd: string;
  runtime: string;
  setup?: string;
  argv: number;
}

/** Connects and reads what the agent says of itself. */
export async function greet(host: Host, interactive = false): Promise<EchoAgent> {
  const channel = await host.connect({ interactive });
  const hello = await line(channel);
  return { channel, ...(JSON.parse(hello) as Omit<EchoAgent, 'channel'>) };
}

/** Connects and ends the connection at once; the problem where it cannot be made. */
export async function visit(host: Host, interactive = false): Promise<Result<Omit<EchoAgent, 'channel'>>> {
  return attempt(async () => {
    const { channel, ...said } = await greet(host, interactive);
    channel.input.end();
    await channel.ended;
    return said;
  });
}

/** The next line of a channel; nothing behind it may have come yet. */
export function line(channel: Channel): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = '';
    const read = (bytes: Buffer) => {
      text += bytes.toString('utf8');
      if (!text.includes('\n')) return;
      channel.output.off('data', read);
      channel.output.pause();
      resolve(text.trimEnd());
    };
    channel.output.on('data', read);
    void channel.ended.then((end) => reject(new Error(`ended: ${JSON.stringify(end)}, said ${text}`)));
  });
}
