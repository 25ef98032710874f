import { basename } from 'node:path';
import { attempt, fail, type Problem, type Result, toProblem } from '../../base/problem.ts';
import { t } from '../../base/translate.ts';
import type { PanelChoice, PanelSource, PanelState } from '../../protocol/panel.ts';
import { compare } from '../../report/comparison.ts';
import { exports, type Format } from '../../report/exports.ts';
import type { CompareInput, Comparison } from '../../report/types.ts';
import { createRunCache } from './run-cache.ts';
import { collectSource, runsInSight, type SourceCache } from './source.ts';
import type { Order } from './thread.ts';

/** Flipped documents of a contrast that can be read in the panel, each way. */
const shownFlips = 50;
/** Milliseconds between two looks at the run directories. */
const calm = 1000;
/** A look and its comparison may take this share of a processor at most. */
const share = 0.25;

export interface Session {
  tell(order: Order): void;
  /** The comparison as a document. */
  write(format: Format): Promise<Result<string>>;
  /** Resolves when everything asked so far was done. */
  settled(): Promise<void>;
}

/**
 * Follows one source: reads its runs, compares them, and posts the whole state whenever something changed. While nobody
 * watches it reads nothing. What goes wrong becomes a part of the state, and the last good comparison stays.
 */
export function createSession(post: (state: PanelState) => void, rest = calm): Session {
  let source: PanelSource | undefined;
  let state: PanelState | undefined;
  let choice: PanelChoice = {};
  let watching = false;
  /** What the last comparison was made of. */
  let seen = '';
  let timer: NodeJS.Timeout | undefined;
  let work: Promise<void> = Promise.resolve();
  let cache: SourceCache = { runs: createRunCache() };
  /** Sentences about run directories that went while this was open. */
  let deleted: string[] = [];

  const publish = (change: Partial<PanelState>) => {
    if (!state) return;
    state = { ...state, ...change };
    if (watching) post(state);
  };

  async function look(): Promise<void> {
    if (!source || !state) return;
    const sight = await runsInSight(source, cache);
    const signature = JSON.stringify([sight.signature, choice]);
    if (signature === seen) return;
    // Before the work: what changes meanwhile is seen at the next look, and what fails is not tried again unchanged.
    seen = signature;
    if (!state.comparison) publish({ busy: t('Reading the runs and comparing them') });
    const result = await attempt(async () => {
      const input = await collectSource(source!, cache);
      return { title: input.title, comparison: comparisonOf(input, choice) };
    });
    // The first plan brings the first runs into sight, and what went meanwhile is seen now.
    const after = await runsInSight(source, cache);
    deleted = [...new Set([...deleted, ...[...sight.gone, ...after.gone].map(deletedWords)])];
    const notices = [...deleted, ...after.damaged];
    const { runs } = after;
    if (result.ok) publish({ ...result.value, runs, notices, problem: undefined, busy: undefined });
    else publish({ runs, notices, problem: result.problem, busy: undefined });
  }

  function next(delay: number): void {
    clearTimeout(timer);
    if (watching) timer = setTimeout(step, delay);
  }

  function step(): void {
    work = work.then(async () => {
      if (!watching) return;
      const start = performance.now();
      await look().catch((error) => publish({ problem: defect(error), busy: undefined }));
      next(Math.max(rest, (performance.now() - start) / share));
    });
  }

  const handlers: { [K in Order['type']]: (order: Extract<Order, { type: K }>) => void } = {
    open(order) {
      ({ source, choice } = order);
      cache = { runs: createRunCache() };
      deleted = [];
      seen = '';
      state = { source, choice, title: titleOf(source), runs: [], notices: [] };
      step();
    },
    choose(order) {
      choice = order.choice;
      publish({ choice, busy: t('Comparing anew') });
      step();
    },
    watch({ on }) {
      if (on && state) post(state);
      watching = on;
      if (on) step();
      else clearTimeout(timer);
    },
    retry() {
      seen = '';
      deleted = [];
      delete cache.plan;
      publish({ notices: [], problem: undefined, busy: t('Reading the runs anew') });
      step();
    },
  };

  return {
    tell: (order) => (handlers[order.type] as (order: Order) => void)(order),
    async write(format) {
      return attempt(() => {
        const { comparison } = state ?? {};
        if (!comparison)
          fail('not-available', t('There is nothing to export yet.'), { remedy: t('Wait for the comparison.') });
        return exports[format].write(comparison, {});
      });
    },
    settled: () => work,
  };
}

/** The comparison with the user's choice; arms that are no longer there are not chosen. */
function comparisonOf(input: CompareInput, choice: PanelChoice): Comparison {
  const chosen = Object.entries(choice).filter(([, arm]) => input.arms.includes(arm));
  return compare({ ...input, compare: { ...input.compare, ...Object.fromEntries(chosen) } }, { shownFlips });
}

const deletedWords = (id: string): string => t('The run directory of {0} was deleted while this was open.', id);

function titleOf(source: PanelSource): string {
  return source.kind === 'experiment'
    ? basename(source.file)
    : `${source.folders.length} run${source.folders.length === 1 ? '' : 's'}`;
}

/** Something that only a mistake in the program can cause still ends as a sentence in the panel. */
function defect(error: unknown): Problem {
  return (
    toProblem(error) ?? {
      code: 'defect',
      message: t('The comparison failed: {0}.', error instanceof Error ? error.message : String(error)),
      remedy: t('Try again; if it stays, report it with the output of Strata: Show Output.'),
    }
  );
}
