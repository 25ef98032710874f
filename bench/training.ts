// Speed and memory of training and scoring: as a share of a bare MatMul of 2048³ measured in the same run, once by itself and
// once with its result returned to JavaScript, and, with --torch PYTHON, against PyTorch + transformers step by step.
//   node --import tsx bench/training.ts [--shapes A,B,C,D,score] [--rounds 15] [--threads 2] [--torch python3] [--out FOLDER]
//     [--isa native|avx2] [--beside 'COMMAND … SHAPE …']
// With --isa avx2 all engines run as on a processor without AVX-512. --beside names another program that does one step of SHAPE
// for each line on stdin and answers {"ms": …}: what share of the bare product it reaches in the same run.
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { keptLayers } from '../src/model/open.ts';
import { forwardFlopsPerToken, trainingFlopsPerToken } from '../src/plan/cost.ts';
import { stackOf } from '../src/plan/selectors.ts';
import { machine, resultsName, today, writeResults } from './results.ts';
import { duel, environmentOf, median, type Series, startEngine, startOwnEngine } from './training/duel.ts';
import { writeModelFolder } from './training/model.ts';
import { loraPlan, type Shape, shapes, trainedNames } from './training/shapes.ts';

const here = dirname(fileURLToPath(import.meta.url));
const { values: options } = parseArgs({
  options: {
    shapes: { type: 'string', default: 'A,B,C,D,score' },
    rounds: { type: 'string', default: '15' },
    threads: { type: 'string', default: '2' },
    torch: { type: 'string' },
    out: { type: 'string' },
    isa: { type: 'string', default: 'native' },
    beside: { type: 'string' },
  },
});

const environment = await environmentOf(options.isa);

/** FLOPs of one step, the whole S × S square of attention counted. */
function flops(shape: Shape): number {
  const stack = stackOf(shape.config, keptLayers(shape.config.layers));
  const trained = { names: new Set(trainedNames(shape)), lora: loraPlan(shape) };
  const perToken = shape.score
    ? forwardFlopsPerToken(stack, shape.sequence)
    : trainingFlopsPerToken(stack, trained, shape.sequence, false);
  return perToken * shape.batch * shape.sequence;
}

interface Row {
  shape: string;
  what: string;
  tokens_per_second: number;
  gflops: number;
  matmul_gflops: number;
  share: number;
  returned_gflops: number;
  share_of_returned: number;
  peak_mb: number;
  /** With activations computed again on the way back: the peak, and the time of a step over that without. */
  recomputed_peak_mb?: number;
  recomputed_time?: number;
  torch_tokens_per_second?: number;
  torch_peak_mb?: number;
  ratio?: number;
  loss_difference?: number;
  beside_share?: number;
  beside_ratio?: number;
}

async function measure(name: string): Promise<Row> {
  const shape = shapes[name];
  if (!shape) throw new Error(`no shape ${name}; there are ${Object.keys(shapes).join(', ')}`);
  const folder = join(tmpdir(), `strata-bench-${shape.config.hiddenSize}-${shape.config.layers}`);
  await writeModelFolder(folder, shape.config);
  const script = join(here, 'training/engine.ts');
  const ours = (what: string) => startOwnEngine(what, script, [what, folder, options.threads], environment);
  // Not in a worker's memory: what a program gets that asks onnxruntime-node for a product.
  const bareProduct = (what: string) =>
    startEngine(what, process.execPath, ['--import', 'tsx', script, what, folder, options.threads], environment);
  const engines = [ours(name), bareProduct('matmul'), bareProduct('matmul:returned')];
  if (options.torch) {
    const args = [join(here, 'training/engine.py'), JSON.stringify(shape), folder, options.threads];
    engines.push(startEngine('torch', options.torch, args, environment));
  }
  if (options.beside) {
    engines.push(startEngine('beside', 'sh', ['-c', `exec ${options.beside.replaceAll('SHAPE', name)}`], environment));
  }
  const series = await duel(engines, Number(options.rounds));
  const [strata, matmul, returned] = series;
  const of = (engine: string) => series.find((s) => s.name === engine);
  // By themselves: the more programs take turns, the less each finds of its data in the caches.
  const again = shape.score
    ? undefined
    : await duel([ours(name), ours(`${name}:recompute`)], Math.ceil(Number(options.rounds) / 2));
  return row(name, shape, {
    strata: strata!,
    matmul: matmul!,
    returned: returned!,
    torch: of('torch'),
    beside: of('beside'),
    kept: again?.[0],
    recomputed: again?.[1],
  });
}

interface Measured {
  strata: Series;
  matmul: Series;
  /** The same product with its result returned. */
  returned: Series;
  torch: Series | undefined;
  beside: Series | undefined;
  /** Without and with recomputation. */
  kept: Series | undefined;
  recomputed: Series | undefined;
}

function row(name: string, shape: Shape, { strata, matmul, returned, torch, beside, kept, recomputed }: Measured): Row {
  const ms = (s: Series) => median(s.answers.map((a) => a.ms));
  const tokens = shape.batch * shape.sequence;
  const gflops = flops(shape) / ms(strata) / 1e6;
  const rateOf = (product: Series) => (2 * 2048 ** 3) / ms(product) / 1e6;
  const [bare, withResult] = [rateOf(matmul), rateOf(returned)];
  const rate = (s: Series) => Math.round((tokens * 1000) / ms(s));
  // Of each round, so that both met the same machine.
  const against = (s: Series, own: Series) => median(s.answers.map((a, i) => a.ms / own.answers[i]!.ms));
  const round = (x: number, digits: number) => Number(x.toFixed(digits));
  return {
    shape: name,
    what: shape.what,
    tokens_per_second: rate(strata),
    gflops: round(gflops, 1),
    matmul_gflops: round(bare, 1),
    share: round(gflops / bare, 2),
    returned_gflops: round(withResult, 1),
    share_of_returned: round(gflops / withResult, 2),
    peak_mb: strata.answers.at(-1)!.peakMB,
    ...(kept &&
      recomputed && {
        recomputed_peak_mb: recomputed.answers.at(-1)!.peakMB,
        recomputed_time: round(against(recomputed, kept), 2),
      }),
    ...(torch && {
      torch_tokens_per_second: rate(torch),
      torch_peak_mb: torch.answers.at(-1)!.peakMB,
      ratio: round(against(torch, strata), 2),
      loss_difference: round(Math.abs(torch.first.loss - strata.first.loss), 6),
    }),
    ...(beside && {
      beside_share: round(flops(shape) / ms(beside) / 1e6 / bare, 2),
      beside_ratio: round(against(beside, strata), 2),
    }),
  };
}

function markdown(rows: readonly Row[], machine: string): string {
  const cells = rows.map((r) =>
    [
      r.shape,
      r.what,
      r.tokens_per_second,
      r.gflops,
      r.matmul_gflops,
      r.share,
      r.returned_gflops,
      r.share_of_returned,
      r.peak_mb,
      r.torch_tokens_per_second ?? '–',
      r.torch_peak_mb ?? '–',
      r.ratio ?? '–',
      ...(options.beside ? [r.beside_share ?? '–', r.beside_ratio ?? '–'] : []),
    ].join(' | '),
  );
  const memory = rows
    .filter((r) => r.recomputed_peak_mb !== undefined)
    .map((r) => {
      const share = (mb: number) => (r.torch_peak_mb ? (mb / r.torch_peak_mb).toFixed(2) : '–');
      const [own, again] = [r.peak_mb, r.recomputed_peak_mb!];
      return [r.shape, own, share(own), again, share(again), r.recomputed_time].join(' | ');
    });
  const beside = options.beside ? ' share of the other | ratio to it |' : '';
  return `# Training and scoring speed

${machine}. Medians of ${options.rounds} steps, engines alternating step by step in random order.

| shape | what | tokens/s | GFLOP/s | bare 2048³ | share | result returned | share | peak MB | PyTorch tokens/s | PyTorch peak MB | ratio |${beside}
|---|---|---|---|---|---|---|---|---|---|---|---|${beside && '---|---|'}
${cells.map((c) => `| ${c} |`).join('\n')}

Share: FLOPs of the step (attention counted as the whole square) per second over those of the bare product, which is measured
in the same run: by itself, of which only the largest value comes back, and with its result returned to JavaScript, which is how
the shares were measured that this bench is asked for (A 0.78, B 1.0). Ratio: time of PyTorch (eager, fused AdamW, sdpa) over ours, median of the rounds; within 5 % is a tie.

## Memory, and what recomputation saves and costs

| shape | peak MB | share of PyTorch's | recomputed: peak MB | share of PyTorch's | time of a step |
|---|---|---|---|---|---|
${memory.map((c) => `| ${c} |`).join('\n')}

Recomputed: activations of a layer are computed again on the way back instead of being kept (recompute: true); the time is
that of a step over the one without. PyTorch's peak is that of the first table, without checkpointing.

Scoring is measured here with repacked weights, which the product does not use: see inference.md for what it does.
`;
}

const rows: Row[] = [];
for (const name of options.shapes.split(',')) {
  rows.push(await measure(name));
  console.error(JSON.stringify(rows.at(-1)));
}
const header = `${today()}, ${machine(options)}`;
const page = markdown(rows, header);
console.log(page);
if (options.out) {
  const name = resultsName('training', options.isa);
  await writeResults(options.out, name, { machine: header, rounds: Number(options.rounds), rows }, page);
}
