import assert from 'node:assert/strict';
import { execFile, execFileSync } from 'node:child_process';
import { appendFile, mkdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { root, temporaryFolder } from '../support.ts';
import { safetensors, writeTinyModel } from '../tiny-model.ts';

/**
 * What a user can get wrong, as a user meets it: the built command line, an exit code, a sentence with place and remedy,
 * never a stack trace.
 */
interface Case {
  name: string;
  /** Changes the folder with a working experiment (`x.strata.yaml`, `base/`, `facts.txt`, `recall.jsonl`). */
  spoil: (folder: string) => Promise<unknown>;
  args?: string[];
  input?: string;
  /** 0: only a warning. */
  code: 0 | 1 | 2;
  /** What the output must say: the place, the reason, the remedy. */
  says: RegExp[];
}

const experiment = `strata: 1
model: base
corpora:
  facts: { files: facts.txt, split: line, holdout: 0.2 }
tasks:
  recall: { kind: choice, files: recall.jsonl }
arms:
  base: {}
  s: { expand: { after: shallow_half, blocks: 1, init: average }, prune: { last: 1 }, train: [new] }
  full: { train: [all] }
training: { corpus: facts, steps: 2, batch: 2, sequence: 32, learning_rate: 1e-3 }
evaluation: { tasks: [recall, "perplexity:facts"] }
`;

const folder = await temporaryFolder();
const program = join(root, 'dist', 'strata.mjs');
const file = 'x.strata.yaml';

async function writeWorking(folder: string): Promise<void> {
  await writeTinyModel(join(folder, 'base'));
  await writeFile(join(folder, file), experiment);
  const facts = Array.from({ length: 20 }, (_, i) => `Person ${i} lives in town number ${i * 7}.`);
  await writeFile(join(folder, 'facts.txt'), `${facts.join('\n')}\n`);
  const questions = Array.from({ length: 4 }, (_, i) => ({
    context: `Person ${i}?`,
    choices: ['a', 'b'],
    answer: i % 2,
  }));
  await writeFile(join(folder, 'recall.jsonl'), `${questions.map((q) => JSON.stringify(q)).join('\n')}\n`);
}

/** Replaces a part of the experiment file. */
const edit = (from: string | RegExp, to: string) => async (folder: string) => {
  const text = await readFile(join(folder, file), 'utf8');
  const changed = text.replace(from, to);
  assert.notEqual(changed, text, `the edit ${String(from)} must change the file`);
  await writeFile(join(folder, file), changed);
};
const write = (path: string, content: string | Uint8Array) => (folder: string) =>
  writeFile(join(folder, path), content);
/** Rewrites the base's safetensors header. */
const header =
  (change: (h: Record<string, { dtype: string; shape: number[]; data_offsets: number[] }>) => void) =>
  async (folder: string) => {
    const path = join(folder, 'base/model.safetensors');
    const bytes = await readFile(path);
    const length = Number(bytes.readBigUInt64LE(0));
    const parsed = JSON.parse(bytes.subarray(8, 8 + length).toString());
    change(parsed);
    const text = Buffer.from(JSON.stringify(parsed));
    const size = Buffer.alloc(8);
    size.writeBigUInt64LE(BigInt(text.length));
    await writeFile(path, Buffer.concat([size, text, bytes.subarray(8 + length)]));
  };
const config = (change: (c: Record<string, unknown>) => void) => async (folder: string) => {
  const path = join(folder, 'base/config.json');
  const parsed = JSON.parse(await readFile(path, 'utf8'));
  change(parsed);
  await writeFile(path, JSON.stringify(parsed));
};
const embedding = 'model.embed_tokens.weight';
const q0 = 'model.layers.0.self_attn.q_proj.weight';
/** The base in shards, by an index that names this one. */
const index = (shard: string) => async (folder: string) => {
  await rm(join(folder, 'base/model.safetensors'));
  const map = JSON.stringify({ metadata: {}, weight_map: { [embedding]: shard } });
  await writeFile(join(folder, 'base/model.safetensors.index.json'), map);
};
const check = ['check', file];
const plan = ['plan', file];
const run = ['run', file];
const inspect = ['inspect', 'base'];

const cases: Case[] = [
  // The experiment file
  {
    name: 'a file that is not there',
    spoil: async () => {},
    args: ['check', 'nowhere.strata.yaml'],
    code: 2,
    says: [/nowhere\.strata\.yaml/],
  },
  { name: 'broken YAML', spoil: edit('arms:', 'arms: ['), args: check, code: 1, says: [/x\.strata\.yaml:\d+:\d+ /] },
  {
    name: 'an anchor',
    spoil: edit('{ train: [all] }', '&a { train: [all] }'),
    args: check,
    code: 1,
    says: [/:10:9 /, /anchor/i],
  },
  { name: 'a key twice', spoil: edit('  base: {}', '  base: {}\n  base: {}'), args: check, code: 1, says: [/:9:3 /] },
  {
    name: 'an unknown key',
    spoil: edit('corpora:', 'corpra:'),
    args: check,
    code: 1,
    says: [/:3:1 /, /corpra/, /corpora/],
  },
  {
    name: 'an unknown key of an arm',
    spoil: edit('prune:', 'purne:'),
    args: check,
    code: 1,
    says: [/:9:\d+ /, /purne/, /prune/],
  },
  { name: 'no model', spoil: edit('model: base\n', ''), args: check, code: 1, says: [/model/] },
  {
    name: 'a word for a number',
    spoil: edit('steps: 2', 'steps: many'),
    args: check,
    code: 1,
    says: [/:11:\d+ /, /steps/],
  },
  {
    name: 'steps and tokens',
    spoil: edit('steps: 2', 'steps: 2, tokens: 100'),
    args: check,
    code: 1,
    says: [/steps/, /tokens/],
  },
  {
    name: 'a layer out of range',
    spoil: edit('{ after: shallow_half, blocks: 1, init: average }', '{ after: [9] }'),
    args: check,
    code: 1,
    says: [/:9:\d+ /, /\b9\b/, /0 to 3/],
  },
  {
    name: 'more blocks than the region has layers',
    spoil: edit('blocks: 1', 'blocks: 3'),
    args: check,
    code: 1,
    says: [/blocks/, /\b2\b/],
  },
  {
    name: 'pruning a layer that is expanded after',
    spoil: edit('after: shallow_half, blocks: 1,', 'after: [3],'),
    args: check,
    code: 1,
    says: [/:9:\d+ /, /\b3\b/],
  },
  { name: 'train: []', spoil: edit('train: [new]', 'train: []'), args: check, code: 1, says: [/train/] },
  {
    name: 'training that nothing uses',
    spoil: edit(/ {2}s:.*\n {2}full:.*\n/, ''),
    args: check,
    code: 0,
    says: [/training/],
  },
  { name: 'trained arms without training', spoil: edit(/training:.*\n/, ''), args: check, code: 1, says: [/training/] },
  {
    name: 'a sequence longer than the positions',
    spoil: edit('sequence: 32', 'sequence: 4096'),
    args: check,
    code: 1,
    says: [/4096/, /128/],
  },
  {
    name: 'an unknown corpus',
    spoil: edit('corpus: facts', 'corpus: fact'),
    args: check,
    code: 1,
    says: [/fact\b/, /facts/],
  },
  {
    name: 'an unknown task',
    spoil: edit('tasks: [recall,', 'tasks: [recal,'),
    args: check,
    code: 1,
    says: [/recal\b/, /recall/],
  },
  {
    name: 'a cycle in from',
    spoil: edit('full: { train: [all] }', 'full: { from: more, train: [all] }\n  more: { from: full, train: [all] }'),
    args: check,
    code: 1,
    says: [/:10:\d+ /, /full/, /more/],
  },
  {
    name: 'micro_batch that does not divide batch',
    spoil: edit('batch: 2', 'batch: 4, micro_batch: 3'),
    args: check,
    code: 1,
    says: [/micro_batch/, /\b4\b/],
  },
  {
    name: 'a selector that matches nothing',
    spoil: edit('train: [all]', 'train: ["*.nothing.*"]'),
    args: plan,
    code: 2,
    says: [/nothing/],
  },
  {
    name: 'a benchmark without its data',
    spoil: edit('tasks: [recall,', 'tasks: [recall, arc_easy,'),
    args: check,
    code: 1,
    says: [/file-missing/, /arc_easy/, /STRATA_DATA/],
  },
  {
    name: 'a device that comes later',
    spoil: edit('evaluation:', 'device: cuda\nevaluation:'),
    args: check,
    code: 1,
    says: [/not-available/, /cuda/],
  },
  {
    name: 'an option that does not exist',
    spoil: async () => {},
    args: ['run', file, '--fast'],
    code: 2,
    says: [/--fast/],
  },
  {
    name: 'an arm that does not exist',
    spoil: async () => {},
    args: ['run', file, '--arm', 'sx'],
    code: 2,
    says: [/sx/],
  },
  {
    name: 'a run that does not exist',
    spoil: async () => {},
    args: ['attach', 'no-such-run'],
    code: 2,
    says: [/no-such-run/],
  },
  // The model
  { name: 'no model folder', spoil: edit('model: base', 'model: bose'), args: plan, code: 2, says: [/bose/] },
  {
    name: 'config.json that is no JSON',
    spoil: write('base/config.json', '{ "model_type": '),
    args: inspect,
    code: 2,
    says: [/config\.json/],
  },
  {
    name: 'another family',
    spoil: config((c) => {
      c['model_type'] = 'mamba';
    }),
    args: inspect,
    code: 2,
    says: [/mamba/, /llama/],
  },
  {
    name: 'weights as .bin only',
    spoil: async (f) => {
      await rm(join(f, 'base/model.safetensors'));
      await writeFile(join(f, 'base/pytorch_model.bin'), 'x');
    },
    args: inspect,
    code: 2,
    says: [/\.bin/, /safetensors/],
  },
  {
    name: 'a truncated file of weights',
    spoil: async (f) => truncate(join(f, 'base/model.safetensors'), 20_000),
    args: inspect,
    code: 2,
    says: [/model\.safetensors/, /(truncated|ends|short|bytes)/i],
  },
  {
    name: 'a header longer than the file',
    spoil: async (f) => {
      const p = join(f, 'base/model.safetensors');
      const b = await readFile(p);
      b.writeBigUInt64LE(99_999_999n, 0);
      await writeFile(p, b);
    },
    args: inspect,
    code: 2,
    says: [/model\.safetensors/, /header/i],
  },
  {
    name: 'a header that is no JSON',
    spoil: async (f) => {
      const p = join(f, 'base/model.safetensors');
      const b = await readFile(p);
      b.write('xx', 8);
      await writeFile(p, b);
    },
    args: inspect,
    code: 2,
    says: [/model\.safetensors/, /header/i],
  },
  {
    name: 'offsets outside the file',
    spoil: header((h) => {
      h[embedding]!.data_offsets[1]! += 1e9;
    }),
    args: inspect,
    code: 2,
    says: [/embed_tokens/],
  },
  {
    name: 'a shape that does not fit its bytes',
    spoil: header((h) => {
      h[q0]!.shape = [16, 17];
    }),
    args: inspect,
    code: 2,
    says: [/q_proj/],
  },
  {
    name: 'overlapping tensors',
    spoil: header((h) => {
      h[q0]!.data_offsets = h['model.layers.1.self_attn.q_proj.weight']!.data_offsets.slice();
    }),
    args: inspect,
    code: 2,
    says: [/model\.safetensors/, /(overlap|unused)/],
  },
  {
    name: 'a tensor missing',
    spoil: header((h) => {
      h['renamed.weight'] = h[q0]!;
      delete h[q0];
    }),
    args: inspect,
    code: 2,
    says: [/layers\.0\.self_attn\.q_proj\.weight/],
  },
  {
    name: 'a shard outside the folder',
    spoil: index('../../etc/x.safetensors'),
    args: inspect,
    code: 2,
    says: [/index\.json/, /\.\./],
  },
  {
    name: 'a shard that is missing',
    spoil: index('model-00001-of-00002.safetensors'),
    args: inspect,
    code: 2,
    says: [/model-00001-of-00002\.safetensors/],
  },
  {
    name: 'a broken tokenizer',
    spoil: write('base/tokenizer.json', '{ "model": 3 }'),
    args: ['tokenize', 'base'],
    input: '{"text":"x"}\n',
    code: 2,
    says: [/tokenizer\.json/],
  },
  {
    name: 'tokenizer.model only',
    spoil: async (f) => {
      await rm(join(f, 'base/tokenizer.json'));
      await writeFile(join(f, 'base/tokenizer.model'), 'x');
    },
    args: ['tokenize', 'base'],
    input: '{"text":"x"}\n',
    code: 2,
    says: [/tokenizer\.model/, /tokenizer\.json/],
  },
  {
    name: 'a tokenizer larger than the vocabulary',
    spoil: async (f) => {
      const p = join(f, 'base/tokenizer.json');
      const t = JSON.parse(await readFile(p, 'utf8'));
      t.model.vocab['zz'] = 400;
      await writeFile(p, JSON.stringify(t));
    },
    args: check,
    code: 1,
    says: [/tokenizer/, /258/],
  },
  // Data
  {
    name: 'a pattern that matches no file',
    spoil: edit('files: facts.txt', 'files: fatcs/*.txt'),
    args: check,
    code: 1,
    says: [/fatcs/],
  },
  {
    name: 'an empty corpus',
    spoil: write('facts.txt', ''),
    args: plan,
    code: 2,
    says: [/facts/, /empty|no document/i],
  },
  {
    name: 'text that is not UTF-8',
    spoil: async (f) => appendFile(join(f, 'facts.txt'), Buffer.from([0x41, 0xff, 0xfe, 0x0a])),
    args: plan,
    code: 2,
    says: [/facts\.txt/, /UTF-8/],
  },
  {
    name: 'a record without the field',
    spoil: async (f) => {
      await writeFile(join(f, 'facts.jsonl'), '{"txt":"a"}\n');
      await edit(
        '{ files: facts.txt, split: line, holdout: 0.2 }',
        '{ files: facts.jsonl, field: text, holdout: 0.2 }',
      )(f);
    },
    args: check,
    code: 1,
    says: [/facts\.jsonl/, /text/],
  },
  {
    name: 'a hold-out of nothing',
    spoil: async (f) => {
      await edit('split: line, ', '')(f);
    },
    args: plan,
    code: 2,
    says: [/hold/i, /split/],
  },
  {
    name: 'too few token rows',
    spoil: async (f) => {
      await writeFile(join(f, 'rows.jsonl'), `${JSON.stringify({ input_ids: Array(32).fill(5) })}\n`);
      await edit('{ files: facts.txt, split: line, holdout: 0.2 }', '{ tokens: rows.jsonl }')(f);
      await edit(', "perplexity:facts"', '')(f);
    },
    args: run,
    code: 2,
    says: [/rows/, /\b4\b/],
  },
  {
    name: 'an answer that is no choice',
    spoil: async (f) => appendFile(join(f, 'recall.jsonl'), '{"context":"x","choices":["a","b"],"answer":7}\n'),
    args: ['evaluate', 'base', '--tasks', 'recall', '--tasks-file', 'tasks.yaml', '--out', 'out'],
    code: 2,
    says: [/recall\.jsonl:5/],
  },
  {
    name: 'ids outside the vocabulary',
    spoil: write('ids.json', '{"input_ids": [[1, 5000]]}'),
    args: ['logits', 'base', '--ids', 'ids.json', '--out', 'l.safetensors'],
    code: 2,
    says: [/5000/, /257/],
  },
  {
    name: 'ids that are no JSON',
    spoil: write('ids.json', '{"input_ids": [[1,'),
    args: ['logits', 'base', '--ids', 'ids.json', '--out', 'l.safetensors'],
    code: 2,
    says: [/ids\.json/],
  },
  {
    name: 'a folder that is in the way',
    spoil: async (f) => {
      await mkdir(join(f, 'out'));
      await writeFile(join(f, 'out/mine.txt'), 'x');
    },
    args: ['export', 'base', 'out'],
    code: 2,
    says: [/out/],
  },
  // While a run computes
  {
    name: 'a loss that is not a number',
    spoil: edit(
      'steps: 2, batch: 2, sequence: 32, learning_rate: 1e-3',
      'steps: 6, batch: 2, sequence: 32, learning_rate: 1e30, clip: 0',
    ),
    args: run,
    code: 1,
    says: [/diverged/, /step/, /learning_rate/],
  },
  {
    name: 'weights that the last step made infinite',
    spoil: edit('learning_rate: 1e-3', 'learning_rate: 1e39, clip: 0, warmup: 0, schedule: constant'),
    args: run,
    code: 1,
    says: [/not finite|infinite|NaN/i, /learning_rate/],
  },
  {
    name: 'a folder that cannot be written',
    spoil: write('.strata', 'a file where the folder should be'),
    args: run,
    code: 1,
    says: [/\.strata/],
  },
];

// What was used before elsewhere on this machine must not be seen.
const env = { ...process.env, XDG_STATE_HOME: join(folder, 'state'), XDG_CACHE_HOME: join(folder, 'cache') };

/** Runs the program; never rejects. */
function strata(cwd: string, args: string[], input = ''): Promise<{ code: number; output: string }> {
  return new Promise((resolve) => {
    const child = execFile(
      process.execPath,
      [program, ...args],
      { cwd, env, timeout: 60_000 },
      (error, stdout, stderr) => {
        const code = error === null ? 0 : typeof error.code === 'number' ? error.code : -1;
        resolve({ code, output: stdout + stderr });
      },
    );
    child.stdin?.end(input);
  });
}

const ends = async (cwd: string, args: string[], code: number, says: RegExp[], input?: string) => {
  const result = await strata(cwd, args, input);
  assert.equal(result.code, code, `exit code ${result.code} for ${code}; it said:\n${result.output}`);
  for (const pattern of says) assert.match(result.output, pattern);
  assert.doesNotMatch(result.output, /\n\s+at |defect|node:internal/, 'no stack trace');
};

describe('bad input gets a sentence with place, reason and remedy', { concurrency: 2 }, () => {
  test('the experiment that is spoilt below is itself right', async () => {
    const at = join(folder, 'right');
    await mkdir(at);
    await writeWorking(at);
    const { code, output } = await strata(at, check);
    assert.equal(code, 0, output);
  });

  for (const [i, { name, spoil, args = check, input, code, says }] of cases.entries())
    test(name, async () => {
      const at = join(folder, String(i));
      await mkdir(at);
      await writeWorking(at);
      await writeFile(join(at, 'tasks.yaml'), 'recall: { kind: choice, files: recall.jsonl }\n');
      await spoil(at);
      await ends(at, args, code, says, input);
    });

  test('a base that changes during a run stops it, and the run says so', async () => {
    const at = join(folder, 'changes');
    await mkdir(at);
    await writeWorking(at);
    await edit('steps: 2', 'steps: 4000')(at);
    const started = await strata(at, ['run', file, '--arm', 's', '--detach']);
    assert.equal(started.code, 0, started.output);
    const { shape, data } = { shape: [1], data: new Float32Array(1) };
    await appendFile(join(at, 'base/model.safetensors'), safetensors({ late: { shape, data } }));
    await ends(at, ['attach', 'x-s-1'], 1, [/base|model\.safetensors/, /chang/i]);
  });

  const tmpfs = process.getuid?.() === 0 && process.platform === 'linux';
  test('a full disk', { skip: tmpfs ? false : 'needs root on Linux to mount a small file system' }, async () => {
    const at = join(folder, 'full');
    await mkdir(at);
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', at]);
    try {
      await writeWorking(at);
      const room = Number(execFileSync('df', ['--output=avail', '-B1', at]).toString().split('\n')[1]);
      await writeFile(join(at, 'ballast'), Buffer.alloc(Math.max(0, room - 150_000)));
      await edit('steps: 2', 'steps: 40')(at);
      await ends(at, ['run', file, '--arm', 'full'], 1, [/space|disk/i, /[Ff]ree some/]);
      await rm(join(at, 'ballast'));
      const again = await strata(at, ['run', file, '--arm', 'full']);
      assert.equal(again.code, 0, `with room again the run must finish: ${again.output}`);
    } finally {
      execFileSync('umount', ['-l', at]);
    }
  });
});
