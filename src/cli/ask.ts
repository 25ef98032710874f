import { createInterface } from 'node:readline';
import { Writable } from 'node:stream';
import type { Prompter, Question } from '../launch/ssh/prompt.ts';
import type { Io } from './verb.ts';

/** How each kind of question is put on a terminal. */
const texts: { [K in Question['kind']]: (question: Extract<Question, { kind: K }>) => string } = {
  'host-key': ({ host, address, keyType, fingerprint, alsoKnownAs }) =>
    [
      `The host ${host}${address === undefined ? '' : ` (${address})`} is not known yet. Its ${keyType} key is`,
      `  ${fingerprint}`,
      ...(alsoKnownAs ? ['The same key is known for:', ...alsoKnownAs.map((name) => `  ${name}`)] : []),
      'Trust it only if its administrator names the same fingerprint. Trust it? (yes/no) ',
    ].join('\n'),
  secret: ({ text }) => `${text} `,
  confirm: ({ text }) => `${text} `,
  notice: ({ text }) => `${text}\n`,
};

/** Asks on the terminal that this program was started in; undefined where there is none, so nobody can be asked. */
export function terminalPrompter(io: Pick<Io, 'terminal'>): Prompter | undefined {
  if (!io.terminal || process.stdin.isTTY !== true) return undefined;
  return async (question) => {
    const text = (texts[question.kind] as (question: Question) => string)(question);
    if (question.kind === 'notice') {
      process.stderr.write(text);
      return '';
    }
    return readLine(text, question.kind === 'secret');
  };
}

/** One line from the terminal, without an echo for a secret; undefined after Ctrl-C or Ctrl-D. */
function readLine(prompt: string, secret: boolean): Promise<string | undefined> {
  const silent = new Writable({ write: (_chunk, _encoding, done) => done() });
  const output = secret ? silent : process.stderr;
  const terminal = createInterface({ input: process.stdin, output, terminal: true });
  // From here on the terminal echoes nothing by itself; what is typed at the sight of the prompt is not shown.
  process.stderr.write(prompt);
  return new Promise((resolve) => {
    const end = (line?: string) => {
      // Closing tells itself as an end without an answer.
      resolve(line);
      terminal.close();
      process.stdin.pause();
      if (secret || line === undefined) process.stderr.write('\n');
    };
    terminal.once('line', (line) => end(line));
    terminal.once('SIGINT', () => end());
    terminal.once('close', () => resolve(undefined));
  });
}
