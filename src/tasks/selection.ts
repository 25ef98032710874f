import { fail } from '../base/problem.ts';

/** Which documents of a task are evaluated. */
export interface Selection {
  /** Indices in the file; the few-shot generator starts at the first of them. */
  documents?: readonly number[];
  /** The first n; below 1: that share of them, rounded up. */
  limit?: number;
}

/** Indices of the documents that are evaluated, ascending as given. Fails with `unknown-document`. */
export function selectDocuments(task: string, count: number, selection: Selection): number[] {
  const { documents, limit } = selection;
  const outside = documents?.find((d) => d >= count);
  if (outside !== undefined) {
    fail('unknown-document', `The task ${task} has no document ${outside}: it has ${count}, numbered from 0.`);
  }
  const chosen = documents ? [...documents] : Array.from({ length: count }, (_, i) => i);
  if (limit === undefined) return chosen;
  return chosen.slice(0, limit < 1 ? Math.ceil(chosen.length * limit) : Math.floor(limit));
}

/** `100-139`, `3,7,10-12` as indices. Fails with `usage-documents`. */
export function parseDocuments(text: string): number[] {
  return text.split(',').flatMap((part) => {
    const match = /^\s*(\d+)(?:\s*-\s*(\d+))?\s*$/.exec(part);
    const from = Number(match?.[1]);
    const to = Number(match?.[2] ?? match?.[1]);
    if (!match || to < from || to - from >= 1e7) {
      fail('usage-documents', `"${text}" is no list of documents.`, { remedy: 'Write it as 100-139 or 3,7,10-12.' });
    }
    return Array.from({ length: to - from + 1 }, (_, i) => from + i);
  });
}

/** The selection that a task writes down: `documents` as a list, `limit`. Fails with `usage-documents`. */
export function writtenSelection({ documents, limit }: { documents?: string; limit?: number }): Selection {
  return { documents: documents === undefined ? undefined : parseDocuments(documents), limit };
}
