// Memory of trainings of a random BF16 checkpoint of 1.2 billion parameters: LoRA, LoRA on a base in int4, and two new blocks,
// each in a process of its own for a few steps at sequence 512, against what `plan` says of it.
//   node --import tsx bench/large.ts [--cases lora,loraInt4,blocks] [--steps 2] [--folder FOLDER] [--keep] [--out bench/results]
// The checkpoint (2.4 GB, in shards) is written to FOLDER, by default a temporary one, and deleted afterwards without --keep.
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { peakMemory } from '../src/plan/cost.ts';
import { largeCases, largeStack, largeTrained, largeWeights } from './large/cases.ts';
import { writeCheckpoint } from './large/checkpoint.ts';
import { machine, today, withEarlier, writeResults } from './results.ts';
import { startOwnEngine } from './training/duel.ts';

const here = dirname(fileURLToPath(import.meta.url));
const { values: options } = parseArgs({
  options: {
    cases: { type: 'string', default: Object.keys(largeCases).join(',') },
    steps: { type: 'string', default: '2' },
    threads: { type: 'string', default: '2' },
    folder: { type: 'string', default: join(tmpdir(), 'strata-large') },
    keep: { type: 'boolean', default: false },
    out: { type: 'string' },
  },
});

interface Row {
  case: string;
  what: string;
  predicted_mib: number;
  /** Highest resident size, mapped files included (VmHWM); at the end of the last step the process's own pages and the files'. */
  measured_mib: number;
  anonymous_mib: number;
  mapped_mib: number;
  limit_mib: number;
  within: boolean;
  seconds_per_step: number;
  losses: number[];
}
type Answer = { loss: number; seconds: number; peak: number; anonymous: number; mapped: number };

async function measure(name: string): Promise<Row> {
  const of = largeCases[name];
  if (!of) throw new Error(`no case ${name}; there are ${Object.keys(largeCases).join(', ')}`);
  const stack = await largeStack(of, options.folder);
  const predicted = peakMemory(stack, largeTrained(of, stack), of.shape, largeWeights(of));
  const engine = startOwnEngine(name, join(here, 'large/engine.ts'), [name, options.folder, options.threads]);
  const answers: Answer[] = [];
  for (let i = 0; i < Number(options.steps); i++) answers.push((await engine.step()) as unknown as Answer);
  engine.child.stdin!.end();
  const last = answers.at(-1)!;
  const mib = (bytes: number) => Math.round(bytes / 2 ** 20);
  return {
    case: name,
    what: of.what,
    predicted_mib: mib(predicted),
    measured_mib: mib(last.peak),
    anonymous_mib: mib(last.anonymous),
    mapped_mib: mib(last.mapped),
    limit_mib: mib(of.limit),
    within: last.peak <= of.limit && predicted <= of.limit,
    seconds_per_step: Number(last.seconds.toFixed(1)),
    losses: answers.map(({ loss }) => Number(loss.toFixed(4))),
  };
}

await writeCheckpoint(options.folder);
const rows: Row[] = [];
for (const name of options.cases.split(',')) {
  rows.push(await measure(name));
  console.log(JSON.stringify(rows.at(-1)));
}
if (!options.keep) await rm(options.folder, { recursive: true });
if (options.out) {
  const all = await withEarlier(options.out, 'large', rows, (row) => row.case, Object.keys(largeCases));
  await writeResults(options.out, 'large', { machine: `${today()}, ${machine()}`, rows: all });
}
