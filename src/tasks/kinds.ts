/** What a kind of task measures. The first metric is the primary one (design §4, Tasks). */
export interface TaskKind {
  name: 'choice' | 'generate' | 'perplexity';
  metrics: readonly [string, ...string[]];
  /** What one record holds. */
  record: string;
  summary: string;
}

export const taskKinds: readonly TaskKind[] = [
  {
    name: 'choice',
    metrics: ['acc', 'acc_norm', 'acc_bytes'],
    record: '{"context": "…", "choices": ["…", "…"], "answer": 0}',
    summary: 'the model ranks given answers by log-likelihood',
  },
  {
    name: 'generate',
    metrics: ['exact_match'],
    record: '{"context": "…", "answer": "…"}',
    summary: 'the model writes an answer that is compared with the references',
  },
  {
    name: 'perplexity',
    // Of token rows, whose text is not known, only the last.
    metrics: ['bits_per_byte', 'byte_perplexity', 'word_perplexity', 'token_perplexity'],
    record: '{"text": "…"}',
    summary: 'how well the model predicts the documents of a corpus',
  },
];

/** The row of a kind. Throws on an unknown one: kinds come from checked files. */
export function taskKind(name: TaskKind['name']): TaskKind {
  const row = taskKinds.find((k) => k.name === name);
  if (!row) throw new Error(`no such kind of task: ${name}`);
  return row;
}
