// Speed of the compare panel in a browser without a graphics card: first draw and growth of long curves, and a big table.
//   node scripts/build.mjs panel && node --import tsx bench/panel.ts [--rounds 9]
import { mkdir, writeFile } from 'node:fs/promises';
import { cpus, loadavg } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { random } from '../src/base/random.ts';
import type { PanelState } from '../src/protocol/panel.ts';
import { compare } from '../src/report/comparison.ts';
import type { ComparedArm, Comparison, Contrast, Curve } from '../src/report/types.ts';
import { type Lab, type PanelPage, startLab } from '../test/ui/panel-page.ts';

const here = dirname(fileURLToPath(import.meta.url));
const { values: options } = parseArgs({ options: { rounds: { type: 'string', default: '9' } } });
const rounds = Number(options.rounds);

const noise = random('panel bench');
const empty = compare({
  title: 'Bench',
  compare: { forgetting: [] },
  arms: [],
  planned: [],
  pending: [],
  runs: [],
  stale: [],
});

const stateOf = (comparison: Comparison): PanelState => ({
  source: { kind: 'experiment', file: '/bench.strata.yaml' },
  title: 'Bench',
  choice: {},
  comparison,
  runs: [],
  notices: [],
});

function armOf(name: string, metrics: Comparison['metrics']): ComparedArm {
  const seeds = [1, 2, 3];
  return {
    name,
    changes: ['2 blocks inserted after 1, 3 (copy, identity)'],
    steps: 5000,
    runs: [],
    values: metrics.map(({ task, metric }) => {
      const value = noise.float();
      return {
        task,
        metric,
        value,
        seedDeviation: 0.01,
        seedInterval: { low: value - 0.02, high: value + 0.02 },
        seeds: seeds.map((seed) => ({ seed, value, stderr: 0.01, n: 100 })),
      };
    }),
  };
}

/** Noisy losses of so many arms and steps. */
function curvesOf(arms: number, steps: number): Curve[] {
  return Array.from({ length: arms }, (_, i) => ({
    arm: `arm_${i}`,
    seeds: 1,
    stride: 1,
    points: Array.from({ length: steps }, (_, k) => {
      const mean = 2 + i / 10 + 3 * Math.exp(-k / 800) + 0.1 * noise.normal();
      return { step: k + 1, mean, low: mean, high: mean };
    }),
  }));
}

function withCurves(lossCurves: Curve[]): PanelState {
  return stateOf({ ...empty, arms: lossCurves.map(({ arm }) => armOf(arm, [])), lossCurves });
}

/** Arms against a baseline on so many metrics; every cell has a value, every other column a paired difference. */
function bigTable(arms: number, count: number): PanelState {
  const metrics = Array.from({ length: count }, (_, i) => ({
    task: `task_${i}`,
    metric: 'acc',
    role: 'other' as const,
    unit: 'share',
    higherIsBetter: true,
  }));
  const names = Array.from({ length: arms }, (_, i) => `arm_${i}`);
  const contrasts = names.slice(1).flatMap((arm) =>
    metrics.map(({ task, metric, role }): Contrast => {
      const effect = noise.float() - 0.5;
      return {
        arm,
        against: 'arm_0',
        task,
        metric,
        role,
        verdict: effect > 0 ? 'better' : 'worse',
        documents: 100,
        unpaired: 0,
        seeds: [1, 2, 3],
        tests: [],
        effect,
        documentInterval: { low: effect - 0.1, high: effect + 0.1 },
      };
    }),
  );
  return stateOf({ ...empty, baseline: 'arm_0', metrics, arms: names.map((name) => armOf(name, metrics)), contrasts });
}

interface Times {
  /** Rows and chart models of a state. */
  models: number;
  /** Elements and charts of them: script, style and layout. */
  draw: number;
}

/** Posts a state and takes what the panel's own measures say of it, in milliseconds. */
async function draw(panel: PanelPage, state: PanelState): Promise<Times> {
  await panel.show(state);
  return panel.page.evaluate<Times>(`(() => {
    const last = (name) => performance.getEntriesByName('strata:' + name).at(-1).duration;
    return { models: last('state'), draw: last('page') + last('charts') };
  })()`);
}

const median = (values: number[]): number => values.toSorted((a, b) => a - b)[values.length >> 1]!;
const rounded = (x: number): number => Math.round(x * 10) / 10;

interface Row {
  what: string;
  /** Median milliseconds. */
  draw_ms: number;
  /** The quietest round: what the work takes when nothing else runs. */
  best_draw_ms: number;
  worst_draw_ms: number;
  limit_ms: number;
  models_ms: number;
}

function row(what: string, limit: number, times: Times[]): Row {
  const draws = times.map((t) => t.draw);
  return {
    what,
    draw_ms: rounded(median(draws)),
    best_draw_ms: rounded(Math.min(...draws)),
    worst_draw_ms: rounded(Math.max(...draws)),
    limit_ms: limit,
    models_ms: rounded(median(times.map((t) => t.models))),
  };
}

async function measure(lab: Lab): Promise<Row[]> {
  const curves = curvesOf(20, 5000 + rounds);
  const upTo = (steps: number) => withCurves(curves.map((c) => ({ ...c, points: c.points.slice(0, steps) })));
  const first = [];
  const growth = [];
  for (let i = 0; i < rounds; i++) {
    const panel = await lab.open();
    first.push(await draw(panel, upTo(5000)));
    growth.push(await draw(panel, upTo(5001 + i)));
    await panel.page.close();
  }
  const table = bigTable(300, 30);
  const tables = [];
  for (let i = 0; i < rounds; i++) {
    const panel = await lab.open();
    tables.push(await draw(panel, table));
    await panel.page.close();
  }
  return [
    row('first draw of 20 series × 5,000 points', 100, first),
    row('one more point in each', 20, growth),
    row('table of 300 arms × 30 metrics', 200, tables),
  ];
}

const lab = await startLab();
try {
  const rows = await measure(lab);
  console.table(rows);
  // Other work on the machine stretches every number.
  const load = rounded(loadavg()[0]!);
  const result = {
    cpu: cpus()[0]?.model.trim(),
    cores: cpus().length,
    load,
    rounds,
    rendering: 'chromium, software',
    rows,
  };
  await mkdir(join(here, 'results'), { recursive: true });
  await writeFile(join(here, 'results', 'panel.json'), `${JSON.stringify(result, null, 2)}\n`);
  if (rows.some((r) => r.draw_ms > r.limit_ms)) process.exitCode = 1;
} finally {
  await lab.close();
}
