// Surgery on a checkpoint of a real size: peak memory of the process, and speed against `cp` of as many bytes.
//
//   npm run build && node bench/surgery.mjs [--size 7b|1b|tiny] [--rounds 2] [--folder DIR]
//
// Writes a random bfloat16 checkpoint in shards, then takes turns: `cp` of the checkpoint, the S strategy through the built
// command line, …, so that both see the same state of disk and cache. Speed = bytes written / wall time; both end with the
// data on the disk (cp is followed by `sync` of its files, as strata's are synced before they are renamed).
import { spawn } from 'node:child_process';
import { randomFillSync } from 'node:crypto';
import {
  closeSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { cpus, tmpdir, totalmem } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const { values: options } = parseArgs({
  options: {
    size: { type: 'string', default: '7b' },
    rounds: { type: 'string', default: '2' },
    folder: { type: 'string', default: tmpdir() },
  },
});

/** Llama-2-7B, a model of its shape with a billion parameters, and one to try this program with. */
const sizes = {
  '7b': {
    hidden_size: 4096,
    intermediate_size: 11008,
    num_hidden_layers: 32,
    num_attention_heads: 32,
    vocab_size: 32000,
  },
  '1b': {
    hidden_size: 2048,
    intermediate_size: 5632,
    num_hidden_layers: 22,
    num_attention_heads: 32,
    vocab_size: 32000,
  },
  tiny: { hidden_size: 256, intermediate_size: 688, num_hidden_layers: 12, num_attention_heads: 4, vocab_size: 1000 },
};
const shape = sizes[options.size];
if (!shape) throw new Error(`--size is one of ${Object.keys(sizes).join(', ')}`);

const work = join(options.folder, `strata-bench-surgery-${process.pid}`);
const model = join(work, 'model');

function tensors() {
  const { hidden_size: h, intermediate_size: f, num_hidden_layers: layers, vocab_size: v } = shape;
  const layer = (i) =>
    Object.entries({
      input_layernorm: [h],
      'self_attn.q_proj': [h, h],
      'self_attn.k_proj': [h, h],
      'self_attn.v_proj': [h, h],
      'self_attn.o_proj': [h, h],
      post_attention_layernorm: [h],
      'mlp.gate_proj': [f, h],
      'mlp.up_proj': [f, h],
      'mlp.down_proj': [h, f],
    }).map(([module, s]) => [`model.layers.${i}.${module}.weight`, s]);
  return [
    ['model.embed_tokens.weight', [v, h]],
    ...Array.from({ length: layers }, (_, i) => layer(i)).flat(),
    ['model.norm.weight', [h]],
    ['lm_head.weight', [v, h]],
  ];
}

/** Random bfloat16 values around ±0.02: sign and mantissa random, exponents of a trained model. */
function randomWeights(bytes) {
  const values = new Uint16Array(bytes / 2);
  randomFillSync(values);
  for (let i = 0; i < values.length; i++) values[i] = (values[i] & 0x83ff) | 0x3800;
  return new Uint8Array(values.buffer);
}

/** Shards of at most 5 GB, written without any code of Strata. Returns the bytes of all tensors. */
function writeModel() {
  mkdirSync(model, { recursive: true });
  const config = {
    architectures: ['LlamaForCausalLM'],
    model_type: 'llama',
    ...shape,
    num_key_value_heads: shape.num_attention_heads,
    max_position_embeddings: 4096,
    rms_norm_eps: 1e-5,
    tie_word_embeddings: false,
    hidden_act: 'silu',
    initializer_range: 0.02,
    torch_dtype: 'bfloat16',
  };
  writeFileSync(join(model, 'config.json'), JSON.stringify(config, null, 2));
  const shards = [[]];
  let filled = 0;
  for (const [name, s] of tensors()) {
    const bytes = 2 * s.reduce((a, b) => a * b, 1);
    if (filled > 0 && filled + bytes > 5e9) {
      shards.push([]);
      filled = 0;
    }
    shards.at(-1).push({ name, shape: s, bytes });
    filled += bytes;
  }
  const pool = randomWeights(64 << 20);
  const weight_map = {};
  let total = 0;
  shards.forEach((shard, i) => {
    const file = `model-${String(i + 1).padStart(5, '0')}-of-${String(shards.length).padStart(5, '0')}.safetensors`;
    let offset = 0;
    const header = {};
    for (const t of shard) {
      header[t.name] = { dtype: 'BF16', shape: t.shape, data_offsets: [offset, offset + t.bytes] };
      offset += t.bytes;
      weight_map[t.name] = file;
    }
    const json = Buffer.from(JSON.stringify(header).padEnd(Math.ceil(JSON.stringify(header).length / 8) * 8));
    const length = Buffer.alloc(8);
    length.writeBigUInt64LE(BigInt(json.length));
    const fd = openSync(join(model, file), 'w');
    writeSync(fd, length);
    writeSync(fd, json);
    for (const t of shard)
      for (let done = 0; done < t.bytes; ) {
        // A start that shifts from piece to piece keeps layers different, so that averages are no copies.
        const start = (((total + done) / 2) % 4097) * 2;
        done += writeSync(fd, pool, start, Math.min(pool.length - start, t.bytes - done));
      }
    fsyncSync(fd);
    closeSync(fd);
    total += offset;
  });
  writeFileSync(
    join(model, 'model.safetensors.index.json'),
    JSON.stringify({ metadata: { total_size: total }, weight_map }),
  );
  return total;
}

/** Runs a program; resolves to seconds and its peak resident memory (VmHWM, sampled until its last moment). */
function run(command, args) {
  return new Promise((resolve, reject) => {
    const began = performance.now();
    const child = spawn(command, args, { stdio: ['ignore', 'ignore', 'inherit'] });
    let peak = 0;
    const sample = () => {
      try {
        const match = /VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${child.pid}/status`, 'utf8'));
        if (match) peak = Math.max(peak, Number(match[1]) * 1024);
      } catch {
        // It has ended since.
      }
    };
    const timer = setInterval(sample, 50);
    child.on('error', reject);
    child.on('exit', (code) => {
      clearInterval(timer);
      if (code === 0) resolve({ seconds: (performance.now() - began) / 1000, peak });
      else reject(new Error(`${command} ${args.join(' ')} ended with ${code}`));
    });
  });
}

const folderBytes = (folder) => readdirSync(folder).reduce((sum, name) => sum + statSync(join(folder, name)).size, 0);

const strata = join(root, 'dist', 'strata.mjs');
const layers = shape.num_hidden_layers;
const half = Math.floor(layers / 2);
const after = Array.from({ length: layers / 4 }, (_, k) => Math.floor((half * (k + 1)) / Math.floor(layers / 4)) - 1);
const surgery = [
  '--expand-after',
  after.join(','),
  '--prune-last',
  '2',
  '--merge-into',
  String(layers - 3),
  '--merge-of',
  [3, 2, 1].map((n) => layers - n).join(','),
];

const rounds = [];
try {
  const bytes = writeModel();
  process.stderr.write(`${(bytes / 1e9).toFixed(2)} GB in ${work}\n`);
  for (let round = 0; round < Number(options.rounds); round++) {
    const copy = join(work, 'copy');
    const copied = await run('sh', ['-c', 'cp -r "$1" "$2" && sync "$2"/*', 'sh', model, copy]);
    const copyBytes = folderBytes(copy);
    rmSync(copy, { recursive: true });
    const out = join(work, 'out');
    const made = await run(process.execPath, [strata, 'surgery', model, out, ...surgery]);
    const outBytes = folderBytes(out);
    rmSync(out, { recursive: true });
    const row = {
      cp_gb_per_s: copyBytes / copied.seconds / 1e9,
      surgery_gb_per_s: outBytes / made.seconds / 1e9,
      ratio: outBytes / made.seconds / (copyBytes / copied.seconds),
      cp_seconds: copied.seconds,
      surgery_seconds: made.seconds,
      cp_bytes: copyBytes,
      surgery_bytes: outBytes,
      peak_mb: made.peak / 1e6,
    };
    rounds.push(row);
    process.stderr.write(
      `round ${round + 1}: cp ${row.cp_gb_per_s.toFixed(2)} GB/s, surgery ${row.surgery_gb_per_s.toFixed(2)} GB/s (${row.ratio.toFixed(2)} of cp), peak ${row.peak_mb.toFixed(0)} MB\n`,
    );
  }
} finally {
  rmSync(work, { recursive: true, force: true });
}
// Disks give and take bursts for longer than a round, so the sums over all rounds say more than any one of them.
const sum = (key) => rounds.reduce((total, row) => total + row[key], 0);
const pooled_ratio = sum('surgery_bytes') / sum('surgery_seconds') / (sum('cp_bytes') / sum('cp_seconds'));
const result = {
  pooled_ratio,
  what: 'S strategy on a random bfloat16 checkpoint through the command line, against cp of the checkpoint',
  size: options.size,
  surgery: surgery.join(' '),
  node: process.version,
  machine: { cpu: cpus()[0].model, cores: cpus().length, memory_gb: totalmem() / 1e9 },
  rounds,
};
mkdirSync(join(root, 'bench', 'results'), { recursive: true });
writeFileSync(join(root, 'bench', 'results', `surgery-${options.size}.json`), `${JSON.stringify(result, null, 2)}\n`);
process.stdout.write(`${JSON.stringify(result, null, 2)}\n`);
