import type { TaskKind } from './kinds.ts';

/** A benchmark that is known by name. The first metric is the primary one. */
export interface Benchmark {
  name: string;
  kind: TaskKind['name'];
  metrics: readonly [string, ...string[]];
}

const choice = (name: string, ...metrics: [string, ...string[]]): Benchmark => ({ name, kind: 'choice', metrics });
const generate = (name: string, ...metrics: [string, ...string[]]): Benchmark => ({ name, kind: 'generate', metrics });

const mmluSubjects =
  `abstract_algebra anatomy astronomy business_ethics clinical_knowledge college_biology college_chemistry
  college_computer_science college_mathematics college_medicine college_physics computer_security conceptual_physics
  econometrics electrical_engineering elementary_mathematics formal_logic global_facts high_school_biology
  high_school_chemistry high_school_computer_science high_school_european_history high_school_geography
  high_school_government_and_politics high_school_macroeconomics high_school_mathematics high_school_microeconomics
  high_school_physics high_school_psychology high_school_statistics high_school_us_history high_school_world_history
  human_aging human_sexuality international_law jurisprudence logical_fallacies machine_learning management marketing
  medical_genetics miscellaneous moral_disputes moral_scenarios nutrition philosophy prehistory
  professional_accounting professional_law professional_medicine professional_psychology public_relations
  security_studies sociology us_foreign_policy virology world_religions`.split(/\s+/);

/** Names as in lm-evaluation-harness; `mmlu_<subject>` is one subject of MMLU. */
export const benchmarks: readonly Benchmark[] = [
  choice('arc_easy', 'acc', 'acc_norm', 'acc_bytes'),
  choice('arc_challenge', 'acc', 'acc_norm', 'acc_bytes'),
  choice('hellaswag', 'acc', 'acc_norm', 'acc_bytes'),
  choice('winogrande', 'acc'),
  choice('piqa', 'acc', 'acc_norm', 'acc_bytes'),
  choice('openbookqa', 'acc', 'acc_norm', 'acc_bytes'),
  choice('mmlu', 'acc'),
  ...mmluSubjects.map((subject) => choice(`mmlu_${subject}`, 'acc')),
  choice('truthfulqa_mc1', 'acc'),
  choice('truthfulqa_mc2', 'acc'),
  generate('gsm8k', 'exact_match_strict', 'exact_match_flexible'),
  generate('gsm8k_cot', 'exact_match_strict', 'exact_match_flexible'),
  generate('hendrycks_math', 'exact_match'),
  { name: 'wikitext', kind: 'perplexity', metrics: ['bits_per_byte', 'byte_perplexity', 'word_perplexity'] },
  generate('humaneval', 'pass@1'),
  generate('mbpp', 'pass@1'),
];

const byName = new Map(benchmarks.map((b) => [b.name, b]));

export function benchmarkOf(name: string): Benchmark | undefined {
  return byName.get(name);
}
