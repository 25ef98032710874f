import { basename } from 'node:path';
import { canonicalJson } from '../../base/hash.ts';
import type { Scores } from '../../record/types.ts';
import { metricOf } from '../../tasks/metrics.ts';
import { escapeCell, markdownTable } from '../exports/markdown.ts';
import { changesOf, summarise } from '../groups.ts';
import type { Table } from '../tables.ts';
import type { ComparedRun } from '../types.ts';
import { formatCount, formatValue, proofWords } from '../words.ts';

export interface ModelCardInput {
  run: ComparedRun;
  /** What was written: weights with their hashes. */
  files: readonly { name: string; bytes: number; sha256: string }[];
  /** Only the adapter was written. */
  adapter: boolean;
  /** Dtype that all weights were converted to; undefined: as stored. */
  dtype?: string;
  /** Id of the base on the Hugging Face hub, where that is where it came from. */
  baseId?: string;
}

/**
 * The README.md of an exported model: what was done to which model, with what, what proves it, and what was measured. It says
 * nothing that is not recorded; scores are those of the run, without a claim what they mean for other data.
 */
export function modelCard(input: ModelCardInput): string {
  const { run: data, files, adapter, dtype } = input;
  const { request, id, spec } = data.run;
  const title = `${request.experiment.title ?? request.experiment.stem}: ${request.arm}${request.seed === undefined ? '' : `, seed ${request.seed}`}`;
  const converted =
    dtype !== undefined
      ? [`All weights were converted to ${dtype} when they were exported; the scores were measured before that.`]
      : [];
  const parts = [
    frontMatter(input),
    `# ${escapeCell(title)}`,
    `Made by Strata ${request.version}, run \`${id}\`. This page is written from the records of that run.`,
    ...(adapter ? ['This folder holds the LoRA adapter alone; it needs the base model named below.'] : []),
    '## What was changed',
    bullets(changesOf(data)),
    '## Origin',
    markdownTable(originTable(input)),
    ...(spec.training ? ['## Training', markdownTable(trainingTable(data))] : []),
    '## Proofs',
    markdownTable(proofTable(data)),
    '## Scores',
    ...(data.run.scores && Object.keys(data.run.scores).length > 0
      ? [markdownTable(scoreTable(data.run.scores))]
      : ['This model was not evaluated.']),
    ...converted,
    '## Files',
    markdownTable(fileTable(files)),
    '## Limits',
    'Scores hold for the documents named by their tasks and for nothing else. Against other models they say something only on the same documents (`strata compare`). Licences of the base model and of what it was trained on are not recorded here.',
  ];
  return `${parts.join('\n\n')}\n`;
}

/** What the Hugging Face hub reads; only what is known. Values are quoted, so that no name can be taken for YAML. */
function frontMatter({ baseId, adapter }: ModelCardInput): string {
  const lines = [
    `library_name: ${adapter ? 'peft' : 'transformers'}`,
    ...(baseId === undefined ? [] : [`base_model: ${JSON.stringify(baseId)}`]),
    'tags:',
    '- strata',
  ];
  return ['---', ...lines, '---'].join('\n');
}

const bullets = (lines: readonly string[]): string => lines.map((line) => `- ${escapeCell(line)}`).join('\n');
const left = (header: string) => ({ header, align: 'left' as const });
const right = (header: string) => ({ header, align: 'right' as const });
const pairs = (caption: string, rows: string[][]): Table => ({ caption, columns: [left('what'), left('value')], rows });

function originTable({ run: { run }, baseId }: ModelCardInput): Table {
  const { request, spec } = run;
  const base = baseId ?? request.sources.model.split(/[\\/]/).findLast((part) => part !== '') ?? '';
  return pairs('Where it comes from; hashes are sha256', [
    ['experiment', request.experiment.stem],
    ['arm', request.arm],
    ['seed', request.seed === undefined ? 'none' : String(request.seed)],
    ['base model', base],
    ['base model, config and weights', spec.model],
    ['everything that decides the weights', request.hash],
    ...(spec.parent === undefined ? [] : [['parent run', spec.parent]]),
    ['device', spec.device],
  ]);
}

function trainingTable({ run, kept }: ComparedRun): Table {
  const { corpus, replay, distill, keep: _, ...settings } = run.spec.training!;
  const { sources } = run.request;
  const named = (files: readonly string[] | undefined, hash: string) =>
    [...new Set((files ?? []).map((f) => basename(f))), `sha256 ${hash}`].join(', ');
  return pairs('What it was trained with', [
    ['corpus', named(sources.corpus, corpus.hash)],
    ...(replay ? [['replay', `${replay.share} of the sequences: ${named(sources.replay, replay.corpus.hash)}`]] : []),
    ...(distill ? [['distillation', `weight ${distill.weight}: ${named(sources.distill, distill.corpus.hash)}`]] : []),
    ...(kept
      ? [['weights', `of step ${kept.step}, the best by ${kept.task} ${kept.metric} (${formatValue(kept.value)})`]]
      : []),
    ...Object.entries(settings).flatMap(([key, value]) =>
      value === undefined ? [] : [[key, typeof value === 'string' ? value : canonicalJson(value)]],
    ),
  ]);
}

function proofTable(data: ComparedRun): Table {
  const arm = summarise({ arm: data.run.request.arm, runs: [data] }, []);
  const [run] = arm.runs;
  const share =
    arm.trainedParameters === undefined
      ? 'not recorded'
      : `${formatCount(arm.trainedParameters)} of ${formatCount(arm.totalParameters)}`;
  return pairs('What was proven of the run', [
    ['trained parameters', share],
    ...(['identity', 'frozen'] as const).map((which) => [
      which === 'identity' ? 'identity of the expansion' : 'frozen tensors',
      `${proofWords[run![which].state]}: ${run![which].detail}`,
    ]),
  ]);
}

function scoreTable(scores: Scores): Table {
  return {
    caption: 'What was measured at the end of the run; n is the number of documents',
    columns: [left('task'), left('metric'), right('value'), right('standard error'), right('n'), left('better is')],
    rows: Object.entries(scores).flatMap(([task, metrics]) =>
      Object.entries(metrics).map(([metric, { value, stderr, n }]) => [
        task,
        metric,
        formatValue(value),
        stderr === null ? '–' : formatValue(stderr),
        formatCount(n),
        metricOf(metric)?.direction ?? '–',
      ]),
    ),
  };
}

function fileTable(files: ModelCardInput['files']): Table {
  return {
    caption: 'Weights in this folder',
    columns: [left('file'), right('bytes'), left('sha256')],
    rows: files.map(({ name, bytes, sha256 }) => [name, formatCount(bytes), sha256]),
  };
}
