import { fail } from '../../base/problem.ts';
import { lookUp } from '../../data/benchmark-data.ts';
import { type Benchmark, benchmarkOf, benchmarks, membersOf } from '../../tasks/benchmarks.ts';
import { taskKinds } from '../../tasks/kinds.ts';
import { makeRecallTask, recallOptions } from '../make-recall.ts';
import type { Io, Verb } from '../verb.ts';

/** What can be evaluated, what it needs and from whom, and what of it is there. */
export const data: Verb = {
  name: 'data',
  summary: 'what benchmarks need, from whom, and what is there; `data make-recall F` makes a task of a corpus of facts',
  configure(command) {
    recallOptions(
      command.argument('[tasks...]', 'kinds or benchmarks, or make-recall and a file; without any, all of them'),
    );
  },
  async run(io, words, options) {
    if (words[0] === 'make-recall') return makeRecallTask(io, words.slice(1), options);
    const unknown = words.find((name) => !benchmarkOf(name) && !taskKinds.some((kind) => kind.name === name));
    if (unknown !== undefined)
      fail('unknown-task', `There is no kind of task and no benchmark "${unknown}".`, {
        remedy: 'strata data lists them.',
      });
    const folder = process.env['STRATA_DATA'];
    const kinds = taskKinds.filter(({ name }) => words.length === 0 || words.includes(name));
    // One line for the subjects of a group, unless they were asked for.
    const chosen = benchmarks.filter((b) => (words.length > 0 ? words.includes(b.name) : !('subject' in b)));
    const states = await Promise.all(chosen.map((b) => stateOf(b, folder)));
    if (io.json) {
      io.out(JSON.stringify({ data_folder: folder ?? null, kinds, benchmarks: states.map(toJson) }, null, 2));
      return 0;
    }
    for (const { name, summary, record, metrics } of kinds)
      io.out(`${name}: ${summary}\n  a record: ${record}\n  metrics: ${metrics.join(', ')}`);
    if (states.length === 0) return 0;
    if (words.length === 0) list(io, states, folder);
    else for (const state of states) describe(io, state, folder);
    return 0;
  },
};

/** A benchmark, and which of its members can be evaluated. */
interface State {
  benchmark: Benchmark;
  members: number;
  ready: number;
  /** Of a single one: the splits that are there. */
  files: Record<string, string[]>;
}

async function stateOf(benchmark: Benchmark, folder: string | undefined): Promise<State> {
  const rows = membersOf(benchmark);
  const found = await Promise.all(rows.map(async (row) => ({ row, files: await lookUp(row, folder) })));
  const ready = found.filter(({ row, files }) => row.evaluated.some((split) => files[split])).length;
  return { benchmark, members: rows.length, ready, files: rows.length === 1 ? found[0]!.files : {} };
}

function stateWord({ members, ready }: State): string {
  if (ready === members) return 'there';
  return ready === 0 ? 'missing' : `${ready} of ${members} there`;
}

function toJson(state: State) {
  const { benchmark, files } = state;
  const [row] = membersOf(benchmark);
  const { name, kind, metrics, summary } = benchmark;
  return {
    name,
    kind,
    metrics,
    summary,
    state: stateWord(state),
    files,
    members: benchmark.form === 'group' ? benchmark.members : undefined,
    from: row!.source.from,
    license: row!.source.license,
    record: row!.source.record,
    places: row!.source.places,
  };
}

function list(io: Io, states: readonly State[], folder: string | undefined): void {
  const rows = states.map((state) => {
    const { name, metrics } = state.benchmark;
    const { license } = membersOf(state.benchmark)[0]!.source;
    return `  ${name.padEnd(22)}${stateWord(state).padEnd(16)}${license.padEnd(42)}${metrics.join(', ')}`;
  });
  io.out(['', `Benchmarks (data folder STRATA_DATA: ${folder || 'not set'})`, ...rows].join('\n'));
  io.out('\nNothing is downloaded. `strata data NAME` says from whom to get one, and where it is looked for.');
}

function describe(io: Io, state: State, folder: string | undefined): void {
  const { benchmark } = state;
  const [row] = membersOf(benchmark);
  if (!row) return;
  const { source } = row;
  const lines = [
    `${benchmark.name}: ${benchmark.summary}`,
    `  metrics:  ${benchmark.metrics.join(', ')}`,
    ...('shots' in row ? [`  shots:    ${row.shots}`] : []),
    `  from:     ${source.from}`,
    `  licence:  ${source.license}`,
    `  a record: ${source.record}`,
    ...(benchmark.form === 'group' ? [`  members:  ${benchmark.members.join(', ')}`] : []),
    `  looked for in ${folder || 'STRATA_DATA (not set)'}:`,
    ...Object.entries(source.places).flatMap(([split, places]) => {
      const there = state.files[split];
      const use = row.evaluated.includes(split as (typeof row.evaluated)[number]) ? ' (evaluated)' : '';
      return [`    ${split}${use}: ${there ? there.join(', ') : `one of ${places.join(', ')}`}`];
    }),
    `  ${stateWord(state)}`,
  ];
  io.out(lines.join('\n'));
}
