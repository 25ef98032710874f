import assert from 'node:assert/strict';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { training as schema } from '../../../src/experiment/schema-arms.ts';
import { isAvailable } from '../../../src/language/availability.ts';
import { complete, folderWanted } from '../../../src/language/complete.ts';
import { cachedEntries, readFolder } from '../../../src/language/folder.ts';
import { createView } from '../../../src/language/view.ts';
import { root, temporaryFolder } from '../../support.ts';
import { atCursor, view } from './fixture.ts';

/** An experiment to write in: two corpora, three tasks, five arms; the model has eight layers. */
const head = `strata: 1
model: base
corpora:
  new_facts: { files: data/new-facts.jsonl }
  general: { files: data/general.jsonl, holdout: 0.05 }
tasks:
  recall_new: { kind: choice, files: data/recall-new.jsonl }
  sums: { kind: generate, files: data/sums.jsonl }
arms:
  base: {}
  s:
    expand: { after: shallow_half, blocks: 2 }
    prune: { last: 1 }
    merge: { into: 5, of: [5, 6] }
    train: [new]
  twice: { expand: { after: [3, 3] }, train: [new] }
  full: { train: [all] }
`;

/** What the client leaves of a list: what continues the word that is being typed. Benchmarks are a matter of their own. */
function offered(marked: string): string[] {
  const { text, offset } = atCursor(marked);
  return complete(view(text), offset)
    .filter(
      ({ kind, filter, range }) =>
        kind !== 'benchmark' && filter.startsWith(text.slice(range.start, offset).trimStart()),
    )
    .map(({ label }) => label);
}

const globs = [
  'model.layers.*.self_attn.*',
  'model.layers.*.mlp.*',
  'model.embed_tokens.weight',
  ...['input_layernorm', 'self_attn.q_proj', 'self_attn.k_proj', 'self_attn.v_proj', 'self_attn.o_proj'].map(
    (m) => `model.layers.*.${m}.weight`,
  ),
  ...['post_attention_layernorm', 'mlp.gate_proj', 'mlp.up_proj', 'mlp.down_proj'].map(
    (m) => `model.layers.*.${m}.weight`,
  ),
  'model.norm.weight',
];
/** Every key of training that this version carries out, as the schema orders them: those that decide most come first. */
const training = Object.keys(schema.shape).filter((key) => isAvailable(['training', key]));
const trainingWithout = (...keys: string[]) => training.filter((key) => !keys.includes(key));
const armKeys = 'from expand prune merge train lora training';

/** What is offered, in order: words divided by spaces, or a list. A word with `?` is there when this version carries it out. */
type Expected = string | string[];
const positions: [what: string, marked: string, expected: Expected][] = [
  // Keys of the file.
  [
    'an empty file',
    '|',
    'strata title model corpora tasks analysis? arms training evaluation compare seeds target device',
  ],
  ['the beginning of a key', 'mo|', 'model'],
  [
    'keys that are there are not offered again',
    `${head}|`,
    'title analysis? training evaluation compare seeds target device',
  ],
  ['a key in the middle of the file', head.replace('corpora:', 'ti|\ncorpora:'), 'title'],
  ['a key whose colon is written already', head.replace('model:', 'mo|:'), 'model'],
  // Keys below.
  ['a blank line of an arm', `${head}  x:\n    |`, armKeys],
  ['an arm that has something', `${head}  x:\n    train: [all]\n    |`, 'from expand prune merge lora training'],
  ['between two keys of an arm', head.replace('    prune', '    |\n    prune'), 'from lora training'],
  ['the beginning of a key of an arm', `${head}  x:\n    me|`, 'merge'],
  ['an arm in braces', `${head}  x: { |`, armKeys],
  ['an arm in closed braces', `${head}  x: { train: [all], |}`, 'from expand prune merge lora training'],
  [
    'an arm in braces over lines',
    `${head}  x: {\n    train: [all],\n    |\n  }`,
    'from expand prune merge lora training',
  ],
  ['expand', `${head}  x: { expand: { |`, 'after blocks ranked? init identity'],
  ['expand with its rule', `${head}  x: { expand: { after: uniform, |`, 'blocks init identity'],
  ['prune before its kind is clear', `${head}  x:\n    prune: { |`, 'last by? layers'],
  ['prune of the last', `${head}  x:\n    prune: { last: 1, |`, ''],
  ['merge', `${head}  x:\n    merge: { into: 5, |`, 'of'],
  ['lora', `${head}  x: { lora: { |`, 'rank arm alpha targets layers rslora adapter'],
  ['training', `${head}training:\n  |`, training],
  ['training of an arm', `${head}  x: { train: [all], training: { le|`, 'learning_rate'],
  ['training above other keys', `${head}training:\n  |\n  steps: 3\n  batch: 2\n`, trainingWithout('steps', 'batch')],
  ['replay', `${head}training:\n  replay: { |`, 'corpus share'],
  [
    'a text corpus or token rows',
    head.replace('  general', '  more:\n    |\n  general'),
    'files field split holdout tokens',
  ],
  ['a corpus that is text', head.replace('holdout: 0.05', '|'), 'field split holdout'],
  ['a task before its kind is clear', head.replace('  sums', '  q: { |\n  sums'), 'kind benchmark?'],
  ['a task of kind generate', `tasks:\n  q: { kind: generate, files: a.jsonl, m|`, 'max_tokens match'],
  ['evaluation', `${head}evaluation: { |`, 'tasks every'],
  ['compare', `${head}compare:\n  baseline: base\n  |`, 'subject gain forgetting'],
  ['a metric of a task', `${head}compare:\n  forgetting:\n    - task: sums\n      |`, 'metric'],
  ['names of arms are the writer’s own', `${head}  |`, ''],
  // Values.
  ['behind a key without its space', `${head}device:|`, 'auto cpu webgpu? cuda?'],
  ['an enumeration', `${head}training: { schedule: |`, 'constant linear cosine'],
  ['the beginning of a value', `${head}training: { schedule: co|`, 'constant cosine'],
  ['true and false', `${head}  x: { expand: { after: [1], identity: |`, 'true false'],
  ['a default', `${head}training:\n  batch: |`, '8'],
  ['an example', `${head}training:\n  learning_rate: |`, '1e-3'],
  ['a default beside an example', `${head}training:\n  micro_batch: |`, '4'],
  ['three forms', `${head}training:\n  recompute: |\n  steps: 2`, 'auto true false'],
  ['where runs execute', `${head}target: lo|`, 'local'],
  ['forms of an arm', `${head}  x: |`, ['{ expand, train: [new] }', '{ lora }', '{ train }', '{ from, train }', '{}']],
  ['forms of expand', `${head}  x:\n    expand: |`, ['{ after: RULE, blocks }', '{ after: [ ] }']],
  ['forms of merge', `${head}  x:\n    merge: |`, ['{ into: …, of: … }']],
  ['the kind of a task', head.replace('kind: generate', 'kind: |'), 'choice generate'],
  // Layers of this model.
  [
    'rules of expansion',
    `${head}  x:\n    expand: { after: |`,
    [...'shallow_half deep_half uniform analysis? [\u00a0]'.split(' ')],
  ],
  ['layers to expand after', `${head}  x: { expand: { after: [|`, '0 1 2 3 4 5 6 7'],
  [
    'as many blocks as the shallow half has layers',
    `${head}  x: { expand: { after: shallow_half, blocks: |`,
    '1 2 3 4',
  ],
  [
    'as many blocks as the model has layers',
    `${head}  x:\n    expand:\n      after: uniform\n      blocks: |`,
    '1 2 3 4 5 6 7 8',
  ],
  ['how many can be deleted', `${head}  x: { prune: { last: |`, '1 2 3 4 5 6 7'],
  ['layers to delete, not those named', `${head}  x: { prune: { layers: [7, |`, '0 1 2 3 4 5 6'],
  [
    'layers to delete, not those that are expanded after',
    `${head}  x: { expand: { after: [1] }, prune: { layers: [|] } }`,
    '0 2 3 4 5 6 7',
  ],
  [
    'the layer to merge into is none that is deleted',
    `${head}  x: { prune: { last: 2 }, merge: { into: |`,
    '0 1 2 3 4 5',
  ],
  ['layers to merge', `${head}  x: { merge: { into: 6, of: [6, |`, '0 1 2 3 4 5 7'],
  ['layers in a list of lines', `${head}  x:\n    prune:\n      layers:\n        - 7\n        - |`, '0 1 2 3 4 5 6'],
  ['layers of the resulting stack', `${head}  x: { from: twice, lora: { layers: [|`, '0 1 2 3 4 5 6 7 8 9'],
  // What is trained.
  [
    'new and merged first, where there are such',
    head.replace('train: [new]\n', 'train: [|]\n'),
    [
      ...'new merged all embeddings head norms'.split(' '),
      ...['layers 0-3', 'layers 1+', 'layers 3+', ...[0, 1, 2, 3, 4, 5, 6].map((n) => `layers ${n}`)],
      ...globs,
    ],
  ],
  ['not what is named', head.replace('train: [new]\n', 'train: [new, m|]\n'), ['merged', ...globs]],
  [
    'blocks after one layer',
    head.replace('{ after: [3, 3] }, train: [new]', '{ after: [3, 3] }, train: [layers 3|'),
    ['layers 3+1', 'layers 3+2', 'layers 3'],
  ],
  ['ranges of this model', `${head}  x: { train: [layers 5-|`, ['layers 5-6', 'layers 5-7']],
  ['what the parent has inserted', `${head}  x: { from: s, train: [n|`, 'new norms'],
  ['tensors by name', `${head}  x: { train: [model.layers.*.self|`, globs.filter((g) => g.includes('*.self'))],
  [
    'a list as a whole',
    `${head}  x:\n    expand: { after: [1] }\n    train: |`,
    '[new] [all] [embeddings] [head] [norms]',
  ],
  ['a line of a list', `${head}  x:\n    train:\n      - all|`, 'all'],
  ['the next line of a list', `${head}  x:\n    train:\n      - layers 0-6\n      - layers 7|`, ['layers 7']],
  // Names of the file's own.
  ['a corpus', `${head}training:\n  corpus: |`, 'new_facts general'],
  ['the corpus of an arm', `${head}  x: { train: [all], training: { corpus: g|`, 'general'],
  ['what is replayed is another corpus', `${head}training:\n  corpus: new_facts\n  replay: { corpus: |`, 'general'],
  [
    'parents: no arm that starts from this one',
    `${head}  x: { from: s, train: [all] }\n  y: { from: |`,
    'base s twice full x',
  ],
  [
    'parents: not its own children',
    head.replace('  full: {', '  y: { from: x }\n  x: { from: |\n  full: {'),
    'base s twice full',
  ],
  ['an arm to match', `${head}  x: { lora: { rank: match, arm: |`, 's twice full'],
  [
    'modules of this model',
    `${head}  x: { lora: { targets: [q_proj, |`,
    'k_proj v_proj o_proj gate_proj up_proj down_proj',
  ],
  [
    'the corpus that is measured on',
    `${head}analysis: { corpus: |`,
    ['new_facts', 'general', '[new_facts]', '[general]'],
  ],
  ['corpora that are measured on', `${head}analysis: { corpus: [general, |] }`, 'new_facts'],
  [
    'metrics that are not named yet',
    `${head}analysis: { metrics: [angular, |], corpus: general }`,
    'influence removal duplication attention',
  ],
  ['how many go by a metric', `${head}  x: { prune: { by: angular, count: |`, '1 2 3 4 5 6 7'],
  ['tasks that are scored', `${head}analysis: { corpus: general, tasks: [sums, |] }`, 'recall_new'],
  [
    'every evaluable task',
    `${head}evaluation: { tasks: [|] }`,
    'recall_new sums perplexity:new_facts perplexity:general',
  ],
  ['not those named', `${head}evaluation:\n  tasks: [sums, |, recall_new]`, 'perplexity:new_facts perplexity:general'],
  ['perplexity of a corpus', `${head}evaluation: { tasks: [perplexity:|`, 'perplexity:new_facts perplexity:general'],
  [
    'all of them at once',
    `${head}evaluation:\n  tasks: [|`.replace('[|', '|'),
    [
      '[recall_new, sums, perplexity:new_facts, perplexity:general]',
      ...'[recall_new] [sums] [perplexity:new_facts] [perplexity:general]'.split(' '),
    ],
  ],
  ['what was gained is what is evaluated', `${head}compare: { gain: |`, ['recall_new', 'sums', '{ task: … }']],
  [
    'what was forgotten is not what was gained',
    `${head}compare: { gain: recall_new, forgetting: [|`,
    ['sums', '{ task: … }'],
  ],
  ['metrics of that task', `${head}compare: { gain: { task: recall_new, metric: |`, 'acc acc_norm acc_bytes'],
  ['the baseline', `${head}compare: { baseline: |`, 'base s twice full'],
  ['inside quotes', `${head}training: { corpus: "ge|" }`, 'general'],
  // Broken files, comments, block texts.
  [
    'behind an unclosed brace of an earlier arm',
    `${head}  a: { expand: { after: uniform\n  x:\n    tr|`,
    'train training',
  ],
  ['behind a list without end', `${head}  a:\n    train: [new,\n  x:\n    lora: { ra|`, 'rank'],
  ['below a key without colon', `${head}  a:\n    train\n  x:\n    pr|`, 'prune'],
  ['with a tab in the file', `${head}  a:\n\ttrain: [all]\ncompare: { ba|`, 'baseline'],
  ['in a comment', `${head}# tra|`, ''],
  ['behind a comment’s sign', `${head}seeds: [1] # s|`, ''],
  ['in a text of several lines', `${head}title: >\n  tra|`, ''],
  ['behind a finished mapping', `${head}  x: { train: [all] } |`, ''],
];

test(`completion at ${positions.length} positions`, async (t) => {
  assert.ok(positions.length >= 60);
  for (const [what, marked, expected] of positions)
    await t.test(what, () => {
      const words = typeof expected === 'string' ? expected.split(/\s+/).filter(Boolean) : expected;
      const there = words.flatMap((word) => {
        if (!word.endsWith('?')) return [word.replace('\u00a0', ' ')];
        const { path, value, word: shown = word.slice(0, -1) } = optional[word.slice(0, -1)]!;
        return isAvailable(path, value) ? [shown] : [];
      });
      assert.deepEqual(offered(marked), there);
    });
});

/** What a version of the program may not carry out. */
const optional: Record<string, { path: string[]; value?: string; word?: string }> = {
  analysis: { path: ['analysis'] },
  by: { path: ['arms', 'x', 'prune', 'by'] },
  ranked: { path: ['arms', 'x', 'expand', 'after'], value: 'analysis', word: 'by' },
  benchmark: { path: ['tasks', 'x', 'benchmark'] },
  webgpu: { path: ['device'], value: 'webgpu' },
  cuda: { path: ['device'], value: 'cuda' },
};

test('what is not carried out is not offered', () => {
  assert.deepEqual(training.slice(0, 5), ['corpus', 'replay', 'steps', 'tokens', 'epochs']);
  assert.equal(isAvailable(['training', 'schedule'], 'cosine'), true);
  assert.equal(isAvailable(['arms', 'x', 'expand', 'after'], 'uniform'), true);
});

test('a layer, a rule and a glob say what they come to', () => {
  const details = (marked: string) => {
    const { text, offset } = atCursor(marked);
    return Object.fromEntries(complete(view(text), offset).map(({ label, detail }) => [label, detail]));
  };
  assert.equal(details(`${head}  x: { expand: { blocks: 4, after: |`)['shallow_half'], '4 blocks: after 0, 1, 2, 3');
  assert.equal(details(`${head}  x: { expand: { after: uniform, blocks: |`)['2'], 'after 3, 7');
  assert.equal(details(`${head}  x: { train: [|`)['model.layers.*.self_attn.q_proj.weight'], '8 tensors, 73.7 K');
  assert.equal(details(`${head}  x: { lora: { rank: match, arm: |`)['full'], '983 K trained');
});

test('what is inserted fits its place', () => {
  const inserted = (marked: string, label: string) => {
    const { text, offset } = atCursor(marked);
    const item = complete(view(text), offset).find((i) => i.label === label);
    return item && text.slice(0, item.range.start) + item.text + text.slice(item.range.end);
  };
  assert.equal(inserted('de|', 'device'), 'device: $0');
  assert.equal(inserted('device:|', 'cpu'), 'device: cpu');
  assert.equal(inserted('tr|', 'training'), 'training:\n  $0');
  assert.equal(inserted('mo|: base', 'model'), 'model: base');
  assert.equal(inserted('arms:\n  s: { ex|', 'expand'), 'arms:\n  s: { expand: { $0 }');
  assert.equal(inserted('arms:\n  s: { tr|', 'train'), 'arms:\n  s: { train: [$0]');
  assert.equal(inserted('arms:\n  s:\n    train: [la|]', 'layers 2'), 'arms:\n  s:\n    train: [layers 2]');
  assert.equal(inserted('arms:\n  s:\n    train: ["ne|"]', 'norms'), 'arms:\n  s:\n    train: ["norms"]');
  assert.equal(inserted('arms:\n  s:\n    train:\n      |', '- all'), 'arms:\n  s:\n    train:\n      - all');
});

/** A Hugging Face cache: two models of which one is of a family that is not carried out, one half fetched, and a data set. */
async function makeHub(): Promise<string> {
  const home = await temporaryFolder();
  const put = async (repository: string, config?: object) => {
    const snapshot = join(home, 'hub', repository, 'snapshots', 'abc');
    await mkdir(snapshot, { recursive: true });
    if (config) await writeFile(join(snapshot, 'config.json'), JSON.stringify(config));
  };
  const llama = JSON.parse(await readFile(join(root, 'samples', 'base', 'config.json'), 'utf8'));
  await put('models--acme--small-8', llama);
  await put('models--acme--encoder', { model_type: 'bert' });
  await put('models--acme--half');
  await put('datasets--acme--facts');
  return home;
}

test('paths are completed from their folder, models first where one is wanted, then those of the cache', async () => {
  const hub = await makeHub();
  const paths = async (marked: string) => {
    const { text, offset } = atCursor(marked);
    const wanted = folderWanted(view(text), offset);
    assert.notEqual(wanted, undefined);
    const entries = await readFolder(join(root, 'samples', wanted!.folder));
    if (wanted!.ids) entries.push(...(await cachedEntries({ HF_HOME: hub })));
    const known = new Set(['base', 'data', 'world', 'base.strata.yaml', 'general.jsonl', 'sums.jsonl', 'acme/small-8']);
    return complete(
      view(text),
      offset,
      entries.filter(({ name }) => known.has(name)),
    ).map(({ text }) => text);
  };
  assert.deepEqual(await paths('model: |'), ['base', 'acme/small-8', 'data/', 'world/']);
  assert.deepEqual(await paths('model: acme/|'), ['acme/small-8']);
  assert.deepEqual(await paths('arms: { a: { lora: { adapter: |'), ['base', 'data/', 'world/']);
  assert.deepEqual(await paths('corpora: { a: { files: data/|'), ['data/general.jsonl', 'data/sums.jsonl']);
  assert.deepEqual(await paths('corpora:\n  a:\n    files:\n      - |'), [
    'base.strata.yaml',
    'base/',
    'data/',
    'world/',
  ]);
  const { text, offset } = atCursor('device: |');
  assert.equal(folderWanted(view(text), offset), undefined);
});

test('without a model the rest is completed all the same', () => {
  const { text, offset } = atCursor(`${head}  x: { expand: { after: |`);
  const labels = complete(createView(text), offset).map(({ label }) => label);
  assert.ok(labels.includes('shallow_half'));
});
