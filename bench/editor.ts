// `npx tsx bench/editor.ts`: how long diagnostics and completion take on a file of 200 lines with a model of 38 layers, in the
// server's functions and as a client of the server's process sees them. Writes bench/results/editor.json.
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { cpus, loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { complete } from '../src/language/complete.ts';
import { createView } from '../src/language/view.ts';
import { expectedTensors } from '../src/model/names.ts';
import { openModel } from '../src/model/open.ts';
import { diagnose } from '../src/plan/diagnose.ts';
import { gather } from '../src/plan/gather.ts';
import { root } from '../test/support.ts';
import { startServer } from '../test/unit/language/client.ts';

const layers = 38;
const rounds = 200;

/** A model folder of 38 layers: the shapes are small, the names and the number of tensors are those of a real one. */
async function writeModel(folder: string): Promise<void> {
  const { config } = await openModel(join(root, 'samples', 'base'));
  const header: Record<string, unknown> = {};
  let offset = 0;
  for (const { name, shape } of expectedTensors({ ...config, layers, windows: Array(layers).fill(null) })) {
    const bytes = 4 * shape.reduce((a, b) => a * b, 1);
    header[name] = { dtype: 'F32', shape, data_offsets: [offset, offset + bytes] };
    offset += bytes;
  }
  const json = Buffer.from(JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(json.length));
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, 'model.safetensors'), Buffer.concat([length, json, Buffer.alloc(offset)]));
  await writeFile(join(folder, 'config.json'), JSON.stringify({ ...config.raw, num_hidden_layers: layers }));
}

/** 200 lines: arms of every kind, in block style, as a long experiment has them. */
function experiment(): string {
  const head = `strata: 1
title: Many arms
model: model
corpora:
  rows: { tokens: rows.jsonl }
  other: { tokens: other.jsonl }
arms:
  base: {}
  match:
    lora: { rank: match, arm: s0 }
`;
  const tail = `training:
  corpus: rows
  steps: 100
  learning_rate: 1e-3
evaluation: { tasks: [perplexity:other] }
seeds: [1, 2, 3]
`;
  const lines = [...head.trimEnd().split('\n')];
  for (let i = 0; lines.length < 200 - 6; i++)
    lines.push(
      `  s${i}:`,
      '    expand:',
      '      after: shallow_half',
      `      blocks: ${1 + (i % 19)}`,
      '    train:',
      '      - new',
      `      - layers ${i % layers}`,
      `      - model.layers.${i % layers}.mlp.*`,
    );
  return `${lines.slice(0, 194).join('\n')}\n${tail}`;
}

const percentile = (values: readonly number[], share: number) =>
  [...values].sort((a, b) => a - b)[Math.ceil(share * values.length) - 1]!;
const summary = (values: readonly number[]) => ({
  p50: Number(percentile(values, 0.5).toFixed(2)),
  p95: Number(percentile(values, 0.95).toFixed(2)),
});

const folder = await mkdtemp(join(tmpdir(), 'strata-bench-'));
try {
  await writeModel(join(folder, 'model'));
  const row = `${JSON.stringify({ input_ids: Array.from({ length: 64 }, (_, i) => i) })}\n`;
  for (const name of ['rows.jsonl', 'other.jsonl']) await writeFile(join(folder, name), row.repeat(2500));
  const file = join(folder, 'many.strata.yaml');
  const text = experiment();
  const at = text.indexOf('blocks: ', text.length / 2) + 'blocks: '.length;
  /** As if a digit were typed: every round is another text. */
  const typed = (i: number) => `${text.slice(0, at)}${1 + (i % 9)}${text.slice(at + 1)}`;

  const facts = await gather(createView(text, file).draft, { depth: 'files', cacheFolder: null });
  const found = diagnose(createView(text, file, facts), facts);
  if (text.split('\n').length !== 201 || found.length > 0)
    throw new Error(`not the file that is meant: ${JSON.stringify(found[0])}`);

  const server: number[] = [];
  const busy: number[] = [];
  for (let i = -50; i < rounds; i++) {
    const [start, used] = [performance.now(), process.cpuUsage()];
    const view = createView(typed(i + 50), file, facts);
    diagnose(view, view.facts, view.plan);
    complete(view, at + 1);
    const { user, system } = process.cpuUsage(used);
    if (i < 0) continue;
    server.push(performance.now() - start);
    busy.push((user + system) / 1000);
  }

  const client = await startServer();
  const uri = client.open(file, text);
  await client.diagnostics(uri, () => true);
  const line = text.slice(0, at).split('\n').length - 1;
  const character = at - text.lastIndexOf('\n', at - 1);
  const seen: number[] = [];
  for (let i = -50; i < rounds; i++) {
    client.change(uri, i + 100, typed(i + 50));
    const start = performance.now();
    await client.connection.sendRequest('textDocument/completion', {
      textDocument: { uri },
      position: { line, character },
    });
    await client.connection.sendRequest('textDocument/codeAction', {
      textDocument: { uri },
      range: { start: { line, character }, end: { line, character } },
      context: { diagnostics: [] },
    });
    if (i >= 0) seen.push(performance.now() - start);
  }
  await client.stop();

  const result = {
    what: `diagnostics and completion after each keystroke: a file of 200 lines, a model of ${layers} layers, ${rounds} rounds`,
    // Processor time of all threads beside: on a busy machine the wall clock says more about the others.
    milliseconds: { server: summary(server), serverProcessorTime: summary(busy), client: summary(seen) },
    load: loadavg().map((n) => Number(n.toFixed(1))),
    limits: { server: { p95: 8 }, client: { p95: 50 } },
    node: process.version,
    processor: cpus()[0]?.model,
    cores: cpus().length,
  };
  await mkdir(join(root, 'bench', 'results'), { recursive: true });
  await writeFile(join(root, 'bench', 'results', 'editor.json'), `${JSON.stringify(result, null, 2)}\n`);
  console.log(JSON.stringify(result.milliseconds));
  process.exitCode = result.milliseconds.server.p95 <= 8 && result.milliseconds.client.p95 <= 50 ? 0 : 1;
} finally {
  await rm(folder, { recursive: true, force: true });
}
