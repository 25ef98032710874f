import assert from 'node:assert/strict';
import { test } from 'node:test';
import { applyFix } from '../../../src/experiment/edits.ts';
import type { ExperimentFacts } from '../../../src/experiment/facts.ts';
import { parse } from '../../../src/experiment/parse.ts';
import type { Diagnostic } from '../../../src/experiment/types.ts';
import { checks, examine } from '../../../src/experiment/validate.ts';

/** A valid file; each case changes one place of it. */
const valid = `strata: 1
model: base
corpora:
  facts: { files: facts.jsonl, field: text }
  old: { files: [old.txt], split: paragraph, holdout: 0.1 }
  rows: { tokens: rows.jsonl }
tasks:
  recall: { kind: choice, files: recall.jsonl }
  sums: { kind: generate, files: sums.jsonl }
arms:
  base: {}
  s:
    expand: { after: [1, 2], init: copy }
    prune: { layers: [7] }
    merge: { into: 5, of: [5, 6] }
    train: [new, merged]
  lora: { lora: { rank: 4 } }
training: { corpus: facts, steps: 4, learning_rate: 1e-3 }
evaluation:
  tasks: [recall, perplexity:old]
compare: { baseline: base, gain: recall, forgetting: [perplexity:old] }
`;

const facts: ExperimentFacts = {
  model: {
    family: 'llama',
    layers: 8,
    positions: 64,
    vocabSize: 256,
    tokenizerSize: 256,
    tied: true,
    tensors: [],
    linearModules: ['self_attn.q_proj', 'self_attn.v_proj', 'mlp.down_proj'],
  },
  corpora: { facts: { files: ['/x/facts.jsonl'] }, old: { files: ['/x/old.txt'] }, rows: { files: ['/x/rows.jsonl'] } },
  tasks: { recall: { files: ['/x/recall.jsonl'] }, sums: { files: ['/x/sums.jsonl'] } },
};

interface Case {
  code: string;
  /** What is replaced in the valid file … */
  old: string;
  /** … and by what; «…» are the characters that the diagnostic must be on. */
  bad: string;
  /** What stands in place of `bad` after the first fix; the file must then be free of errors. Absent: there must be no fix. */
  fixed?: string;
  /** Codes that remain after the fix (it is a step, not the whole way). */
  remains?: string[];
  facts?: ExperimentFacts;
  /** The message must say this. */
  says?: RegExp;
}

const arms = '  lora: { lora: { rank: 4 } }\n';
const arm = (text: string) => `${arms}${text}\n`;
const training = 'training: { corpus: facts, steps: 4, learning_rate: 1e-3 }';
const rest = valid.slice(valid.indexOf(training));

const cases: Case[] = [
  // The text itself.
  { code: 'yaml-anchor', old: '  base: {}', bad: '  base: «&b» {}' },
  { code: 'yaml-anchor', old: '  base: {}', bad: '  base: «*b»', says: /Aliases/ },
  { code: 'yaml-tag', old: '  base: {}', bad: '  base: «!arm» {}' },
  { code: 'yaml-key', old: '  base: {}', bad: '  base: {}\n  ? «[a]»\n  : {}' },
  { code: 'duplicate-key', old: '  base: {}', bad: '  base: {}\n  «base»: {}' },
  // Keys.
  { code: 'unknown-key', old: training, bad: `${training}\n«sedes»: [1]`, fixed: `${training}\nseeds: [1]` },
  { code: 'unknown-key', old: training, bad: `${training}\n«frobnicate»: 1`, says: /It takes `strata`, `title`/ },
  { code: 'unknown-key', old: 'model: base', bad: '«modle»: base', fixed: 'model: base' },
  { code: 'unknown-key', old: 'init: copy', bad: '«int»: copy', fixed: 'init: copy' },
  { code: 'unknown-key', old: '  rows: { tokens: rows.jsonl }', bad: '  rows: { tokens: rows.jsonl, «holdout»: 0.1 }' },
  { code: 'unknown-key', old: 'steps: 4', bad: 'steps: 4, «learning-rte»: 1', says: /has no key/ },
  { code: 'missing-key', old: 'strata: 1\n', bad: '', says: /needs the key `strata`/, fixed: 'strata: 1\n' },
  { code: 'missing-key', old: 'model: base\n', bad: '', says: /needs the key `model`/ },
  {
    code: 'missing-key',
    old: '{ kind: choice, files: recall.jsonl }',
    bad: '{ kind: choice }',
    says: /`recall` needs the key `files`/,
  },
  {
    code: 'missing-key',
    old: '{ kind: choice, files: recall.jsonl }',
    bad: '{ files: recall.jsonl }',
    says: /`kind`: one of choice, generate/,
  },
  { code: 'missing-key', old: '{ into: 5, of: [5, 6] }', bad: '{ into: 5 }', says: /needs the key `of`/ },
  {
    code: 'missing-key',
    old: '{ after: [1, 2], init: copy }',
    bad: '{ after: shallow_half, init: copy }',
    fixed: '{ after: shallow_half, init: copy, blocks: 1 }',
  },
  { code: 'missing-key', old: '{ rank: 4 }', bad: '{ alpha: 4 }', fixed: '{ alpha: 4, rank: 8 }' },
  { code: 'missing-key', old: '{ rank: 4 }', bad: '{ rank: match }', says: /the arm whose number/ },
  {
    code: 'key-conflict',
    old: '{ after: [1, 2], init: copy }',
    bad: '{ after: [1, 2], «blocks»: 2, init: copy }',
    fixed: '{ after: [1, 2], init: copy }',
  },
  {
    code: 'key-conflict',
    old: '{ after: [1, 2], init: copy }',
    bad: '{ after: shallow_half, blocks: 2, «by»: influence }',
    fixed: '{ after: shallow_half, blocks: 2 }',
  },
  { code: 'key-conflict', old: '{ rank: 4 }', bad: '{ rank: 4, «arm»: s }', fixed: '{ rank: 4 }' },
  {
    code: 'key-conflict',
    old: '{ rank: 4 }',
    bad: '{ rank: match, arm: s, «adapter»: x }',
    fixed: '{ rank: match, arm: s }',
  },
  {
    code: 'bad-name',
    old: '  base: {}',
    bad: '  base: {}\n  «Full-FT»: { train: [all] }',
    fixed: '  base: {}\n  full_ft: { train: [all] }',
  },
  // Values.
  { code: 'wrong-type', old: 'steps: 4', bad: 'steps: «many»', says: /a whole number of 1 or more, not "many"/ },
  { code: 'wrong-type', old: 'steps: 4', bad: 'steps: «"4"»', fixed: 'steps: 4' },
  { code: 'wrong-value', old: 'steps: 4', bad: 'steps: «0»' },
  { code: 'wrong-value', old: 'steps: 4', bad: 'steps: «1.5»' },
  { code: 'wrong-value', old: 'learning_rate: 1e-3', bad: 'learning_rate: «-1»', says: /a number above 0, not -1/ },
  { code: 'wrong-value', old: 'learning_rate: 1e-3', bad: 'learning_rate: 1e-3, betas: «[0.9, 1]»' },
  { code: 'wrong-value', old: 'learning_rate: 1e-3', bad: 'learning_rate: 1e-3, warmup: «1.5»' },
  {
    code: 'wrong-value',
    old: 'learning_rate: 1e-3',
    bad: 'learning_rate: 1e-3, schedule: «cosin»',
    fixed: 'learning_rate: 1e-3, schedule: cosine',
  },
  {
    code: 'wrong-value',
    says: /must be auto or true or false/,
    old: 'learning_rate: 1e-3',
    bad: 'learning_rate: 1e-3, recompute: «yes»',
    fixed: 'learning_rate: 1e-3, recompute: true',
  },
  { code: 'wrong-type', old: '[new, merged]', bad: '«new»', fixed: '[new]' },
  { code: 'wrong-type', old: '  base: {}', bad: '  «base»:', fixed: '  base: {}' },
  { code: 'wrong-type', old: 'strata: 1', bad: 'strata: «one»' },
  { code: 'wrong-value', old: 'strata: 1', bad: 'strata: «2»' },
  { code: 'wrong-value', old: 'holdout: 0.1', bad: 'holdout: «1»', says: /above 0 and below 1/ },
  {
    code: 'wrong-value',
    old: 'after: [1, 2]',
    bad: 'after: [«-1», 2]',
    says: /An entry of `after` must be a layer number/,
  },
  {
    code: 'wrong-value',
    old: 'after: [1, 2]',
    bad: 'blocks: 2, after: «shalow_half»',
    fixed: 'blocks: 2, after: shallow_half',
  },
  { code: 'wrong-value', old: 'kind: choice', bad: 'kind: «choise»', fixed: 'kind: choice' },
  { code: 'wrong-value', old: 'prune: { layers: [7] }', bad: 'prune: «{}»', says: /`\{last: n\}`/ },
  { code: 'wrong-type', old: training, bad: `${training}\nseeds: «1»`, fixed: `${training}\nseeds: [1]` },
  { code: 'wrong-value', old: training, bad: `${training}\ndevice: «gpu»`, fixed: `${training}\ndevice: cpu` },
  // Names.
  {
    code: 'unknown-arm',
    old: arms,
    bad: arm('  t: { from: «ss», train: [all] }'),
    fixed: arm('  t: { from: s, train: [all] }'),
  },
  { code: 'unknown-arm', old: 'rank: 4', bad: 'rank: match, arm: «other»', says: /Define it under `arms`/ },
  { code: 'unknown-arm', old: 'baseline: base', bad: 'baseline: «bass»', fixed: 'baseline: base' },
  { code: 'unknown-corpus', old: 'corpus: facts', bad: 'corpus: «fact»', fixed: 'corpus: facts' },
  {
    code: 'unknown-corpus',
    old: 'steps: 4',
    bad: 'steps: 4, replay: { corpus: «odl», share: 0.5 }',
    fixed: 'steps: 4, replay: { corpus: old, share: 0.5 }',
  },
  {
    code: 'unknown-corpus',
    old: '[recall, perplexity:old]',
    bad: '[recall, perplexity:old, "perplexity:«olds»"]',
    fixed: '[recall, perplexity:old, "perplexity:old"]',
    remains: ['named-twice'],
  },
  {
    code: 'unknown-task',
    old: '[recall, perplexity:old]',
    bad: '[recall, «sum», perplexity:old]',
    fixed: '[recall, sums, perplexity:old]',
  },
  {
    code: 'unknown-task',
    old: '[recall, perplexity:old]',
    bad: '[recall, «acr_challenge», perplexity:old]',
    fixed: '[recall, arc_challenge, perplexity:old]',
  },
  { code: 'unknown-task', old: 'gain: recall', bad: 'gain: «recal»', fixed: 'gain: recall' },
  {
    code: 'unknown-benchmark',
    old: '  sums:',
    bad: '  arc: { benchmark: «arc_chalenge» }\n  sums:',
    fixed: '  arc: { benchmark: arc_challenge }\n  sums:',
  },
  {
    code: 'unknown-metric',
    old: 'gain: recall',
    bad: 'gain: { task: recall, metric: «acc_nrm» }',
    fixed: 'gain: { task: recall, metric: acc_norm }',
  },
  { code: 'compare-not-evaluated', old: 'gain: recall', bad: 'gain: «sums»' },
  { code: 'compare-same-arm', old: 'baseline: base', bad: 'baseline: base, subject: «base»' },
  {
    code: 'arm-cycle',
    old: arms,
    bad: arm('  a: { from: «b», train: [all] }\n  b: { from: a, train: [all] }'),
    says: /a → b → a/,
  },
  { code: 'arm-cycle', old: arms, bad: arm('  a: { from: «a», train: [all] }') },
  { code: 'named-twice', old: training, bad: `${training}\nseeds: [1, 2, «1»]`, fixed: `${training}\nseeds: [1, 2]` },
  {
    code: 'same-run-id',
    old: arms,
    bad: arm(`  ${'x'.repeat(50)}_a: {}\n  «${'x'.repeat(50)}_b»: {}`),
  },
  // Surgery.
  {
    code: 'layer-out-of-range',
    old: 'after: [1, 2]',
    bad: 'after: [1, «8»]',
    fixed: 'after: [1, 7]',
    remains: ['prune-expanded'],
  },
  { code: 'layer-out-of-range', old: 'of: [5, 6]', bad: 'of: [5, «12»]', fixed: 'of: [5, 7]' },
  {
    code: 'layer-out-of-range',
    old: arms,
    bad: arm('  c: { train: [layers 3-«9»] }'),
    fixed: arm('  c: { train: [layers 3-7] }'),
  },
  {
    code: 'layer-out-of-range',
    old: arms,
    bad: arm('  c: { expand: { after: [7] }, train: [layers «8»+] }'),
    fixed: arm('  c: { expand: { after: [7] }, train: [layers 7+] }'),
  },
  {
    code: 'expand-too-many-blocks',
    old: arms,
    bad: arm('  c: { expand: { after: shallow_half, blocks: «5» }, train: [new] }'),
    fixed: arm('  c: { expand: { after: shallow_half, blocks: 4 }, train: [new] }'),
    says: /has 4 layers in this model/,
  },
  {
    code: 'prune-everything',
    old: arms,
    bad: arm('  c: { prune: { last: «8» } }'),
    fixed: arm('  c: { prune: { last: 7 } }'),
  },
  { code: 'prune-expanded', old: 'layers: [7]', bad: 'layers: [«2»]' },
  {
    code: 'prune-expanded',
    old: arms,
    bad: arm('  c: { expand: { after: uniform, blocks: 2 }, prune: { last: «1» }, train: [new] }'),
  },
  { code: 'prune-merged', old: 'layers: [7]', bad: 'layers: [«5»]' },
  { code: 'merge-too-few', old: 'of: [5, 6]', bad: 'of: «[5]»' },
  { code: 'merge-too-few', old: 'of: [5, 6]', bad: 'of: [5, 6, «6»]', fixed: 'of: [5, 6]' },
  {
    code: 'from-surgery',
    old: arms,
    bad: arm('  t: { from: s, «prune»: { last: 1 }, train: [all] }'),
    fixed: arm('  t: { from: s, train: [all] }'),
  },
  // What is trained.
  { code: 'bad-selector', old: '[new, merged]', bad: '[«nwe», merged]', fixed: '[new, merged]' },
  {
    code: 'bad-selector',
    old: arms,
    bad: arm('  c: { train: [«layers 4-1»] }'),
    fixed: arm('  c: { train: [layers 1-4] }'),
  },
  {
    code: 'bad-selector',
    old: arms,
    bad: arm('  c: { train: [«layer 3»] }'),
    fixed: arm('  c: { train: [layers 3] }'),
  },
  { code: 'bad-selector', old: arms, bad: arm('  c: { train: [«everything»] }'), says: /Write one of `all`, `new`/ },
  { code: 'train-empty', old: arms, bad: arm('  c:\n    train: «[]»'), fixed: arm('  c: {}') },
  { code: 'train-matches-nothing', old: arms, bad: arm('  c: { train: [«new»] }'), says: /no block is inserted/ },
  { code: 'train-matches-nothing', old: arms, bad: arm('  c: { train: [«merged»] }') },
  {
    code: 'train-matches-nothing',
    old: arms,
    bad: arm('  c: { from: s, train: [«layers 3+»] }'),
    says: /after 1 and 2/,
  },
  {
    code: 'train-matches-nothing',
    old: '[new, merged]',
    bad: '[new, merged, «layers 1+2»]',
    says: /there is one block/,
  },
  { code: 'train-pruned-layer', old: '[new, merged]', bad: '[new, merged, «layers 5-7»]' },
  {
    code: 'train-pruned-layer',
    old: arms,
    bad: arm('  c: { prune: { last: 2 }, train: [«layers 4-7»] }'),
    says: /layers 6 and 7 are pruned/,
  },
  { code: 'trained-and-adapted', old: arms, bad: arm('  c: { train: [«all»], lora: { rank: 4 } }') },
  {
    code: 'trained-and-adapted',
    old: arms,
    bad: arm('  c: { expand: { after: [0] }, train: [«new»], lora: { rank: 4, layers: [0, 1] } }'),
    says: /layer 1 of the resulting stack/,
  },
  {
    code: 'lora-unknown-target',
    old: 'rank: 4',
    bad: 'rank: 4, targets: [q_proj, «v_prj»]',
    fixed: 'rank: 4, targets: [q_proj, v_proj]',
  },
  {
    code: 'lora-layer-out-of-range',
    old: 'rank: 4',
    bad: 'rank: 4, layers: [0, «8»]',
    fixed: 'rank: 4, layers: [0, 7]',
  },
  {
    code: 'lora-adapter-rank',
    old: 'rank: 4',
    bad: 'rank: «4», adapter: x',
    fixed: 'rank: 16, adapter: x',
    facts: { ...facts, adapters: { lora: { rank: 16 } } },
  },
  { code: 'lora-match-untrained', old: 'rank: 4', bad: 'rank: match, arm: «base»' },
  {
    code: 'weight-decay-identity',
    old: '    train: [new, merged]',
    bad: '    train: [new, merged]\n    training: { weight_decay: «0.1» }',
    fixed: '    train: [new, merged]\n    training: { weight_decay: 0 }',
  },
  // Training.
  { code: 'training-missing', old: `${training}\n`, bad: '', says: /there is no `training`/ },
  {
    code: 'training-missing',
    old: training,
    bad: '«training»: { steps: 4, learning_rate: 1e-3 }',
    says: /needs `corpus`/,
  },
  {
    code: 'training-missing',
    old: arms,
    bad: arm('  c: { train: [all], training: { «corpus»: null } }'),
    fixed: arm('  c: { train: [all], training: {} }'),
  },
  { code: 'training-length', old: training, bad: '«training»: { corpus: facts, learning_rate: 1e-3 }' },
  { code: 'training-length', old: 'steps: 4', bad: 'steps: 4, «epochs»: 2', fixed: 'steps: 4' },
  {
    code: 'training-unused',
    old: arms,
    bad: arm('  c:\n    prune: { last: 1 }\n    «training»: { steps: 8 }'),
    fixed: arm('  c:\n    prune: { last: 1 }'),
  },
  {
    code: 'micro-batch',
    old: 'steps: 4',
    bad: 'steps: 4, batch: 12, micro_batch: «5»',
    fixed: 'steps: 4, batch: 12, micro_batch: 4',
  },
  { code: 'sequence-too-long', old: 'steps: 4', bad: 'steps: 4, sequence: «65»', fixed: 'steps: 4, sequence: 64' },
  { code: 'replay-same-corpus', old: 'steps: 4', bad: 'steps: 4, replay: { corpus: «facts», share: 0.5 }' },
  {
    code: 'distill-teacher',
    old: 'steps: 4',
    bad: 'steps: 4, distill: { teacher: «lora», weight: 0.5, corpus: old }',
    fixed: 'steps: 4, distill: { teacher: base, weight: 0.5, corpus: old }',
  },
  { code: 'keep-best', old: 'steps: 4', bad: 'steps: 4, keep: { best: «recall» }' },
  {
    code: 'keep-best',
    old: 'steps: 4, learning_rate: 1e-3 }\nevaluation:\n',
    bad: 'steps: 4, learning_rate: 1e-3, keep: { best: «sums» } }\nevaluation:\n  every: 2\n',
  },
  { code: 'stream-token-rows', old: 'corpus: facts, steps: 4', bad: 'corpus: rows, steps: 4, packing: «stream»' },
  // Data.
  {
    code: 'field-without-jsonl',
    old: '[old.txt], split: paragraph',
    bad: '[old.txt], split: paragraph, «field»: text',
    fixed: '[old.txt], split: paragraph',
  },
  {
    code: 'split-without-text',
    old: 'facts.jsonl, field: text',
    bad: 'facts.jsonl, field: text, «split»: line',
    fixed: 'facts.jsonl, field: text',
  },
  { code: 'extract-pattern', old: 'files: sums.jsonl', bad: 'files: sums.jsonl, extract: { pattern: «"(-?[0-9+"» }' },
  {
    code: 'extract-pattern',
    old: 'files: sums.jsonl',
    bad: 'files: sums.jsonl, extract: { pattern: «"-?[0-9]+"» }',
    says: /needs a group/,
  },
  {
    code: 'perplexity-of-trained-text',
    old: '[recall, perplexity:old]',
    bad: '[recall, perplexity:old, «perplexity:facts»]',
  },
  {
    code: 'tokenizer-too-large',
    old: 'model: base',
    bad: 'model: «base»',
    facts: { ...facts, model: { ...facts.model!, tokenizerSize: 257 } },
  },
  {
    code: 'files-missing',
    old: 'files: recall.jsonl',
    bad: 'files: «recall.jsonl»',
    facts: { ...facts, tasks: { recall: { files: [] } } },
  },
  {
    code: 'field-missing',
    old: 'tokens: rows.jsonl',
    bad: 'tokens: «rows.jsonl»',
    facts: {
      ...facts,
      corpora: { rows: { files: ['/x/rows.jsonl'], problem: { code: 'field-missing', message: 'No input_ids.' } } },
    },
  },
  {
    code: 'tokenizer-missing',
    old: 'model: base',
    bad: 'model: base',
    facts: { ...facts, model: { ...facts.model!, tokenizer: 'missing' } },
    says: /`facts` holds text/,
  },
  {
    code: 'no-chat-template',
    old: '  facts: {',
    bad: '  «facts»: {',
    facts: {
      ...facts,
      model: { ...facts.model!, tokenizer: 'plain' },
      corpora: { facts: { files: ['/x/facts.jsonl'], chat: true } },
    },
  },
  {
    code: 'no-chat-template',
    old: 'files: recall.jsonl',
    bad: 'files: recall.jsonl, chat: «true»',
    fixed: 'files: recall.jsonl, chat: false',
    facts: { ...facts, model: { ...facts.model!, tokenizer: 'plain' } },
  },
  // Importance.
  {
    code: 'analysis-missing',
    old: `${arms}${rest}`,
    bad: `${arm('  c: { expand: { after: analysis, by: «removal», blocks: 2 }, train: [new] }')}${rest}`,
    says: /Add `analysis: \{ corpus: NAME \}`/,
    fixed: `${arm('  c: { expand: { after: analysis, by: removal, blocks: 2 }, train: [new] }')}${rest}analysis: { corpus: old }\n`,
  },
  {
    code: 'analysis-metric',
    old: `${arms}${training}`,
    bad: `${arm('  c: { prune: { by: «removal», count: 2 } }')}analysis: { corpus: [old, facts], metrics: [angular] }\n${training}`,
    says: /has angular\. Add it there/,
  },
  {
    code: 'contiguous-metric',
    old: `${arms}${training}`,
    bad: `${arm('  c: { prune: { by: «removal», count: 2, contiguous: true } }')}analysis: { corpus: old }\n${training}`,
    fixed: `${arm('  c: { prune: { by: angular, count: 2, contiguous: true } }')}analysis: { corpus: old }\n${training}`,
  },
  {
    code: 'analysis-tasks-unused',
    old: training,
    bad: `${training}\nanalysis: { corpus: old, metrics: [influence], tasks: «[recall]» }`,
  },
  {
    code: 'unknown-corpus',
    old: training,
    bad: `${training}\nanalysis: { corpus: [old, «olds»] }`,
    fixed: `${training}\nanalysis: { corpus: [old, old] }`,
  },
  // What this version does not carry out.
  {
    code: 'file-missing',
    old: '[recall, perplexity:old]',
    bad: '[recall, perplexity:old, «arc_easy»]',
    facts: {
      ...facts,
      tasks: { ...facts.tasks, arc_easy: { files: [], problem: { code: 'file-missing', message: 'No data.' } } },
    },
  },
  {
    code: 'file-missing',
    old: '  sums:',
    bad: '  arc: «{ benchmark: arc_challenge, documents: 0-9 }»\n  sums:',
    facts: {
      ...facts,
      tasks: { ...facts.tasks, arc: { files: [], problem: { code: 'file-missing', message: 'No data.' } } },
    },
  },
  {
    code: 'not-available',
    old: 'steps: 4',
    bad: 'steps: 4, precision: «mixed»',
    fixed: 'steps: 4, precision: float32',
  },
  {
    code: 'not-available',
    old: training,
    bad: `${training.replace('steps: 4', 'steps: 4, base_precision: «int4»')}\ndevice: webgpu`,
    fixed: `${training.replace('steps: 4', 'steps: 4, base_precision: auto')}\ndevice: webgpu`,
  },
  { code: 'not-available', old: training, bad: `${training}\ndevice: «cuda»`, fixed: `${training}\ndevice: auto` },
];

const show = (d: Diagnostic) => `${d.line}:${d.column} ${d.code} ${d.message}`;

test('the valid file has no diagnostic', () => {
  assert.deepEqual(examine(valid, { facts }).diagnostics.map(show), []);
  assert.ok(examine(valid, { facts }).experiment);
  assert.deepEqual(examine(valid).diagnostics.map(show), []);
});

for (const { code, old, bad, fixed, remains = [], facts: told = facts, says } of cases) {
  test(`${code}: ${bad.trim().split('\n').at(-1)?.trim() || `without ${old.trim()}`}`, () => {
    assert.equal(valid.split(old).length, 2, `"${old}" stands once in the valid file`);
    const marked = valid.replace(old, () => bad);
    const text = marked.replace('«', '').replace('»', '');
    const { diagnostics, experiment } = examine(text, { facts: told });
    assert.deepEqual([...new Set(diagnostics.map((d) => d.code))], [code], diagnostics.map(show).join('\n'));
    const [found] = diagnostics as [Diagnostic, ...Diagnostic[]];
    assert.equal(experiment === undefined, found.severity === 'error');
    assert.match(found.message, /^[^a-z].*[.?]$/s, 'a sentence');
    if (says) assert.match(found.message, says);
    if (bad.includes('«')) {
      const start = marked.indexOf('«');
      const before = marked.slice(0, start).split('\n');
      assert.deepEqual(
        { start: found.range.start, end: found.range.end, line: found.line, column: found.column },
        { start, end: marked.indexOf('»') - 1, line: before.length, column: before.at(-1)!.length + 1 },
        `on "${text.slice(found.range.start, found.range.end)}"`,
      );
    }
    if (fixed === undefined) assert.deepEqual(found.fixes, []);
    else {
      const mended = applyFix(text, found.fixes[0]!);
      assert.equal(
        mended,
        valid.replace(old, () => fixed),
      );
      const after = examine(mended, { facts: { ...told, adapters: told.adapters } });
      assert.deepEqual(
        after.diagnostics.map((d) => d.code),
        remains,
        after.diagnostics.map(show).join('\n'),
      );
    }
  });
}

test('a broken text reports the syntax alone, where it is, and keeps what can be read', () => {
  const { diagnostics, draft, experiment } = examine('strata: 1\nmodel: base\narms:\n  a: {}\n  b: { train: [new\n');
  assert.equal(experiment, undefined);
  assert.deepEqual(new Set(diagnostics.map((d) => d.code)), new Set(['yaml-syntax']));
  assert.equal(draft.model, 'base');
  assert.deepEqual(Object.keys(draft.arms), ['a', 'b']);
});

test('every check has a case', () => {
  const codes = new Set(cases.map((c) => c.code));
  const without = checks.map((c) => c.code).filter((code) => !codes.has(code));
  // It needs a file without an arm that trains: tested below.
  assert.deepEqual(without, ['training-for-nothing']);
});

test('training without an arm that trains is a warning', () => {
  const { diagnostics } = examine(
    `strata: 1\nmodel: base\narms: { base: {} }\n${training}\ncorpora: { facts: { files: a.txt } }\n`,
  );
  assert.deepEqual(diagnostics.map(show), [
    '4:1 training-for-nothing No arm trains anything, so `training` has no effect. Add `train` or `lora` to an arm.',
  ]);
  assert.equal(diagnostics[0]?.severity, 'warning');
});

test('what is a consequence of another error is not said', () => {
  const { diagnostics } = examine(
    valid.replace('train: [new, merged]', 'trian: [new, merged]\n    training: { steps: 8 }'),
    { facts },
  );
  assert.deepEqual(
    diagnostics.map((d) => d.code),
    ['unknown-key'],
  );
});

test('diagnostics do not change what is parsed', () => {
  const parsed = parse(valid, { file: '/x/a.strata.yaml' });
  assert.deepEqual(parsed.experiment, examine(valid, { file: '/x/a.strata.yaml', facts }).experiment);
});

test('weight decay of all arms is taken off those that insert blocks, each by its own fix', () => {
  const text = valid
    .replace(' }\nevaluation', ', weight_decay: 0.1 }\nevaluation')
    .replace(arms, `${arms}  pro: { expand: { after: uniform, blocks: 2 }, train: [new], training: { batch: 2 } }\n`);
  const { diagnostics } = examine(text, { facts });
  assert.deepEqual(
    diagnostics.map((d) => d.code),
    ['weight-decay-identity'],
  );
  const [found] = diagnostics as [Diagnostic];
  assert.equal(text.slice(found.range.start, found.range.end), '0.1');
  assert.deepEqual(
    found.fixes.map((f) => f.title),
    ["Set weight_decay: 0 in 's'", "Set weight_decay: 0 in 'pro'"],
  );
  const both = applyFix(text, { title: '', edits: found.fixes.flatMap((f) => f.edits) });
  assert.deepEqual(examine(both, { facts }).diagnostics, []);
  assert.match(both, /^ {4}training: \{ weight_decay: 0 \}$/m);
  assert.match(both, /training: \{ batch: 2, weight_decay: 0 \}/);
});

test('a text that is no mapping, or more than one document, is told in a sentence', () => {
  const told = (text: string) => examine(text).diagnostics.map(show);
  const needed = '1:1 wrong-type An experiment file must be a mapping with at least `strata`, `model` and `arms`, not';
  assert.deepEqual(told(''), [`${needed} empty.`]);
  assert.deepEqual(told('[1]'), [`${needed} [1].`]);
  assert.deepEqual(told(`${valid}---\nstrata: 1\n`), [
    `${valid.split('\n').length}:1 yaml-syntax An experiment file is one YAML document. Remove \`---\` and what does not belong here.`,
  ]);
});

test('byte order mark and Windows line ends move no place', () => {
  const text = `\uFEFF${valid.replace('model: base', 'modle: base').replaceAll('\n', '\r\n')}`;
  const { diagnostics } = examine(text, { facts });
  assert.deepEqual(
    diagnostics.map((d) => [d.code, d.line, d.column]),
    [['unknown-key', 2, 1]],
  );
  assert.equal(examine(applyFix(text, diagnostics[0]!.fixes[0]!), { facts }).experiment?.model, 'base');
});
