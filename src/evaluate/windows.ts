import type { ScoreRequest } from '../engine/types.ts';

/**
 * A long text as scored requests: every token of `tokens` is predicted exactly once. The first window predicts from
 * `prefix`, later ones predict `maxLength` new tokens each, and the last keeps a full-size context
 * (lm_eval/utils.py, `get_rolling_token_windows` with context_len 1 and `make_disjoint_window`).
 */
export function rollingWindows(prefix: number, tokens: readonly number[], maxLength: number): ScoreRequest[] {
  if (tokens.length === 0) return [];
  const first = Math.min(maxLength, tokens.length);
  const windows: ScoreRequest[] = [{ context: [prefix], continuation: tokens.slice(0, first) }];
  for (let done = first; done < tokens.length; ) {
    const end = Math.min(done + maxLength, tokens.length);
    windows.push({ context: tokens.slice(end - maxLength - 1, done), continuation: tokens.slice(done, end) });
    done = end;
  }
  return windows;
}
