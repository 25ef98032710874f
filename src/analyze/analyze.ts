import { canonicalJson, sha256 } from '../base/hash.ts';
import type { Progress } from '../base/log.ts';
import { fail } from '../base/problem.ts';
import { engineSemantics } from '../base/version.ts';
import type { CorpusSource, Tokenizer } from '../data/types.ts';
import type { Device } from '../device/types.ts';
import { ForwardPasses } from '../engine/forward-passes.ts';
import { outputsNotFinite } from '../engine/not-finite.ts';
import type { Model } from '../model/types.ts';
import type { TaskRequest } from '../plan/types.ts';
import type { ImportanceRecord } from '../record/importance.ts';
import { type CorpusMeasurement, type CorpusRequest, measureCorpus } from './corpus.ts';
import { attentionDescription, corpusImportance, taskImportance } from './importance.ts';
import { openJournal } from './journal.ts';
import { corpusPieces } from './pieces.ts';
import type { Variant } from './scan.ts';
import { measureTask } from './tasks.ts';

export interface AnalysisCorpus {
  name: string;
  /** Absolute, in order. */
  files: readonly string[];
  source: Pick<CorpusSource, 'kind' | 'field' | 'split' | 'holdout'>;
}

export interface AnalysisRequest {
  /** Rows of `importanceMetrics`. */
  metrics: readonly string[];
  /** At most so many of each corpus. */
  tokens: number;
  /** Layers are ranked on the first; attention is described on all, corpus against corpus. */
  corpora: readonly AnalysisCorpus[];
  /** Removal and duplication are scored on these as well. */
  tasks: readonly TaskRequest[];
}

export interface AnalysisTools {
  model: Model;
  /** `hashModel(model)`. */
  modelHash: string;
  tokenizer: Tokenizer | undefined;
  threads: number;
  device?: Device;
  /**
   * Where finished parts are kept, by everything that decides them (model, tokens, threads, device): what was killed goes on from
   * there, and what was measured before is not measured again. Undefined: nowhere.
   */
  journalFolder: string | undefined;
  progress: Progress;
}

/**
 * Measures how important each layer of a model is (design §6). Killed and started again it gives the same numbers bit for
 * bit. Fails as `corpusPieces`, `evaluateTask`; `analysis-empty` if there is nothing to measure on.
 */
export async function analyze(request: AnalysisRequest, tools: AnalysisTools): Promise<ImportanceRecord> {
  const { metrics, corpora, tasks } = request;
  const { model, progress } = tools;
  const variants = (['removal', 'duplication'] as const).filter((v) => metrics.includes(v));
  const attention: ImportanceRecord['attention'] = {};
  let first: CorpusMeasurement | undefined;
  for (const [i, corpus] of corpora.entries()) {
    const looks = metrics.includes('attention');
    if (i > 0 && !looks) continue;
    const measured = await measure(corpus, i === 0 ? firstRequest(metrics, variants) : attentionOnly, request, tools);
    first ??= measured;
    if (measured.nll.some(Number.isNaN)) outputsNotFinite(model.folder);
    const described = attentionDescription(measured);
    if (described) attention[corpus.name] = described;
  }
  const measuredTasks: ImportanceRecord['tasks'] = {};
  for (const task of variants.length > 0 ? tasks : []) {
    const measured = await measureTask(task, variants, {
      model,
      tokenizer: tools.tokenizer,
      options: { threads: tools.threads, device: tools.device },
      journal: { folder: tools.journalFolder, content: contentOf(tools) },
      onProgress: (done, total) => progress.report(task.name, done, total),
    });
    measuredTasks[task.name] = taskImportance(task, measured);
  }
  return {
    strata_importance: 1,
    model: tools.modelHash,
    corpus: corpora[0]!.name,
    layers: model.config.layers,
    ...corpusImportance(first!, metrics),
    ...(metrics.includes('attention') && { attention }),
    ...(Object.keys(measuredTasks).length > 0 && { tasks: measuredTasks }),
  };
}

type What = Omit<CorpusRequest, 'pieces'>;

const attentionOnly: What = { variants: [], turn: false, blocks: false, attention: true };

function firstRequest(metrics: readonly string[], variants: readonly Variant[]): What {
  return {
    variants,
    turn: metrics.includes('angular') || metrics.includes('influence'),
    blocks: metrics.includes('angular'),
    attention: metrics.includes('attention'),
  };
}

async function measure(
  { name, files, source }: AnalysisCorpus,
  what: What,
  { tokens }: AnalysisRequest,
  tools: AnalysisTools,
): Promise<CorpusMeasurement> {
  const { model, tokenizer, threads, device, journalFolder, progress } = tools;
  const pieces = await corpusPieces(files, source, tokenizer, model.config, tokens);
  if (!pieces.some(({ ids }) => ids.length > 1)) {
    fail('analysis-empty', `The corpus ${name} has no two tokens in a row to measure on.`, {
      place: files[0],
      remedy: 'Give a corpus with text, or ask for more tokens.',
    });
  }
  const journal = await openJournal(journalFolder, {
    ...contentOf(tools),
    pieces: sha256(canonicalJson(pieces.map(({ ids, labels }) => [ids, labels]))),
  });
  const passes = new ForwardPasses(model, { threads, device });
  try {
    return await measureCorpus({ pieces, ...what }, passes, journal, (done, total) =>
      progress.report(name, done, total),
    );
  } finally {
    await passes.dispose();
    journal.close();
  }
}

/** What decides every bit besides what is read. */
function contentOf({ modelHash, threads, device }: AnalysisTools): Record<string, unknown> {
  return { engine_semantics: engineSemantics, model: modelHash, threads, device: device?.name ?? 'cpu' };
}
