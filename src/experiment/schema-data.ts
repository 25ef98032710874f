import * as z from 'zod';
import {
  byKey,
  chosenBy,
  corpusName,
  count,
  defaulting,
  files,
  hasKey,
  key,
  many,
  path,
  said,
  share,
} from './schema-kit.ts';

// Corpora, tasks and the analysis of an experiment file.

export const importanceMetrics = ['angular', 'influence', 'removal', 'duplication', 'attention'] as const;
/** What each is of a layer, in one line; larger means more important. */
export const importanceSummaries: Record<(typeof importanceMetrics)[number], string> = {
  angular: 'how far the layer turns its input: mean over tokens of the angle between input and output, in half turns',
  influence: '1 − the mean cosine of its input and output (block influence of ShortGPT)',
  removal: 'what the negative log-likelihood rises by when the layer is left out, nats per token',
  duplication: 'what the negative log-likelihood rises by when the layer runs twice, nats per token',
  attention: 'a description, no rank: entropy, share on the first token, mean distance',
};
/** Those that rank layers; `attention` only describes them. */
export const rankingMetrics = ['angular', 'influence', 'removal', 'duplication'] as const;

const textCorpus = z.strictObject({
  files: key(
    files(),
    'Files or glob patterns: `.jsonl` has one document a line, `.txt` one a file.',
    'data/new/*.jsonl',
  ),
  field: key(
    z.string().min(1).optional(),
    'The field of each `.jsonl` record. A list of `{role, content}` there makes it a chat: loss on assistant turns only.',
    'text',
  ),
  split: key(z.enum(['paragraph', 'line']).optional(), 'Cuts `.txt` files into documents.', 'paragraph'),
  holdout: key(
    share().optional(),
    'Share of documents, chosen by the hash of their text, that is never trained on; `perplexity:NAME` is measured there.',
    0.05,
  ),
});
const tokenCorpus = z.strictObject({
  tokens: key(
    files(),
    'Token rows, taken in order: JSON lines `{"input_ids": […], "labels": […]}` or a safetensors file with these tensors.',
    'data/rows.jsonl',
  ),
});
export const corpus = byKey([tokenCorpus, textCorpus], ['tokens'], textCorpus);

const limit = () =>
  said(
    z
      .number()
      .gt(0)
      .refine((n) => n < 1 || Number.isInteger(n)),
    'a number of documents, or a share below 1',
  );
const ownTask = {
  files: key(files(), 'JSON lines, one question a line.', 'data/recall-new.jsonl'),
  description: key(z.string().optional(), 'Text before everything else in the prompt.'),
  target_delimiter: key(z.string().default(' '), 'Between context and answer.'),
  shot_delimiter: key(z.string().default('\n\n'), 'Between the examples (shots).'),
  shots: key(z.int().min(0).default(0), 'Solved examples in the prompt.', 5),
  shots_from: key(
    defaulting(files().optional(), "the task's own files, never the question itself"),
    'Where examples are drawn from.',
  ),
  sampler: key(
    z.enum(['random', 'first']).default('random'),
    'How examples are drawn: seeded for every document, or the first.',
  ),
  limit: key(limit().optional(), 'Only the first documents.', 200),
  chat: key(z.boolean().default(false), "Wrap the prompt in the model's chat template."),
};
const choiceTask = z.strictObject({
  kind: key(z.literal('choice'), 'Records `{context, choices, answer: index}`.'),
  ...ownTask,
});
const generateTask = z.strictObject({
  kind: key(z.literal('generate'), 'Records `{context, answer: text or list of texts}`.'),
  ...ownTask,
  max_tokens: key(count().default(64), 'Most tokens that are generated.'),
  stop: key(said(z.array(z.string().min(1)), 'a list of texts').default(['\n']), 'Texts that end the answer.'),
  extract: key(
    z
      .strictObject({
        pattern: key(z.string().min(1), 'Regular expression; group 1 is the answer.', '#### (-?[0-9.,]+)'),
        take: key(z.enum(['first', 'last']).default('first'), 'Which match counts.'),
      })
      .optional(),
    'Takes the answer out of the generated text.',
  ),
  match: key(z.enum(['exact', 'regex']).default('exact'), 'How the answer is compared with the reference.'),
});
const documents = said(z.string().regex(/^\d+(-\d+)?(\s*,\s*\d+(-\d+)?)*$/), 'documents such as 100-139');
const benchmarkTask = z.strictObject({
  benchmark: key(z.string().min(1), 'Name of a built-in benchmark.', 'arc_challenge'),
  files: key(
    z
      .strictObject({
        train: key(
          path().optional(),
          'Examples (shots) come from here. Patterns are allowed; `{subject}` is the subject of a group.',
        ),
        validation: key(path().optional(), 'What is evaluated where there is no test.'),
        dev: key(path().optional(), 'Examples of MMLU.'),
        test: key(path().optional(), 'What is evaluated.'),
      })
      .default({}),
    'Its splits in a published layout; else looked for in the folder STRATA_DATA.',
  ),
  shots: key(z.int().min(0).optional(), 'Solved examples in the prompt.', 5),
  documents: key(documents.optional(), 'Only these documents, by their index in the split.', '100-139'),
  limit: key(limit().optional(), 'Only the first documents.', 200),
  chat: key(z.boolean().optional(), "Wrap the prompt in the model's chat template, each example two turns.", true),
  max_tokens: key(count().optional(), 'Most tokens that are generated.', 256),
  samples: key(count().optional(), 'Programs a problem (`humaneval`, `mbpp`); 1 by default.', 20),
  k: key(
    said(z.array(count()).min(1), 'a list of whole numbers').optional(),
    'Of pass@k, at most `samples`; 1, 10 and 100 as far as `samples` goes.',
    [1, 10],
  ),
  temperature: key(
    z.number().min(0).optional(),
    '0 takes the likeliest token; 0.2 by default with several samples.',
    0.8,
  ),
  top_p: key(
    z.number().gt(0).max(1).optional(),
    'Only the likeliest tokens that have this probability together; 0.95 by default.',
    0.95,
  ),
  seed: key(z.int().min(0).optional(), 'Of the drawing of samples; 0 by default.', 1),
  sandbox: key(
    z.enum(['pyodide', 'bwrap']).optional(),
    'Where generated programs run: Python in a locked process (default, everywhere), or bubblewrap with python3 (Linux).',
    'bwrap',
  ),
});
/** A task whose kind is missing or unknown: only this is said about it. */
const anyTask = z.looseObject({ kind: z.enum(['choice', 'generate']) });
export const task = chosenBy(z.union([benchmarkTask, choiceTask, generateTask]), (value) => {
  if (hasKey(value, 'benchmark')) return benchmarkTask;
  const kind = (value as { kind?: unknown } | null)?.kind;
  return kind === 'choice' ? choiceTask : kind === 'generate' ? generateTask : anyTask;
});

export const analysis = z.strictObject({
  metrics: key(
    many(z.enum(importanceMetrics), `metrics: ${importanceMetrics.join(', ')}`).default([
      'angular',
      'influence',
      'removal',
      'duplication',
    ]),
    'What is measured of every layer; `attention` describes layers and ranks none.',
  ),
  corpus: key(
    said(z.union([corpusName(), z.array(corpusName()).min(1)]), 'the name of a corpus, or a list of such'),
    'The corpus that is measured on: its documents in the order of the hash of their text, the hold-out first. Of a list the first ranks the layers, and `attention` is described on each, corpus against corpus.',
    'general',
  ),
  tokens: key(count().default(32768), 'Tokens of each corpus that are measured on.'),
  tasks: key(
    said(z.array(z.string()), 'a list of tasks').default([]),
    '`removal` and `duplication` are scored on these tasks as well.',
    ['recall_old'],
  ),
});
