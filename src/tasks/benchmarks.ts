import * as choices from './benchmarks/choices.ts';
import { gsm8k, gsm8kCot, gsm8kCotRules, gsm8kCotShots, gsm8kRules } from './benchmarks/gsm8k.ts';
import { hendrycksMath, hendrycksMathRules } from './benchmarks/hendrycks-math.ts';
import { mmluSubjects } from './benchmarks/mmlu-subjects.ts';
import { humaneval, humanevalStop, mbpp, mbppBelongs, mbppShots } from './benchmarks/programs.ts';
import type {
  AnswerBenchmark,
  Benchmark,
  ChoiceBenchmark,
  DataSource,
  GroupBenchmark,
  SingleBenchmark,
} from './benchmarks/types.ts';
import { wikitextPage, wikitextPages } from './benchmarks/wikitext.ts';

export type { Benchmark, SingleBenchmark } from './benchmarks/types.ts';

/** Files of one configuration as the Hugging Face hub lays them out, or written out again as JSON lines. */
const hub = (folder: string, split: string) => [
  `${folder}/${split}-*.parquet`,
  `${folder}/${split}.parquet`,
  `${folder}/${split}.jsonl`,
];

const norms = ['acc', 'acc_norm', 'acc_bytes'] as const;
const graded = ['exact_match_strict', 'exact_match_flexible'] as const;

/** What most multiple-choice benchmarks have in common. */
const choice = (row: Omit<ChoiceBenchmark, 'form' | 'kind' | 'sampler' | 'shots'> & Partial<ChoiceBenchmark>) =>
  ({ form: 'choice', kind: 'choice', sampler: 'random', shots: 0, ...row }) satisfies ChoiceBenchmark;

const arc = (name: string, set: 'ARC-Easy' | 'ARC-Challenge', summary: string) => {
  const original = (split: string) => [`arc/${set}/${set}-${split}.jsonl`, `arc/${set}-${split}.jsonl`];
  return choice({
    name,
    metrics: norms,
    summary,
    source: {
      from: 'AI2 Reasoning Challenge, Allen Institute for AI (Clark et al. 2018); allenai/ai2_arc on the hub',
      license: 'CC BY-SA 4.0',
      record: '{"question": {"stem": "…", "choices": [{"text": "…", "label": "A"}, …]}, "answerKey": "A"}',
      places: {
        train: [...hub(`ai2_arc/${set}`, 'train'), ...original('Train')],
        validation: [...hub(`ai2_arc/${set}`, 'validation'), ...original('Dev')],
        test: [...hub(`ai2_arc/${set}`, 'test'), ...original('Test')],
      },
    },
    evaluated: ['test', 'validation'],
    shotSplits: ['train', 'validation', 'test'],
    read: choices.arc,
  });
};

const mmluSource: DataSource = {
  from: 'Measuring Massive Multitask Language Understanding (Hendrycks et al. 2021); hendrycks/test, cais/mmlu on the hub',
  license: 'MIT',
  record: 'CSV without head line: question, A, B, C, D, letter; or {"question": "…", "choices": […], "answer": 0}',
  places: {
    dev: ['mmlu/data/dev/{subject}_dev.csv', 'mmlu/dev/{subject}_dev.csv', 'mmlu/{subject}_dev.csv']
      .concat(hub('mmlu/{subject}', 'dev'))
      .concat(hub('mmlu/all', 'dev')),
    validation: ['mmlu/data/val/{subject}_val.csv', 'mmlu/val/{subject}_val.csv', 'mmlu/{subject}_val.csv']
      .concat(hub('mmlu/{subject}', 'validation'))
      .concat(hub('mmlu/all', 'validation')),
    test: ['mmlu/data/test/{subject}_test.csv', 'mmlu/test/{subject}_test.csv', 'mmlu/{subject}_test.csv']
      .concat(hub('mmlu/{subject}', 'test'))
      .concat(hub('mmlu/all', 'test')),
  },
};

const mmlu = (subject: string) =>
  choice({
    name: `mmlu_${subject}`,
    metrics: ['acc'],
    summary: `exam questions: ${subject.replaceAll('_', ' ')}`,
    source: mmluSource,
    subject,
    columns: ['question', 'A', 'B', 'C', 'D', 'answer'],
    // The hub's configuration "all" has a column for it.
    belongs: (record) => record['subject'] === undefined || record['subject'] === subject,
    description: `The following are multiple choice questions (with answers) about ${subject.replaceAll('_', ' ')}.\n\n`,
    shots: 5,
    sampler: 'first',
    evaluated: ['test', 'validation'],
    shotSplits: ['dev', 'validation', 'test'],
    read: choices.mmlu,
  });

const mmluGroup = (category: keyof typeof mmluSubjects): GroupBenchmark => ({
  form: 'group',
  kind: 'choice',
  name: `mmlu_${category}`,
  metrics: ['acc'],
  summary: `MMLU, the ${mmluSubjects[category].length} subjects of ${category.replaceAll('_', ' ')}`,
  members: mmluSubjects[category].map((subject) => `mmlu_${subject}`),
});

const truthfulqa = (name: string, targets: 'mc1_targets' | 'mc2_targets', summary: string) =>
  choice({
    name,
    metrics: ['acc'],
    summary,
    source: {
      from: 'TruthfulQA (Lin et al. 2022); sylinrl/TruthfulQA, truthfulqa/truthful_qa on the hub',
      license: 'Apache-2.0',
      record: `{"question": "…", "${targets}": {"choices": […], "labels": [1, 0, …]}}`,
      places: {
        validation: [
          ...hub('truthful_qa/multiple_choice', 'validation'),
          'truthfulqa/mc_task.json',
          'TruthfulQA/data/mc_task.json',
        ],
      },
    },
    evaluated: ['validation'],
    shotSplits: ['validation'],
    drawOneMore: true,
    read: choices.truthfulqa(targets),
  });

const gsm8kSource: DataSource = {
  from: 'GSM8K, OpenAI (Cobbe et al. 2021); openai/grade-school-math, openai/gsm8k on the hub',
  license: 'MIT',
  record: '{"question": "…", "answer": "… #### 5"}',
  places: {
    train: ['gsm8k/train.jsonl', ...hub('gsm8k/main', 'train')],
    test: ['gsm8k/test.jsonl', ...hub('gsm8k/main', 'test')],
  },
};

const answer = (row: Omit<AnswerBenchmark, 'form' | 'kind' | 'maxTokens'>): AnswerBenchmark => ({
  form: 'answer',
  kind: 'generate',
  maxTokens: 256,
  ...row,
});

/** Names of the reference, and of the folders and the field `type` of the data. */
const mathSubjects = [
  ['algebra', 'algebra', 'Algebra'],
  ['counting_and_prob', 'counting_and_probability', 'Counting & Probability'],
  ['geometry', 'geometry', 'Geometry'],
  ['intermediate_algebra', 'intermediate_algebra', 'Intermediate Algebra'],
  ['num_theory', 'number_theory', 'Number Theory'],
  ['prealgebra', 'prealgebra', 'Prealgebra'],
  ['precalc', 'precalculus', 'Precalculus'],
] as const;

const math = ([name, subject, type]: (typeof mathSubjects)[number]): AnswerBenchmark =>
  answer({
    name: `hendrycks_math_${name}`,
    metrics: ['exact_match'],
    summary: `competition mathematics: ${type}`,
    source: {
      from: 'MATH (Hendrycks et al. 2021); hendrycks/math, EleutherAI/hendrycks_math on the hub',
      license: 'MIT',
      record: '{"problem": "…", "solution": "… \\\\boxed{5} …", "type": "Algebra"}',
      places: {
        train: [...hub('hendrycks_math/{subject}', 'train'), 'MATH/train/{subject}/*.json', 'MATH/train.jsonl'],
        test: [...hub('hendrycks_math/{subject}', 'test'), 'MATH/test/{subject}/*.json', 'MATH/test.jsonl'],
      },
    },
    subject,
    belongs: (record) => record['type'] === undefined || record['type'] === type,
    shots: 0,
    sampler: 'random',
    evaluated: ['test'],
    shotSplits: ['train', 'test'],
    read: hendrycksMath,
    stop: ['Problem:'],
    rules: hendrycksMathRules,
  });

/**
 * Every benchmark, one row each. Names and semantics are those of lm-evaluation-harness 0.4.13 (lm_eval/tasks); how the parts
 * of a row become prompts and scores is written once, in evaluate/.
 */
export const benchmarks: readonly Benchmark[] = [
  arc('arc_easy', 'ARC-Easy', 'school science questions, the easier ones'),
  arc('arc_challenge', 'ARC-Challenge', 'school science questions that word statistics do not answer'),
  choice({
    name: 'hellaswag',
    metrics: norms,
    summary: 'which sentence goes on with a description of an everyday scene',
    source: {
      from: 'HellaSwag (Zellers et al. 2019); rowanz/hellaswag, Rowan/hellaswag on the hub',
      license: 'MIT',
      record: '{"activity_label": "…", "ctx_a": "…", "ctx_b": "…", "endings": […], "label": 0}',
      places: {
        train: [...hub('hellaswag/data', 'train'), 'hellaswag/hellaswag_train.jsonl', ...hub('hellaswag', 'train')],
        validation: [
          ...hub('hellaswag/data', 'validation'),
          'hellaswag/hellaswag_val.jsonl',
          ...hub('hellaswag', 'validation'),
        ],
      },
    },
    evaluated: ['validation'],
    shotSplits: ['train', 'validation'],
    drawOneMore: true,
    read: choices.hellaswag,
  }),
  choice({
    name: 'winogrande',
    metrics: ['acc'],
    summary: 'which of two words fits a gap',
    source: {
      from: 'WinoGrande, Allen Institute for AI (Sakaguchi et al. 2020); allenai/winogrande on the hub',
      license: 'CC BY 4.0 (data), Apache-2.0 (code)',
      record: '{"sentence": "… _ …", "option1": "…", "option2": "…", "answer": "1"}',
      places: {
        train: [...hub('winogrande/winogrande_xl', 'train'), 'winogrande/train_xl.jsonl'],
        validation: [...hub('winogrande/winogrande_xl', 'validation'), 'winogrande/dev.jsonl'],
      },
    },
    evaluated: ['validation'],
    shotSplits: ['train', 'validation'],
    drawOneMore: true,
    read: choices.winogrande,
  }),
  choice({
    name: 'piqa',
    metrics: norms,
    summary: 'which of two ways reaches a goal',
    source: {
      from: 'Physical Interaction QA (Bisk et al. 2020); baber/piqa on the hub',
      license: 'AFL-3.0',
      record: '{"goal": "…", "sol1": "…", "sol2": "…", "label": 0}; or without labels, and X-labels.lst beside X.jsonl',
      places: {
        train: [...hub('piqa/data', 'train'), ...hub('piqa', 'train')],
        validation: [
          ...hub('piqa/data', 'validation'),
          ...hub('piqa', 'validation'),
          'piqa/valid.jsonl',
          'piqa/dev.jsonl',
        ],
      },
    },
    labels: 'label',
    evaluated: ['validation'],
    shotSplits: ['train', 'validation'],
    drawOneMore: true,
    read: choices.piqa,
  }),
  choice({
    name: 'openbookqa',
    metrics: norms,
    summary: 'questions about elementary science facts',
    source: {
      from: 'OpenBookQA, Allen Institute for AI (Mihaylov et al. 2018); allenai/openbookqa on the hub',
      license: 'Apache-2.0',
      record: '{"question": {"stem": "…", "choices": [{"text": "…", "label": "A"}, …]}, "answerKey": "A"}',
      places: {
        train: [...hub('openbookqa/main', 'train'), 'openbookqa/Main/train.jsonl'],
        validation: [...hub('openbookqa/main', 'validation'), 'openbookqa/Main/dev.jsonl'],
        test: [...hub('openbookqa/main', 'test'), 'openbookqa/Main/test.jsonl'],
      },
    },
    evaluated: ['test', 'validation'],
    shotSplits: ['train', 'validation', 'test'],
    read: choices.openbookqa,
  }),
  {
    form: 'group',
    kind: 'choice',
    name: 'mmlu',
    metrics: ['acc'],
    summary: 'exam questions of 57 subjects',
    members: Object.values(mmluSubjects)
      .flat()
      .sort()
      .map((subject) => `mmlu_${subject}`),
  },
  ...(Object.keys(mmluSubjects) as (keyof typeof mmluSubjects)[]).map(mmluGroup),
  ...Object.values(mmluSubjects).flat().sort().map(mmlu),
  truthfulqa('truthfulqa_mc1', 'mc1_targets', 'the one true answer among common misbeliefs'),
  truthfulqa('truthfulqa_mc2', 'mc2_targets', 'the share of probability that true answers get'),
  answer({
    name: 'gsm8k',
    metrics: graded,
    summary: 'school arithmetic in words, worked out in steps',
    source: gsm8kSource,
    shots: 5,
    sampler: 'random',
    evaluated: ['test'],
    shotSplits: ['train', 'test'],
    read: gsm8k,
    stop: ['Question:', '</s>', '<|im_end|>'],
    rules: gsm8kRules,
  }),
  answer({
    name: 'gsm8k_cot',
    metrics: graded,
    summary: 'the same with eight fixed chains of thought',
    source: gsm8kSource,
    shots: 8,
    sampler: 'first',
    evaluated: ['test'],
    shotSplits: [],
    fixedShots: gsm8kCotShots,
    read: gsm8kCot,
    stop: ['Q:', '</s>', '<|im_end|>'],
    rules: gsm8kCotRules,
  }),
  {
    form: 'group',
    kind: 'generate',
    name: 'hendrycks_math',
    metrics: ['exact_match'],
    summary: 'competition mathematics of seven subjects',
    members: mathSubjects.map(([name]) => `hendrycks_math_${name}`),
  },
  ...mathSubjects.map(math),
  {
    form: 'pages',
    kind: 'perplexity',
    name: 'wikitext',
    metrics: ['bits_per_byte', 'byte_perplexity', 'word_perplexity'],
    summary: 'how well whole pages of Wikipedia are predicted',
    source: {
      from: 'WikiText-2 (Merity et al. 2016); EleutherAI/wikitext_document_level on the hub',
      license: 'CC BY-SA 4.0',
      record: 'the text file as it was published (wiki.test.raw), or {"page": "…"}',
      places: {
        test: [
          ...hub('wikitext_document_level/wikitext-2-raw-v1', 'test'),
          'wikitext-2-raw/wiki.test.raw',
          'wikitext-2/wiki.test.tokens',
          'wikitext2/test.txt',
        ],
        validation: [
          ...hub('wikitext_document_level/wikitext-2-raw-v1', 'validation'),
          'wikitext-2-raw/wiki.valid.raw',
          'wikitext-2/wiki.valid.tokens',
          'wikitext2/valid.txt',
        ],
      },
    },
    evaluated: ['test', 'validation'],
    pages: wikitextPages,
    read: wikitextPage,
  },
  {
    form: 'program',
    kind: 'generate',
    name: 'humaneval',
    metrics: ['pass@1'],
    summary: 'Python functions from their documentation, run against tests',
    source: {
      from: 'HumanEval, OpenAI (Chen et al. 2021); openai/human-eval, openai/openai_humaneval on the hub',
      license: 'MIT',
      record: '{"prompt": "…", "entry_point": "…", "canonical_solution": "…", "test": "…"}',
      places: {
        test: [
          'humaneval/HumanEval.jsonl.gz',
          'humaneval/HumanEval.jsonl',
          ...hub('openai_humaneval/openai_humaneval', 'test'),
        ],
      },
    },
    evaluated: ['test'],
    read: humaneval,
    fixedShots: [],
    shots: 0,
    targetDelimiter: ' ',
    maxTokens: 1024,
    stop: humanevalStop,
  },
  {
    form: 'program',
    kind: 'generate',
    name: 'mbpp',
    metrics: ['pass@1'],
    summary: 'small Python functions from a sentence and three tests',
    source: {
      from: 'Mostly Basic Python Problems, Google (Austin et al. 2021); google-research/mbpp, google-research-datasets/mbpp on the hub',
      license: 'CC BY 4.0',
      record: '{"task_id": 11, "text": "…", "code": "…", "test_list": ["assert …", …]}',
      places: { test: [...hub('mbpp/full', 'test'), 'mbpp/mbpp.jsonl'] },
    },
    belongs: mbppBelongs,
    evaluated: ['test'],
    read: mbpp,
    fixedShots: mbppShots,
    shots: 3,
    targetDelimiter: '',
    maxTokens: 256,
    stop: ['[DONE]'],
  },
];

const byName = new Map(benchmarks.map((b) => [b.name, b]));

export function benchmarkOf(name: string): Benchmark | undefined {
  return byName.get(name);
}

/** The rows with data of their own that a name stands for: itself, or the members of the group. */
export function membersOf(benchmark: Benchmark): SingleBenchmark[] {
  if (benchmark.form !== 'group') return [benchmark];
  return benchmark.members.flatMap((name) => {
    const member = byName.get(name);
    if (!member) throw new Error(`the group ${benchmark.name} names ${name}, which is no benchmark`);
    return membersOf(member);
  });
}
