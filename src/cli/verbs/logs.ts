import { open, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { pause } from '../../launch/program.ts';
import { resolveRun } from '../../record/find.ts';
import { layout } from '../../record/layout.ts';
import { isElsewhere } from '../../record/place.ts';
import { readMetrics, readRun } from '../../record/read.ts';
import { states } from '../../record/state.ts';
import type { Run, RunEvent } from '../../record/types.ts';
import { stabilityOf, stabilityText } from '../../report/stability.ts';
import { placeOf } from '../places.ts';
import type { Io, Verb } from '../verb.ts';

export const logs: Verb = {
  name: 'logs',
  summary: 'what a run did and printed, attempt by attempt',
  configure(command) {
    command
      .argument('<run>', 'path, id or beginning of the id of a run')
      .option('-f, --follow', 'go on printing until the run ends');
  },
  async run(io, [argument = ''], options) {
    const run = await resolveRun(argument, io.cwd);
    // What another machine writes is brought by a process of its own.
    if (isElsewhere(run.place) && !states[run.state].ended) await (await placeOf(io, run)).wake();
    if (options['follow'] === true) await followLogs(io, run);
    else await printNew(io, run.folder, run.attempts, new Map());
    if (!io.json) await printStability(io, run.folder);
    return 0;
  },
};

/** Files of an attempt, in the order in which they are shown, and how a line of each is shown. */
const sources: { name: (n: number) => string; show: (line: string) => string | undefined }[] = [
  { name: layout.events, show: showEvent },
  { name: layout.supervisorLog, show: (line) => line },
  { name: layout.stdout, show: (line) => line },
  { name: layout.stderr, show: (line) => line },
];

const sentences: { [K in RunEvent['type']]: (event: Extract<RunEvent, { type: K }>) => string | undefined } = {
  stage: ({ stage, state }) => `${stage} ${state}`,
  progress: () => undefined,
  checkpoint: ({ step }) => `checkpoint after step ${step}`,
  kept: ({ task, step, metric, value }) =>
    `kept the weights of step ${step}, the best by ${task} (${metric} ${Number(value.toPrecision(4))})`,
  proof: ({ proof, state, detail }) => `proof of ${proof}: ${state.replace('-', ' ')}. ${detail}`,
  precision: ({ kind, tokens, stored, lowered }) =>
    `frozen weights in ${kind}: ${lowered.toFixed(4)} nats a token instead of ${stored.toFixed(4)}, on ${tokens} tokens before training`,
  warning: ({ message }) => `warning: ${message}`,
};

function showEvent(line: string): string | undefined {
  const event = JSON.parse(line) as RunEvent;
  const say = sentences[event.type] as (event: RunEvent) => string | undefined;
  const text = say(event);
  return text === undefined ? undefined : `${new Date(event.time).toISOString().replace(/\.\d+Z$/, 'Z')} ${text}`;
}

/** Prints whole lines that were not printed before; `printed` holds the bytes of each file that were. */
async function printNew(io: Io, folder: string, attempts: number, printed: Map<string, number>): Promise<void> {
  for (let n = 0; n < attempts; n++) {
    for (const { name, show } of sources) {
      const file = name(n);
      const from = printed.get(file) ?? 0;
      const text = await readFrom(join(folder, file), from);
      const end = text.lastIndexOf(0x0a) + 1;
      printed.set(file, from + end);
      for (const line of text.subarray(0, end).toString('utf8').split('\n').slice(0, -1)) {
        if (io.json)
          io.out(JSON.stringify({ attempt: n, file, line: file.endsWith('.jsonl') ? JSON.parse(line) : line }));
        else {
          const shown = show(line);
          if (shown !== undefined) io.out(shown);
        }
      }
    }
  }
}

/** How the training went so far, in numbers. */
async function printStability(io: Io, folder: string): Promise<void> {
  const { steps, updates } = await readMetrics(folder);
  const stability = stabilityOf(steps, updates);
  if (!stability) return;
  for (const line of stabilityText(stability)) io.out(line);
}

async function readFrom(path: string, offset: number): Promise<Buffer> {
  const size = (await stat(path).catch(() => undefined))?.size ?? 0;
  if (size <= offset) return Buffer.alloc(0);
  if (offset === 0) return readFile(path);
  const handle = await open(path);
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(size - offset), 0, size - offset, offset);
    return buffer.subarray(0, bytesRead);
  } finally {
    await handle.close();
  }
}

async function followLogs(io: Io, start: Run): Promise<void> {
  const printed = new Map<string, number>();
  for (;;) {
    // The state is read before the files, so that after the end nothing is missing.
    const run = await readRun(start.folder);
    await printNew(io, run.folder, run.attempts, printed);
    if (states[run.state].ended) {
      if (!io.json) io.err(`${run.id}: ${states[run.state].word}${run.reason === undefined ? '' : `. ${run.reason}`}`);
      return;
    }
    await pause(300);
  }
}
