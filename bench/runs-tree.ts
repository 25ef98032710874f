// Runs view of 10,000 run directories: time until the tree is there, and after one run's change.
//   node --import tsx bench/runs-tree.ts [N]      writes bench/results/runs-tree.json
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { cpus, loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { RunIndex } from '../src/extension/runs/index.ts';
import { RunTree } from '../src/extension/runs/tree.ts';
import { layout } from '../src/record/layout.ts';
import { root } from '../test/support.ts';

const count = Number(process.argv[2] ?? 10_000);
const folder = mkdtempSync(join(tmpdir(), 'strata-bench-runs-'));
const strata = join(folder, '.strata');
const past = new Date(Date.now() - 3_600_000);

/** 100 experiments with ten arms and ten seeds, all done. */
function write(i: number): string {
  const stem = `demo${Math.floor(i / 100)}`;
  const arm = `arm${Math.floor(i / 10) % 10}`;
  const run = join(strata, 'runs', `${stem}-${arm}-${i % 10}-${String(i).padStart(8, '0')}`);
  mkdirSync(run, { recursive: true });
  const json = (name: string, value: unknown) => writeFileSync(join(run, name), JSON.stringify(value));
  json(layout.spec, { engine_semantics: 1, model: 'a'.repeat(64), surgery: {}, trained: [], device: 'cpu' });
  json(layout.place, { kind: 'local' });
  const experiment = { file: join(folder, `${stem}.strata.yaml`), stem };
  const more = { hash: 'b'.repeat(64), sources: { model: '/x' }, tasks: [], threads: 1, version: '0', stages: [] };
  json(layout.request(0), { attempt: 0, experiment, arm, seed: i % 10, asked: i, order: i % 100, ...more });
  json(layout.exit(0), { outcome: 'succeeded', by: 'supervisor', time: i });
  json(layout.scores, { recall: { acc: { value: 0.5, stderr: 0.1, n: 100 } } });
  for (const name of [
    layout.tensors,
    layout.metrics(0),
    layout.events(0),
    layout.claim(0),
    layout.proc(0),
    layout.heartbeat(0),
  ])
    writeFileSync(join(run, name), '{}\n');
  utimesSync(run, past, past);
  return run;
}

/**
 * Milliseconds until the whole tree can be drawn, and until its first rows are there; and those that a processor worked for it,
 * which others on the machine do not lengthen.
 */
async function start(cache: string | undefined) {
  const index = new RunIndex(cache);
  const tree = new RunTree();
  const begun = performance.now();
  const work = process.cpuUsage();
  let first: number | undefined;
  index.onChange((change) => {
    tree.update(change);
    first ??= performance.now() - begun;
  });
  await index.setHomes([strata]);
  const rows = tree.roots();
  const all = performance.now() - begun;
  const { user, system } = process.cpuUsage(work);
  if (rows.length !== Math.ceil(count / 100)) throw new Error(`${rows.length} experiments`);
  return { index, tree, first: first!, all, work: (user + system) / 1000 };
}

try {
  console.log(`${count} run directories`);
  const runs = Array.from({ length: count }, (_, i) => write(i));
  const cache = join(folder, 'storage', 'runs.json');
  const cold = await start(cache);
  const after = `first rows after ${cold.first.toFixed(0)} ms, all after ${cold.all.toFixed(0)} ms`;
  console.log(`nothing known: ${after} (${cold.work.toFixed(0)} ms of a processor)`);
  cold.index.dispose();
  const knownBefore: number[] = [];
  const oneChange: number[] = [];
  for (let k = 0; k < 3; k++) {
    const warm = await start(cache);
    knownBefore.push(warm.all);
    console.log(`known from before: all after ${warm.all.toFixed(0)} ms`);
    for (const run of [runs[17]!, runs[count - 3]!]) {
      copyFileSync(join(run, layout.request(0)), join(run, layout.request(k + 1)));
      const begun = performance.now();
      let told = 0;
      const listener = warm.index.onChange((change) => {
        warm.tree.update(change);
        warm.tree.roots();
        told = performance.now() - begun;
      });
      await warm.index.look([run]);
      if (told === 0) throw new Error('the change was not told');
      oneChange.push(told);
      console.log(`  one run changed: in the tree after ${told.toFixed(1)} ms`);
      listener.dispose();
      const again = performance.now();
      await warm.index.refresh();
      console.log(`  a look at all directories: ${(performance.now() - again).toFixed(0)} ms`);
    }
    warm.index.dispose();
  }
  const whole = (milliseconds: number) => Math.round(milliseconds);
  const tenths = (milliseconds: number) => Math.round(10 * milliseconds) / 10;
  const result = {
    what: 'Runs view of many run directories, milliseconds',
    machine: `${cpus().length} cores, load ${loadavg()[0]!.toFixed(1)}`,
    directories: count,
    nothing_known: { first_rows: whole(cold.first), all: whole(cold.all), processor: whole(cold.work) },
    known_from_before: knownBefore.map(whole),
    one_run_changed: oneChange.map(tenths),
  };
  writeFileSync(join(root, 'bench', 'results', 'runs-tree.json'), `${JSON.stringify(result, null, 2)}\n`);
} finally {
  rmSync(folder, { recursive: true, force: true });
}
