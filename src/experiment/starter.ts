import { yamlText } from './edits.ts';

/** What the first experiment for a model depends on. */
export interface StarterModel {
  /** As it is to stand behind `model:`. */
  reference: string;
  layers: number;
  hiddenSize: number;
  positions: number;
  /** Without one only token rows can be trained. */
  tokenizer: boolean;
}

/**
 * A commented experiment file for a model: shallow expansion against LLaMA-Pro, LoRA and full fine-tuning. It has no error but the
 * files of its corpora, which only its reader can name. A quarter as many blocks as layers are inserted, as in the SLayer
 * paper and LLaMA-Pro (8 of 32).
 */
export function starterFile(model: StarterModel): string {
  const { layers, hiddenSize, positions, reference } = model;
  const region = layers > 1 ? 'shallow_half' : 'uniform';
  const blocks = Math.max(1, Math.floor(layers / 4));
  const rate = hiddenSize <= 1024 ? '1e-3' : '2e-4';
  const last = layers - 1;
  const data = model.tokenizer ? texts : rows;
  const replay = model.tokenizer
    ? `${said('  replay: { corpus: general, share: 0.25 }', 'a quarter of the sequences is old text, against forgetting')}\n`
    : '';
  const surgery =
    layers > 3
      ? `${said('    # prune: { last: 1 }', 'delete the last layer')}
${said(`    # merge: { into: ${last - 1}, of: [${last - 1}, ${last}] }`, 'average two layers into one; then train: [new, merged]')}
`
      : '';
  return `# Every key is described in Strata's docs/experiment.md. Check this file: strata check FILE. What it would run: strata plan FILE.
strata: 1
model: ${yamlText(reference)}
# The model has ${layers} layer${layers === 1 ? '' : 's'}, numbered 0 to ${last}, and ${positions} positions.

${data.corpora}
arms:
${said('  base: {}', 'the unchanged model, to compare with')}
  s:
${said(`    expand: { after: ${region}, blocks: ${blocks} }`, 'blocks that start as x → x')}
${surgery}${said('    train: [new]', 'everything else stays frozen')}
  pro:
${said(`    expand: { after: uniform, blocks: ${blocks}, init: copy }`, 'LLaMA-Pro')}
    train: [new]
${said('  lora: { lora: { rank: match, arm: s } }', 'as many trained parameters as s')}
  full: { train: [all] }

training:
  corpus: new_facts
${replay}  steps: 200
  batch: 8
  sequence: ${Math.min(512, positions)}
  learning_rate: ${rate}

${data.measured}
${said('seeds: [1, 2, 3]', 'three or more, for a verdict that holds beyond one seed')}
`;
}

/** A line with its comment, all comments in one column. */
function said(line: string, comment: string): string {
  return `${line.padEnd(48)} # ${comment}`;
}

const texts = {
  corpora: `corpora:
${said('  new_facts:', 'what is to be learnt')}
${said('    files: data/new_facts.jsonl', '<- your file: JSON lines {"text": "…"}; globs and lists are allowed')}
    field: text
${said('    holdout: 0.1', 'a tenth is never trained on, to measure what was learnt')}
${said('  general:', 'what is not to be forgotten')}
${said('    files: data/general.jsonl', '<- your file')}
    field: text
    holdout: 0.1

${said('# tasks:', 'questions, where you have some; then name them below')}
#   recall: { kind: choice, files: data/recall.jsonl }    # {"context": "…", "choices": ["…", "…"], "answer": 0}
`,
  measured: `evaluation:
  tasks: [perplexity:new_facts, perplexity:general]
compare: { baseline: base, subject: s, gain: perplexity:new_facts, forgetting: [perplexity:general] }
`,
};

/** Without a tokenizer: token rows, those that are measured in files of their own. */
const rows = {
  corpora: `# The model has no tokenizer, so corpora are token rows: JSON lines {"input_ids": [1, 2, …]}.
corpora:
${said('  new_facts: { tokens: data/new_facts.jsonl }', '<- your file: what is to be learnt')}
${said('  new_test: { tokens: data/new_test.jsonl }', '<- your file: the same kind, never trained on')}
${said('  old_test: { tokens: data/old_test.jsonl }', '<- your file: what is not to be forgotten')}
`,
  measured: `evaluation:
  tasks: [perplexity:new_test, perplexity:old_test]
compare: { baseline: base, subject: s, gain: perplexity:new_test, forgetting: [perplexity:old_test] }
`,
};
