// Time and memory of a comparison: 6 arms × 10 seeds × 5 tasks × 1,000 documents, from run directories on disk to the HTML page.
//   node --import tsx bench/report.ts [--out bench/results/report.json]
import { spawnSync } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { sha256 } from '../src/base/hash.ts';
import { type Random, random } from '../src/base/random.ts';
import { version } from '../src/base/version.ts';
import { createExit, createRun } from '../src/record/create.ts';
import { runFolders } from '../src/record/find.ts';
import { home, layout, samplesFile } from '../src/record/layout.ts';
import type { SampleRecord, Scores } from '../src/record/types.ts';

const { values: options } = parseArgs({
  options: { out: { type: 'string', default: 'bench/results/report.json' }, keep: { type: 'boolean' } },
});
const [arms, seeds, documents] = [6, 10, 1000];
const tasks = {
  gain: 'choice',
  kept: 'choice',
  sums: 'generate',
  more: 'choice',
  'perplexity:general': 'text',
} as const;
const words = 'the history of every city in this region was written long before its people could read it'.split(' ');
const sentence = (g: Random, n: number) => Array.from({ length: n }, () => words[g.below(words.length)]).join(' ');

/** Records as the evaluation writes them: a prompt of 60 words, four choices, hashes. */
function sample(task: string, kind: string, doc: number, strength: number, noise: Random): SampleRecord {
  const g = random(task, doc);
  const context = `Question: ${sentence(g, 60)}\nAnswer:`;
  const hard = g.float();
  const ids = { doc_id: doc, prompt_hash: sha256(context), target_hash: sha256(String(doc % 4)) };
  if (kind === 'text') {
    const bytes = 400 + g.below(4000);
    const nats = bytes * (0.6 + 0.2 * hard - 0.1 * strength + 0.01 * noise.normal());
    return {
      doc_id: doc,
      prompt_hash: ids.prompt_hash,
      loglikelihood: -nats,
      tokens: bytes / 4,
      words: bytes / 5,
      bytes,
    };
  }
  const right = hard + 0.2 * (noise.float() - 0.5) < strength ? 1 : 0;
  if (kind === 'generate') {
    return { ...ids, context, target: 'x', generated: sentence(noise, 12), filtered: 'x', exact_match: right };
  }
  const loglikelihoods = Array.from({ length: 4 }, () => -40 * noise.float());
  const choices = Array.from({ length: 4 }, () => ` ${sentence(g, 5)}`);
  return {
    ...ids,
    context,
    continuations: choices,
    gold: doc % 4,
    loglikelihoods,
    is_greedy: [false, false, false, false],
    acc: right,
    acc_norm: right,
    acc_bytes: right,
  };
}

async function write(folder: string): Promise<number> {
  const place = home(join(folder, '.strata'));
  let count = 0;
  for (let arm = 0; arm < arms; arm++) {
    for (let seed = 1; seed <= seeds; seed++) {
      const noise = random('noise', arm, seed);
      const name = arm === 0 ? 'base' : `arm_${arm}`;
      const id = `bench-${name.replace('_', '-')}-${seed}-${sha256(`${arm} ${seed}`).slice(0, 8)}`;
      const request = {
        attempt: 0,
        experiment: { file: join(folder, 'bench.strata.yaml'), stem: 'bench' },
        arm: name,
        hash: sha256(id),
        sources: { model: 'base' },
        tasks: [],
        threads: 1,
        version,
        asked: 0,
        order: 0,
        stages: [],
      };
      const seeded = { seed };
      const spec = {
        engine_semantics: 1,
        model: sha256('base'),
        surgery: arm === 1 ? { expand: { after: [1], init: 'average' as const, identity: true } } : {},
        trained: arm === 0 ? [] : ['w'],
        device: 'cpu' as const,
      };
      await createRun(place, id, {
        spec: { ...spec, ...seeded },
        place: { kind: 'local' },
        request: { ...request, ...seeded },
      });
      const run = join(place.runs, id);
      await mkdir(join(run, layout.samples), { recursive: true });
      const scores: Scores = {};
      for (const [task, kind] of Object.entries(tasks)) {
        const records = Array.from({ length: documents }, (_, doc) => sample(task, kind, doc, 0.4 + 0.05 * arm, noise));
        await writeFile(join(run, samplesFile(task)), records.map((r) => `${JSON.stringify(r)}\n`).join(''));
        const metrics =
          kind === 'text' ? ['bits_per_byte', 'word_perplexity'] : kind === 'choice' ? ['acc'] : ['exact_match'];
        scores[task] = Object.fromEntries(metrics.map((m) => [m, { value: 0.5, stderr: null, n: documents }]));
      }
      await writeFile(join(run, layout.scores), JSON.stringify(scores));
      await createExit(run, 0, { outcome: 'succeeded', by: 'supervisor', time: 0 });
      count++;
    }
  }
  return count;
}

const folder = await mkdtemp(join(tmpdir(), 'strata-bench-report-'));
try {
  const runs = await write(folder);
  const program = 'dist/strata.mjs';
  const paths = await runFolders(join(folder, '.strata'));
  const choices = ['--gain', 'gain', '--forgetting', 'kept,perplexity:general/word_perplexity', '--subject', 'arm_1'];
  // What the process took at most, said by itself at its end.
  const peakWriter =
    "data:text/javascript,process.on('exit',()=>console.error('peak '+process.resourceUsage().maxRSS))";
  const times: number[] = [];
  let peak = 0;
  for (let round = 0; round < 3; round++) {
    const start = performance.now();
    const args = [
      '--import',
      peakWriter,
      program,
      'compare',
      ...paths,
      ...choices,
      '--out',
      join(folder, 'report.html'),
    ];
    const { stderr, status } = spawnSync(process.execPath, args, { encoding: 'utf8' });
    if (status !== 0) throw new Error(stderr);
    times.push((performance.now() - start) / 1000);
    peak = Math.max(peak, Number(/peak (\d+)/.exec(stderr)?.[1]) / 1024);
  }
  const result = {
    runs,
    tasks: Object.keys(tasks).length,
    documents,
    resamples: 10_000,
    seconds: times.map((t) => Number(t.toFixed(2))),
    peak_mb: Math.round(peak),
    cpu: cpus()[0]?.model,
    cores: cpus().length,
  };
  process.stdout.write(`${JSON.stringify(result, null, 1)}\n`);
  await writeFile(options.out, `${JSON.stringify(result, null, 1)}\n`);
} finally {
  if (options.keep) process.stdout.write(`${folder}\n`);
  else await rm(folder, { recursive: true, force: true });
}
