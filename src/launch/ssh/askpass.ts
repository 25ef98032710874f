import { randomBytes } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Prompter, understand } from './prompt.ts';

/** Variables through which the program that ssh runs for a question finds whoever answers. */
const socketVariable = 'STRATA_ASKPASS';
const nodeVariable = 'STRATA_ASKPASS_NODE';
const scriptVariable = 'STRATA_ASKPASS_SCRIPT';

/** More questions than this in one log-in: something asks without end. */
const most = 12;

interface Asked {
  token: string;
  text: string;
  hint?: string;
}

/** The environment of an ssh whose questions are answered by `ask`. Owner calls `dispose`. */
export interface Askpass {
  env: Record<string, string>;
  dispose(): Promise<void>;
}

/** What ssh runs: a program without arguments of its own, so it finds Node and its script in the environment. */
const wrappers = {
  posix: { name: 'askpass', text: `#!/bin/sh\nexec "$${nodeVariable}" "$${scriptVariable}" "$@"\n` },
  win32: { name: 'askpass.cmd', text: `@"%${nodeVariable}%" "%${scriptVariable}%" %*\r\n` },
};

/**
 * The script behind the wrapper: passes the question on and prints the answer. Small and without imports of ours, because it
 * runs from a file of its own. Exit code 1: refused.
 */
const script = `
const socket = require('node:net').connect(process.env.${socketVariable}.slice(33));
let answer = '';
socket.on('connect', () => socket.write(JSON.stringify({
  token: process.env.${socketVariable}.slice(0, 32), text: process.argv.slice(2).join(' '), hint: process.env.SSH_ASKPASS_PROMPT,
}) + '\\n'));
socket.setEncoding('utf8').on('data', (text) => { answer += text; });
socket.on('close', () => {
  if (!answer.endsWith('\\n')) process.exit(1);
  const { reply } = JSON.parse(answer);
  if (typeof reply !== 'string') process.exit(1);
  process.stdout.write(reply + '\\n', () => process.exit(0));
});
socket.on('error', () => process.exit(1));
`;

/**
 * Answers the questions of ssh through SSH_ASKPASS, in a terminal and in the editor alike. Host keys: only `yes` trusts;
 * a second question about the same key is answered `no`, since ssh would ask without end.
 */
export async function serveAskpass(ask: Prompter): Promise<Askpass> {
  const folder = await mkdtemp(join(tmpdir(), 'strata-ask-'));
  const token = randomBytes(16).toString('hex');
  const address =
    process.platform === 'win32' ? `\\\\.\\pipe\\strata-ask-${randomBytes(8).toString('hex')}` : join(folder, 'socket');
  const wrapper = process.platform === 'win32' ? wrappers.win32 : wrappers.posix;
  const program = join(folder, wrapper.name);
  const scriptFile = join(folder, 'askpass.cjs');
  await writeFile(program, wrapper.text, { mode: 0o700 });
  await writeFile(scriptFile, script, { mode: 0o600 });

  let questions = 0;
  let line = Promise.resolve();
  const server: Server = createServer((socket) => {
    let text = '';
    socket.setEncoding('utf8');
    socket.on('error', () => {});
    socket.on('data', (part: string) => {
      text += part;
      if (!text.endsWith('\n')) return;
      // One question at a time, also when a jump host asks meanwhile.
      line = line.then(() => answer(socket, text));
    });
  });
  const answer = async (socket: Socket, text: string): Promise<void> => {
    const asked = parse(text);
    questions++;
    const refuse = asked?.token !== token || questions > most;
    const reply = refuse ? undefined : await reactTo(ask, asked).catch(() => undefined);
    socket.end(`${JSON.stringify({ reply: reply ?? null })}\n`);
  };
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(address, resolve);
  });
  server.unref();
  return {
    env: {
      SSH_ASKPASS: program,
      SSH_ASKPASS_REQUIRE: 'force',
      // Older versions ask the program only where there seems to be a display.
      DISPLAY: process.env['DISPLAY'] ?? ':0',
      [socketVariable]: `${token}:${address}`,
      [nodeVariable]: process.execPath,
      [scriptVariable]: scriptFile,
      // Within the editor the program that runs this is Electron, which acts as Node when told so.
      ...(process.versions['electron'] !== undefined && { ELECTRON_RUN_AS_NODE: '1' }),
    },
    async dispose() {
      await new Promise<void>((resolve) => server.close(() => resolve()));
      await rm(folder, { recursive: true, force: true });
    },
  };
}

async function reactTo(ask: Prompter, { text, hint }: Asked): Promise<string | undefined> {
  const question = understand(text, hint);
  if (question.kind === 'notice') {
    void ask(question).catch(() => {});
    return '';
  }
  // "Please type 'yes', 'no' or the fingerprint": the answer before was no answer to ssh.
  if (question.kind === 'confirm' && /^Please type/.test(question.text)) return 'no';
  const reply = await ask(question);
  if (question.kind !== 'host-key') return reply;
  return reply === 'yes' ? 'yes' : 'no';
}

function parse(text: string): Asked | undefined {
  try {
    return JSON.parse(text) as Asked;
  } catch {
    return undefined;
  }
}

/** The environment of whoever started this program and answers for it: the editor. */
export function handedAskpass(env: NodeJS.ProcessEnv = process.env): Record<string, string> | undefined {
  const names = ['SSH_ASKPASS', 'SSH_ASKPASS_REQUIRE', socketVariable, nodeVariable, scriptVariable];
  if (names.some((name) => env[name] === undefined)) return undefined;
  return Object.fromEntries([...names, 'DISPLAY'].map((name) => [name, env[name] ?? ':0']));
}
