import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Failure } from '../../../src/base/problem.ts';
import { resolve } from '../../../src/plan/resolve.ts';
import { arm, config, corpus, experiment, facts, plan, runsOf } from './world.ts';

const rivals = `arms:
  base: {}
  s: { expand: { after: shallow_half, blocks: 8 }, prune: { last: 2 }, merge: { into: 29, of: [29, 30, 31] }, train: [new, merged] }
  lora: { lora: { rank: match, arm: s } }
  s_chat: { from: s, train: [new], training: { corpus: other, steps: 3 } }
  chat2: { from: lora, train: [layers 0-1] }
seeds: [1, 2, 3]`;

test('arms × seeds give runs; an arm that trains nothing runs once and has no seed', () => {
  const planned = plan(rivals);
  assert.deepEqual(planned.diagnostics, []);
  assert.deepEqual(
    planned.arms.map((a) => [a.name, a.runs.length]),
    [
      ['base', 1],
      ['s', 3],
      ['lora', 3],
      ['s_chat', 3],
      ['chat2', 3],
    ],
  );
  const [base] = runsOf(planned, 'base');
  assert.equal(base?.seed, undefined);
  assert.equal('seed' in JSON.parse(JSON.stringify(base?.spec)), false);
  assert.deepEqual(base?.spec.trained, []);
  assert.deepEqual(
    runsOf(planned, 's').map((r) => r.spec.seed),
    [1, 2, 3],
  );
});

test('surgery only, without training, runs once too', () => {
  const planned = plan('arms:\n  cut: { prune: { last: 2 } }\nseeds: [1, 2]');
  assert.deepEqual(
    planned.runs.map((r) => [r.arm, r.seed, r.spec.surgery]),
    [['cut', undefined, { prune: [30, 31] }]],
  );
});

test('surgery in the spec is resolved to base layers', () => {
  const [run] = runsOf(plan(rivals), 's');
  assert.deepEqual(run?.spec.surgery, {
    expand: { after: [1, 3, 5, 7, 9, 11, 13, 15], init: 'average', identity: true },
    prune: [30, 31],
    merge: { into: 29, of: [29, 30, 31] },
  });
});

test('a child pairs with the parent of its seed: its hash is in the spec, its blocks are new to the child', () => {
  const planned = plan(rivals);
  const parents = runsOf(planned, 's');
  for (const [i, child] of runsOf(planned, 's_chat').entries()) {
    assert.equal(child.parent, parents[i]?.id);
    assert.equal(child.spec.parent, parents[i]?.hash);
    assert.deepEqual(child.spec.surgery, {});
    assert.equal(child.spec.training?.steps, 3);
    assert.deepEqual(child.sources.corpus, ['/data/other.txt']);
  }
  const child = arm(planned, 's_chat');
  assert.equal(child.layers.length, 38);
  assert.equal(child.trainedParameters, 8 * 2592);
  assert.ok(child.trained[0]?.startsWith('model.layers.2.'));
});

test('a change of the parent changes the child', () => {
  const before = runsOf(plan(rivals), 's_chat')[0]?.hash;
  const after = runsOf(plan(rivals.replace('blocks: 8', 'blocks: 4')), 's_chat')[0]?.hash;
  assert.ok(before && after && before !== after);
});

test('asked for the child only, the parent runs too, and before it, wherever it stands in the file', () => {
  const lines =
    'arms:\n  child: { from: parent, train: [all] }\n  parent: { train: [layers 0] }\n  other: { train: [all] }';
  const planned = plan(lines, { arms: ['child'] });
  assert.deepEqual(
    planned.runs.map((r) => r.arm),
    ['parent', 'child'],
  );
  assert.deepEqual(
    planned.arms.map((a) => a.name),
    ['child', 'parent'],
  );
});

test('a parent that is only evaluated has one run, which stands for every seed', () => {
  const planned = plan('arms:\n  cut: { prune: { last: 2 } }\n  healed: { from: cut, train: [all] }\nseeds: [1, 2]');
  const [cut] = runsOf(planned, 'cut');
  assert.deepEqual(
    runsOf(planned, 'healed').map((r) => [r.seed, r.parent]),
    [
      [1, cut?.id],
      [2, cut?.id],
    ],
  );
});

test('what is asked for changes no id', () => {
  const all = plan(rivals).runs.map((run) => run.id);
  for (const name of ['base', 's', 'lora', 's_chat'])
    for (const run of plan(rivals, { arms: [name], seeds: [2] }).runs) assert.ok(all.includes(run.id), run.id);
});

test('only some seeds', () => {
  assert.deepEqual(
    runsOf(plan(rivals, { seeds: [2] }), 's').map((r) => r.seed),
    [2],
  );
});

const refused: [name: string, options: Parameters<typeof plan>[1], code: string][] = [
  ['an arm that is not there', { arms: ['sx'] }, 'unknown-arm'],
  ['a seed that is not there', { seeds: [9] }, 'unknown-seed'],
];
for (const [name, options, code] of refused)
  test(`${name} is a wrong option: ${code}`, () => {
    assert.throws(
      () => plan(rivals, options),
      (error: unknown) => error instanceof Failure && error.problem.code === code,
    );
  });

test('rank: match takes the rank with the nearest number of trained parameters, alpha is twice the rank', () => {
  const { lora, matched, trainedParameters } = arm(plan(rivals), 'lora');
  // Σ (in + out) of 32 layers × (4 attention modules 16+16, 3 mlp modules 16+32) = 8704; 23328 / 8704 = 2.68.
  assert.equal(lora?.rank, 3);
  assert.equal(lora?.alpha, 6);
  assert.equal(trainedParameters, 3 * 8704);
  assert.deepEqual(matched, { arm: 's', parameters: 23328 });
  assert.equal(lora?.weights.length, 32 * 7);
});

test('rank: match counts what the arm trains besides', () => {
  const planned = plan(`arms:
  s: { train: [layers 0-8] }
  both: { train: [head], lora: { rank: match, arm: s } }`);
  // 9 · 2592 = 23328, less the head of 1024: 22304 / 8704 = 2.56.
  assert.equal(arm(planned, 'both').lora?.rank, 3);
  assert.equal(arm(planned, 'both').trainedParameters, 1024 + 3 * 8704);
});

test('targets and layers narrow LoRA; layers are those of the resulting stack', () => {
  const planned = plan(`arms:
  s: { expand: { after: [0], init: copy }, lora: { rank: 2, targets: [q_proj, self_attn.v_proj], layers: [1, 32] } }`);
  assert.deepEqual(
    arm(planned, 's').lora?.weights,
    [1, 32].flatMap((n) => [`model.layers.${n}.self_attn.q_proj.weight`, `model.layers.${n}.self_attn.v_proj.weight`]),
  );
});

const adapter = {
  folder: '/adapter',
  rank: 4,
  alpha: 16,
  rslora: true,
  weights: ['model.layers.0.self_attn.q_proj.weight'],
  hash: 'c'.repeat(64),
};
test('an adapter brings rank, alpha, scaling and weights, and its hash is in the spec', () => {
  const known = facts({ adapters: { a: adapter } });
  const planned = plan('arms:\n  a: { lora: { adapter: adapter } }', { known });
  assert.deepEqual(runsOf(planned, 'a')[0]?.spec.lora, {
    rank: 4,
    alpha: 16,
    rslora: true,
    weights: adapter.weights,
    adapter: adapter.hash,
  });
  assert.equal(runsOf(planned, 'a')[0]?.sources.adapter, '/adapter');
});

const errors: [name: string, lines: string, code: string, known?: Parameters<typeof facts>[0]][] = [
  [
    'an adapter of another rank',
    'arms:\n  a: { lora: { adapter: adapter, rank: 8 } }',
    'lora-adapter-rank',
    { adapters: { a: adapter } },
  ],
  [
    'an adapter of other modules',
    'arms:\n  a: { lora: { adapter: adapter, targets: [k_proj] } }',
    'lora-adapter-targets',
    { adapters: { a: adapter } },
  ],
  ['a glob that matches nothing', 'arms:\n  a: { train: ["model.layers.99.*"] }', 'train-matches-nothing'],
  ['a pruned layer', 'arms:\n  a: { prune: { last: 1 }, train: [layers 30-31] }', 'train-pruned-layer'],
  ['a tensor trained and adapted', 'arms:\n  a: { train: [layers 3], lora: { rank: 2 } }', 'trained-and-adapted'],
  [
    'a layer pruned and merged into',
    'arms:\n  a: { prune: { last: 1 }, merge: { into: 31, of: [30, 31] } }',
    'invalid-surgery',
  ],
  [
    'a match with an arm that trains nothing',
    'arms:\n  b: {}\n  a: { lora: { rank: match, arm: b } }',
    'lora-match-untrained',
  ],
  [
    'ranks that match each other',
    'arms:\n  a: { lora: { rank: match, arm: b } }\n  b: { lora: { rank: match, arm: a } }',
    'arm-cycle',
  ],
  ['LoRA layers beyond the stack', 'arms:\n  a: { lora: { rank: 2, layers: [32] } }', 'layer-out-of-range'],
  [
    'too few token rows',
    'arms:\n  a: { train: [all] }',
    'token-rows-too-few',
    { contents: { text: corpus('text', { kind: 'tokens', documents: 39, rowLength: 32 }) } },
  ],
  [
    'token rows of another length',
    'arms:\n  a: { train: [all] }',
    'token-rows-length',
    { contents: { text: corpus('text', { kind: 'tokens', rowLength: 16 }) } },
  ],
  [
    'epochs of token rows',
    'arms:\n  a: { train: [all], training: { epochs: 1 } }',
    'invalid-epochs',
    { contents: { text: corpus('text', { kind: 'tokens', rowLength: 32 }) } },
  ],
];
for (const [name, lines, code, known] of errors)
  test(`${name} is an error, and there are no runs: ${code}`, () => {
    const planned = plan(lines, { known: facts(known) });
    assert.ok(
      planned.diagnostics.some((d) => d.code === code && d.severity === 'error'),
      JSON.stringify(planned.diagnostics),
    );
    assert.deepEqual(planned.runs, []);
  });

test('diagnostics stand where the experiment says it', () => {
  const asked: (readonly (string | number)[])[] = [];
  plan('arms:\n  a: { train: [all, "x.*"] }', {
    locate: (path) => {
      asked.push(path);
      return { range: { start: 0, end: 0 }, line: 1, column: 1 };
    },
  });
  assert.deepEqual(asked, [['arms', 'a', 'train', 1]]);
});

test('40 rows are enough for 10 steps of 4, also with replay from elsewhere', () => {
  const rows = corpus('text', { kind: 'tokens', documents: 40, rowLength: 32 });
  assert.equal(plan('arms:\n  a: { train: [all] }', { known: facts({ contents: { text: rows } }) }).runs.length, 1);
  const contents = { text: { ...rows, documents: 30 }, other: corpus('other') };
  const training = 'steps: 10, replay: { corpus: other, share: 0.25 }';
  assert.equal(plan('arms:\n  a: { train: [all] }', { training, known: facts({ contents }) }).runs.length, 1);
});

test('memory above the device is a warning with the number, and only where the run is here', () => {
  const machine = { memory: 1e8, threads: 2 };
  const here = plan('arms:\n  a: { train: [all] }', { known: facts({ machine }) });
  assert.deepEqual(
    here.diagnostics.map((d) => [d.code, d.severity]),
    [['memory-above-device', 'warning']],
  );
  assert.match(here.diagnostics[0]!.message, /about \d+ MiB of memory, and this machine has 95\.4 MiB/);
  assert.equal(here.runs.length, 1);
  const there = { ...experiment('arms:\n  a: { train: [all] }'), target: { kind: 'ssh' as const, host: 'gpu' } };
  assert.deepEqual(resolve(there, facts({ machine })).diagnostics, []);
});

test('memory above the device is warned of at the key that it follows from, with settings that would fit', () => {
  const warned = (arms: string, training: string | undefined, share: number) => {
    const memoryOf = (machine?: { memory: number; threads: number }) => {
      const asked: (readonly (string | number)[])[] = [];
      const planned = plan(arms, {
        training,
        known: facts({ ...(machine && { machine }) }),
        locate: (path) => {
          asked.push(path);
          return { range: { start: 0, end: 0 }, line: 1, column: 1 };
        },
      });
      return { memory: arm(planned, 'a').cost.memory, asked, message: planned.diagnostics[0]?.message };
    };
    return memoryOf({ memory: share * memoryOf().memory, threads: 2 });
  };
  const all = 'arms:\n  a: { train: [all] }';
  const large = warned(all, 'steps: 10, micro_batch: 2', 0.999);
  assert.deepEqual(large.asked, [['training', 'micro_batch']]);
  assert.match(large.message!, /Set "(recompute: true|micro_batch: 1" and "recompute: true)": about \d+/);
  assert.deepEqual(warned(all, 'steps: 10', 0.999).asked, [['training', 'batch']]);
  const own = 'arms:\n  a: { train: [all], training: { micro_batch: 2 } }';
  assert.deepEqual(warned(own, undefined, 0.999).asked, [['arms', 'a', 'training', 'micro_batch']]);
  const hopeless = warned(all, 'steps: 10, micro_batch: 2', 0.1);
  assert.deepEqual(hopeless.asked, [['arms', 'a']], 'no setting of the training would do');
  assert.match(hopeless.message!, /train fewer tensors, or use LoRA/);
});

test('overlaps of kept tasks with what is trained are warnings', () => {
  const overlaps = [
    { task: 'perplexity:other', corpora: ['text'], documents: 50, overlapping: 2 },
    { task: 'old', corpora: ['text'], documents: 50, overlapping: 0 },
  ];
  const planned = plan('arms:\n  a: { train: [all] }', { known: facts({ overlaps }) });
  assert.deepEqual(
    planned.diagnostics.map((d) => d.code),
    ['contamination'],
  );
  assert.match(planned.diagnostics[0]!.message, /^2 of 50 documents of perplexity:other/);
});

test('with headers only there are arms with their tensors and counts, but no runs', () => {
  const { base } = facts();
  const known = {
    depth: 'headers' as const,
    problems: [],
    base: { folder: base.folder, config: base.config, tensors: base.tensors },
  };
  const planned = plan(rivals, { known });
  assert.deepEqual(planned.runs, []);
  assert.deepEqual(planned.diagnostics, []);
  assert.equal(arm(planned, 's').trainedParameters, 23328);
  assert.equal(arm(planned, 's').shape?.steps, 10);
});

test('an arm that waits for an analysis is pending, and so is its child; with the analysis both are planned', () => {
  const written = experiment(
    'arms:\n  a: { expand: { after: uniform, blocks: 2 }, train: [new] }\n  c: { from: a, train: [new] }',
  );
  const a = written.arms['a']!;
  const waiting = {
    ...written,
    arms: {
      ...written.arms,
      a: {
        ...a,
        expand: {
          ...a.expand!,
          after: { kind: 'rule' as const, rule: 'analysis' as const, blocks: 2, by: 'influence' },
        },
      },
    },
  };
  const planned = resolve(waiting, facts());
  assert.match(arm(planned, 'a').pending ?? '', /"expand" waits for the analysis/);
  assert.ok(arm(planned, 'c').pending);
  assert.deepEqual(planned.runs, []);
  assert.deepEqual(planned.diagnostics, []);
  const influence = Array.from({ length: 32 }, (_, i) => (i === 7 || i === 3 ? 1 : 0.1));
  const ready = resolve(waiting, facts({ importance: { metrics: { influence } } }));
  assert.deepEqual(ready.runs[0]?.spec.surgery.expand?.after, [3, 7]);
  assert.equal(ready.runs.length, 2);
});

test('the sequence defaults to the smaller of 512 and the positions of the model', () => {
  for (const [positions, expected] of [
    [128, 128],
    [4096, 512],
  ] as const) {
    const written = experiment('arms:\n  a: { train: [all] }');
    delete written.arms['a']!.training!.sequence;
    const planned = resolve(written, facts({}, config({ max_position_embeddings: positions })));
    assert.equal(planned.runs[0]?.spec.training?.sequence, expected);
  }
});

test('the spec of a run holds no path, no name and nothing unresolved', () => {
  const [run] = runsOf(plan(rivals, { training: 'epochs: 1, replay: { corpus: other, share: 0.25 }' }), 's');
  assert.deepEqual(JSON.parse(JSON.stringify(run?.spec.training)), {
    // 10,000 tokens / 32 = 312.5 rows; 105 batches of 4 hold 420 sequences, 105 of them replay.
    steps: 105,
    batch: 4,
    micro_batch: 4,
    sequence: 32,
    packing: 'document',
    learning_rate: 0.001,
    schedule: 'cosine',
    warmup: 0.05,
    betas: [0.9, 0.95],
    epsilon: 1e-8,
    weight_decay: 0,
    clip: 1,
    precision: 'float32',
    base_precision: 'float32',
    corpus: { hash: corpus('text').hash, kind: 'text', tokenizer: 'b'.repeat(64), field: 'text' },
    replay: {
      corpus: { hash: corpus('other').hash, kind: 'text', tokenizer: 'b'.repeat(64), split: 'line' },
      share: 0.25,
    },
  });
  assert.deepEqual(run?.execution, { recompute: false, checkpoint_every: 50 });
  assert.deepEqual(JSON.parse(JSON.stringify(run?.sources)), {
    model: '/model',
    corpus: ['/data/text.jsonl'],
    replay: ['/data/other.txt'],
  });
});

const evaluated = `tasks:
  old: { kind: choice, files: old.jsonl, shots: 2 }
evaluation: { tasks: [old, "perplexity:other"], every: 5 }
arms:
  base: {}`;
const known = (hash: string) =>
  facts({ tasks: { old: { files: ['/data/old.jsonl'] } }, taskContents: { old: { hashes: [hash] } } });
test('tasks come with their files, and a hash of what they ask', () => {
  const [run] = plan(evaluated, { known: known('1') }).runs;
  assert.deepEqual(
    run?.tasks.map((t) => [t.name, t.files]),
    [
      ['old', ['/data/old.jsonl']],
      ['perplexity:other', ['/data/other.txt']],
    ],
  );
  assert.equal(run?.every, 5);
  const hash = (written: string, content: string) => plan(written, { known: known(content) }).runs[0]?.tasks[0]?.hash;
  const own = hash(evaluated, '1');
  assert.notEqual(hash(evaluated, '2'), own, 'other contents');
  assert.notEqual(hash(evaluated.replace('shots: 2', 'shots: 3'), '1'), own, 'another number of shots');
  assert.equal(hash(evaluated.replace('files: old.jsonl', 'files: ./old.jsonl'), '1'), own, 'where the file lies');
});
test('tasks change no run', () => {
  assert.equal(plan(evaluated, { known: known('1') }).runs[0]?.id, plan('arms:\n  base: {}').runs[0]?.id);
});
