import { fail } from '../../base/problem.ts';
import { benchmarkOf, benchmarks } from '../../tasks/benchmarks.ts';
import { taskKinds } from '../../tasks/kinds.ts';
import type { Verb } from '../verb.ts';

/** What can be evaluated, and what it needs. */
export const data: Verb = {
  name: 'data',
  summary: 'kinds of tasks and their records; known benchmarks and whether this version runs them',
  configure(command) {
    command.argument('[tasks...]', 'kinds or benchmarks; without any, all of them');
  },
  async run(io, tasks) {
    const unknown = tasks.find((name) => !benchmarkOf(name) && !taskKinds.some((kind) => kind.name === name));
    if (unknown !== undefined)
      fail('unknown-task', `There is no kind of task and no benchmark "${unknown}".`, {
        remedy: 'strata data lists them.',
      });
    const wanted = (name: string) => tasks.length === 0 || tasks.includes(name);
    const kinds = taskKinds.filter(({ name }) => wanted(name));
    const known = benchmarks.filter(({ name }) => wanted(name));
    if (io.json) {
      io.out(JSON.stringify({ kinds, benchmarks: known.map((b) => ({ ...b, available: false })) }, null, 2));
      return 0;
    }
    for (const { name, summary, record, metrics } of kinds)
      io.out(`${name}: ${summary}\n  a record: ${record}\n  metrics: ${metrics.join(', ')}`);
    // One line for the 57 subjects of mmlu, unless they were asked for.
    const listed = known.filter(({ name }) => tasks.length > 0 || !name.startsWith('mmlu_'));
    if (listed.length > 0)
      io.out(
        [
          '',
          'Benchmarks (not available in this version: write them as tasks of kind choice or generate)',
          ...listed.map(({ name, kind, metrics }) => `  ${name.padEnd(18)}${kind.padEnd(12)}${metrics.join(', ')}`),
        ].join('\n'),
      );
    return 0;
  },
};
