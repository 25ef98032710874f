import { benchmarkOf, benchmarks } from '../../tasks/benchmarks.ts';
import { taskKind } from '../../tasks/kinds.ts';
import { removeEntry } from '../edits.ts';
import { perplexityCorpus, type Reference, references } from '../references.ts';
import { nearest } from '../suggest.ts';
import { type Path, property, type Tree } from '../tree.ts';
import type { MetricRef } from '../types.ts';
import { type Check, type CheckContext, changePart, type Finding } from './check.ts';

/** Names that a section of the file defines, broken entries too. */
function defined(tree: Tree, section: string): string[] {
  const entries = property(tree.value, section);
  return typeof entries === 'object' && entries !== null && !Array.isArray(entries) ? Object.keys(entries) : [];
}

const known: Record<Reference['kind'], (tree: Tree) => string[]> = {
  arm: (tree) => defined(tree, 'arms'),
  corpus: (tree) => defined(tree, 'corpora'),
  task: (tree) => [...defined(tree, 'tasks'), ...benchmarks.map((b) => b.name)],
};
/** What else could have been written there. */
const candidates: Record<Reference['kind'], (tree: Tree) => string[]> = {
  ...known,
  task: (tree) => [...known.task(tree), ...known.corpus(tree).map((c) => `perplexity:${c}`)],
};
const homes: Record<Reference['kind'], string> = { arm: 'arms', corpus: 'corpora', task: 'tasks' };

function* unknownNames(kind: Reference['kind'], { written, tree }: CheckContext): Iterable<Finding> {
  for (const { name, path, inside, ...reference } of references(written)) {
    if (reference.kind !== kind || known[kind](tree).includes(name)) continue;
    const meant = nearest(name, candidates[kind](tree));
    const part = inside ?? ([0, name.length] as const);
    yield {
      path,
      part,
      message: meant
        ? `There is no ${kind} \`${name}\`. Did you mean \`${meant}\`?`
        : `There is no ${kind} \`${name}\`. Define it under \`${homes[kind]}\`${kind === 'task' ? ', or name a benchmark or `perplexity:CORPUS`' : ''}.`,
      fixes: meant ? changePart(tree, path, part, meant) : [],
      unless: [[homes[kind]]],
    };
  }
}

/** Metrics of an evaluated task, the primary one first; undefined for an unknown task. */
export function metricsOfTask(
  { experiment }: Pick<CheckContext, 'experiment'>,
  name: string,
): readonly string[] | undefined {
  if (perplexityCorpus(name) !== undefined) return taskKind('perplexity').metrics;
  const own = Object.hasOwn(experiment.tasks, name) ? experiment.tasks[name] : undefined;
  if (own && own.kind !== 'benchmark') return taskKind(own.kind).metrics;
  return benchmarkOf(own?.benchmark ?? name)?.metrics;
}

function comparedMetrics({ experiment, tree }: CheckContext): { ref: MetricRef; path: Path; taskPath: Path }[] {
  const { gain, forgetting } = experiment.compare;
  const entry = (ref: MetricRef, path: Path) => ({
    ref,
    path,
    taskPath: tree.has([...path, 'task']) ? [...path, 'task'] : path,
  });
  return [
    ...(gain ? [entry(gain, ['compare', 'gain'])] : []),
    ...forgetting.map((ref, i) => entry(ref, ['compare', 'forgetting', i])),
  ];
}

/** Arms that must be finished or planned before an arm: its parent, and the one whose size it matches. */
function waitsFor({ experiment }: CheckContext, name: string): { arm: string; path: Path }[] {
  const arm = Object.hasOwn(experiment.arms, name) ? experiment.arms[name] : undefined;
  const match = arm?.lora?.rank.kind === 'match' ? arm.lora.rank.arm : undefined;
  return [
    ...(arm?.from !== undefined ? [{ arm: arm.from, path: ['arms', name, 'from'] }] : []),
    ...(match !== undefined ? [{ arm: match, path: ['arms', name, 'lora', 'arm'] }] : []),
  ];
}

/** The way from an arm back to itself, each cycle reported at its first arm in the file. */
function* cycles(context: CheckContext): Iterable<Finding> {
  const reported = new Set<string>();
  for (const start of Object.keys(context.experiment.arms)) {
    const way = wayBack(context, start, start, []);
    if (!way || way.some(({ arm }) => reported.has(arm))) continue;
    for (const { arm } of way) reported.add(arm);
    yield {
      path: way[0]!.path,
      message:
        way.length === 1
          ? `The arm ${start} waits for itself. Name another one.`
          : `The arms ${[start, ...way.map(({ arm }) => arm)].join(' → ')} wait for each other. Break the circle.`,
    };
  }
}

function wayBack(
  context: CheckContext,
  start: string,
  at: string,
  way: { arm: string; path: Path }[],
): { arm: string; path: Path }[] | undefined {
  for (const next of waitsFor(context, at)) {
    const longer = [...way, next];
    if (next.arm === start) return longer;
    if (way.some((w) => w.arm === next.arm)) continue;
    const found = wayBack(context, start, next.arm, longer);
    if (found) return found;
  }
  return undefined;
}

/** Entries of a list that stand there already. */
function* twice(tree: Tree, path: Path, what: string): Iterable<Finding> {
  const items = tree.at(path);
  if (!Array.isArray(items)) return;
  for (const [i, item] of items.entries())
    if (items.indexOf(item) < i) {
      const here = [...path, i];
      yield {
        path: here,
        message: `${what} ${String(item)} is named twice. Remove one.`,
        fixes: [{ title: `Remove ${String(item)}`, edits: removeEntry(tree, here) }],
      };
    }
}

export const nameChecks: Check[] = [
  {
    code: 'unknown-arm',
    severity: 'error',
    needs: 'file',
    rule: 'A named arm must be one of `arms`.',
    check: (context) => unknownNames('arm', context),
  },
  {
    code: 'unknown-corpus',
    severity: 'error',
    needs: 'file',
    rule: 'A named corpus must be one of `corpora`, also in `perplexity:CORPUS`.',
    check: (context) => unknownNames('corpus', context),
  },
  {
    code: 'unknown-task',
    severity: 'error',
    needs: 'file',
    rule: 'A named task must be one of `tasks`, a built-in benchmark, or `perplexity:CORPUS`.',
    check: (context) => unknownNames('task', context),
  },
  {
    code: 'unknown-benchmark',
    severity: 'error',
    needs: 'file',
    rule: 'A task `{benchmark: NAME}` must name a built-in benchmark.',
    *check({ experiment, tree }) {
      for (const [name, task] of Object.entries(experiment.tasks)) {
        if (task.kind !== 'benchmark' || benchmarkOf(task.benchmark)) continue;
        const path = ['tasks', name, 'benchmark'];
        const meant = nearest(
          task.benchmark,
          benchmarks.map((b) => b.name),
        );
        const part = [0, task.benchmark.length] as const;
        yield {
          path,
          part,
          message: `There is no benchmark \`${task.benchmark}\`.${meant ? ` Did you mean \`${meant}\`?` : ' Write it as a task of your own, of kind choice or generate.'}`,
          fixes: meant ? changePart(tree, path, part, meant) : [],
        };
      }
    },
  },
  {
    code: 'unknown-metric',
    severity: 'error',
    needs: 'file',
    rule: 'A metric named in `compare` must be one that its task has.',
    *check(context) {
      for (const { ref, path } of comparedMetrics(context)) {
        const metrics = metricsOfTask(context, ref.task);
        if (ref.metric === undefined || !metrics || metrics.includes(ref.metric)) continue;
        const meant = nearest(ref.metric, metrics);
        const here = [...path, 'metric'];
        const part = [0, ref.metric.length] as const;
        yield {
          path: here,
          part,
          message: `\`${ref.task}\` has no metric \`${ref.metric}\`. ${meant ? `Did you mean \`${meant}\`?` : `It has ${metrics.join(', ')}.`}`,
          fixes: meant ? changePart(context.tree, here, part, meant) : [],
        };
      }
    },
  },
  {
    code: 'compare-not-evaluated',
    severity: 'error',
    needs: 'file',
    rule: 'What `compare` is about must be among the evaluated tasks.',
    *check(context) {
      const { experiment } = context;
      for (const { ref, taskPath } of comparedMetrics(context))
        if (!experiment.evaluation.tasks.includes(ref.task) && metricsOfTask(context, ref.task))
          yield {
            path: taskPath,
            message: `\`${ref.task}\` is not evaluated. Add it to \`evaluation.tasks\`.`,
            unless: [['evaluation'], ['tasks']],
          };
    },
  },
  {
    code: 'compare-same-arm',
    severity: 'error',
    needs: 'file',
    rule: 'The subject and the baseline of `compare` must be two arms.',
    *check({ experiment: { compare }, tree }) {
      if (tree.has(['compare']) && compare.subject !== undefined && compare.subject === compare.baseline)
        yield {
          path: ['compare', 'subject'],
          message: `\`${compare.subject}\` would be compared with itself. Name another arm as \`subject\` or as \`baseline\`.`,
          unless: [['arms']],
        };
    },
  },
  {
    code: 'arm-cycle',
    severity: 'error',
    needs: 'file',
    rule: 'Arms may not wait for each other through `from` and `rank: match`.',
    check: cycles,
  },
  {
    code: 'named-twice',
    severity: 'error',
    needs: 'file',
    rule: 'A seed or an evaluated task is named once.',
    *check({ tree }) {
      yield* twice(tree, ['seeds'], 'Seed');
      yield* twice(tree, ['evaluation', 'tasks'], 'Task');
    },
  },
  {
    code: 'same-run-id',
    severity: 'error',
    needs: 'file',
    rule: 'The names of two arms must differ within the characters that a run id has room for.',
    *check({ experiment, tree }) {
      // The id ends in `-<seed>-<8 of the hash>-<device>` and begins with at least one letter of the file's name.
      const tail = `-${Math.max(...experiment.seeds)}-00000000-webgpu`.length;
      const room = 63 - tail - 2;
      const first = new Map<string, string>();
      for (const name of defined(tree, 'arms')) {
        const part = name.replaceAll('_', '-').slice(0, room);
        const other = first.get(part);
        if (other === undefined) first.set(part, name);
        else
          yield {
            path: ['arms', name],
            part: 'key',
            message: `The runs of this arm would have the same ids as those of \`${other}\`: only the first ${room} characters of a name count. Shorten one of them.`,
          };
      }
    },
  },
];
