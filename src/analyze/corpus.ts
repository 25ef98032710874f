import type { ForwardPasses } from '../engine/forward-passes.ts';
import type { ScoreResult } from '../engine/types.ts';
import type { Journal } from './journal.ts';
import {
  type AttentionMeasure,
  attentionMeasures,
  attentionObserver,
  blockObserver,
  blockStarts,
  turnObserver,
} from './observers.ts';
import { type Piece, pieceRequest } from './pieces.ts';
import { type Scanned, scanLayers, type Variant } from './scan.ts';

export interface CorpusRequest {
  pieces: readonly Piece[];
  variants: readonly Variant[];
  /** Angular distance, cosine, and with `blocks` those of blocks at the last token. */
  turn: boolean;
  blocks: boolean;
  attention: boolean;
}

/** Sums over each document; lists of them are `[layers][documents]`. */
export interface CorpusMeasurement {
  /** Tokens of each document, and those of them that are predicted. */
  tokens: Float64Array;
  targets: Float64Array;
  /** −log p of the targets, nats. */
  nll: Float64Array;
  changed: Partial<Record<Variant, Float64Array[]>>;
  angular?: Float64Array[];
  cosine?: Float64Array[];
  /** Means, by n − 1 and first layer. */
  blocks?: number[][];
  attention?: Record<AttentionMeasure, Float64Array[]>;
  /** Tokens that `attention` describes: all but the first of each piece. */
  looking: Float64Array;
}

/** Measures a model on pieces of documents. */
export async function measureCorpus(
  { pieces, variants, turn, blocks, attention }: CorpusRequest,
  passes: ForwardPasses,
  journal: Journal,
  onProgress: (done: number, total: number) => void,
): Promise<CorpusMeasurement> {
  const { layers, hiddenSize } = passes.model.config;
  const observers = [
    ...(turn ? [turnObserver(layers, hiddenSize)] : []),
    ...(blocks ? [blockObserver(layers, hiddenSize)] : []),
    ...(attention ? [attentionObserver(layers)] : []),
  ];
  const requests = pieces.map(pieceRequest);
  const scanned = await scanLayers({ passes, requests, variants, observers, journal, onProgress });
  const documents = 1 + Math.max(...pieces.map((p) => p.document));
  const perDocument = (value: (piece: number) => number) => {
    const sums = new Float64Array(documents);
    for (const [i, { document }] of pieces.entries()) sums[document]! += value(i);
    return sums;
  };
  const negative = (results: readonly ScoreResult[]) => perDocument((i) => -results[i]!.loglikelihood);
  const turned = turn ? observedLists(scanned, 'turn', 2 * layers, pieces.length).map(sumsOf) : undefined;
  const looked = attention ? observedLists(scanned, 'attention', 3 * layers, pieces.length).map(sumsOf) : undefined;
  return {
    tokens: perDocument((i) => pieces[i]!.ids.length),
    targets: perDocument((i) => scanned.base[i]!.tokens),
    nll: negative(scanned.base),
    changed: Object.fromEntries(variants.map((v) => [v, scanned.changed[v].map(negative)])),
    ...(turned && { angular: turned.slice(0, layers), cosine: turned.slice(layers) }),
    ...(blocks && { blocks: blockMeans(scanned, layers, pieces.length) }),
    ...(looked && {
      attention: Object.fromEntries(
        attentionMeasures.map((measure, m) => [measure, looked.slice(m * layers, (m + 1) * layers)]),
      ) as Record<AttentionMeasure, Float64Array[]>,
    }),
    looking: perDocument((i) => pieces[i]!.ids.length - 1),
  };

  function sumsOf(perPiece: Float64Array): Float64Array {
    return perDocument((i) => perPiece[i]!);
  }
}

/** An observer's notes `[count · requests of the chunk]` as lists over all requests. */
function observedLists({ observed, chunks }: Scanned, name: string, count: number, requests: number): Float64Array[] {
  const lists = Array.from({ length: count }, () => new Float64Array(requests));
  for (const [c, own] of chunks.entries()) {
    const noted = observed[name]![c]!;
    for (const [k, list] of lists.entries()) {
      for (const [i, request] of own.entries()) list[request] = noted[k * own.length + i]!;
    }
  }
  return lists;
}

function blockMeans({ observed }: Scanned, layers: number, pieces: number): number[][] {
  const means: number[][] = Array.from({ length: layers }, () => []);
  for (const [k, { size }] of blockStarts(layers).entries()) {
    means[size - 1]!.push(observed['blocks']!.reduce((sum, noted) => sum + noted[k]!, 0) / pieces);
  }
  return means;
}
