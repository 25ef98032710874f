import { Worker } from 'node:worker_threads';
import { Failure, fail } from '../base/problem.ts';

/** How an answer is found in a generated text. */
export interface Extraction {
  /** JavaScript's syntax; flags may stand in front as in Python: `(?s)…`. */
  pattern: string;
  take: 'first' | 'last';
}

/** Stands in `filtered` where nothing was found, as in the reference harness. */
export const invalid = '[invalid]';

/**
 * Runs a user's regular expressions in a worker, so that one that backtracks without end can be stopped. One owner, who
 * calls `close`; the worker starts with the first text.
 */
export interface PatternRunner {
  /** The first group that matched something, of the first or last match (the whole match if there are no groups). */
  extract(extraction: Extraction, text: string): Promise<string | undefined>;
  /** Whether the pattern matches anywhere in the text. */
  matches(pattern: string, text: string): Promise<boolean>;
  close(): Promise<void>;
}

interface Job {
  source: string;
  flags: string;
  text: string;
  take: 'first' | 'last';
}

/**
 * The worker's whole program. It is started from text, not from a file, so that it is there in every bundle; no user
 * text is part of it.
 */
const program = `
const { parentPort } = require('node:worker_threads');
parentPort.on('message', ({ source, flags, text, take }) => {
  let found;
  for (const match of text.matchAll(new RegExp(source, flags + 'g'))) {
    found = match.length > 1 ? match.slice(1).find((group) => group) ?? '' : match[0];
    if (take === 'first') break;
  }
  parentPort.postMessage({ found });
});`;

/** Fails with `pattern-timeout` for a text that takes longer than `limit` milliseconds, `invalid-pattern` for a bad one. */
export function createPatternRunner(limit = 1000): PatternRunner {
  let worker: Worker | undefined;

  function start(): Worker {
    const started = new Worker(program, { eval: true, stdin: false });
    started.unref();
    return started;
  }

  function ask(pattern: string, take: Extraction['take'], text: string): Promise<string | undefined> {
    const { source, flags } = compile(pattern);
    worker ??= start();
    const current = worker;
    return new Promise((resolve, reject) => {
      const finish = (then: () => void) => {
        clearTimeout(timer);
        current.off('message', answered);
        current.off('error', broken);
        then();
      };
      const answered = ({ found }: { found?: string }) => finish(() => resolve(found));
      const broken = (error: Error) => finish(() => reject(error));
      const timer = setTimeout(() => {
        finish(() => {});
        worker = undefined;
        void current.terminate();
        reject(timeout(pattern, limit, text));
      }, limit);
      current.on('message', answered);
      current.on('error', broken);
      current.postMessage({ source, flags, text, take } satisfies Job);
    });
  }

  return {
    extract: (extraction, text) => ask(extraction.pattern, extraction.take, text),
    matches: async (pattern, text) => (await ask(pattern, 'first', text)) !== undefined,
    async close() {
      await worker?.terminate();
      worker = undefined;
    },
  };
}

function timeout(pattern: string, limit: number, text: string): Failure {
  return new Failure({
    code: 'pattern-timeout',
    message: `The regular expression ${JSON.stringify(pattern)} took more than ${limit / 1000} s on a text of ${text.length} characters.`,
    remedy: 'Rewrite it without nested repetition, such as (a+)+.',
  });
}

/**
 * Source and flags for JavaScript: flags in front (`(?is)`) are split off, and Unicode rules apply where the pattern is
 * valid under them (escapes such as `\-` are not). Fails with `invalid-pattern`.
 */
export function compile(pattern: string): { source: string; flags: string } {
  const front = /^\(\?([ims]+)\)/.exec(pattern);
  const source = pattern.slice(front?.[0].length ?? 0);
  const flags = [...new Set(front?.[1] ?? '')].join('');
  for (const unicode of ['u', '']) if (isValid(source, flags + unicode)) return { source, flags: flags + unicode };
  return fail('invalid-pattern', `${JSON.stringify(pattern)} is no valid regular expression.`, {
    remedy: 'Write it in the syntax of JavaScript.',
  });
}

function isValid(source: string, flags: string): boolean {
  try {
    new RegExp(source, flags);
    return true;
  } catch {
    return false;
  }
}
