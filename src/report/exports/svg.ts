import { fail } from '../../base/problem.ts';
import { charts } from '../charts.ts';
import { chartSvg, sheetSvg } from '../svg.ts';
import type { Comparison } from '../types.ts';

/** All charts below each other, or the one that is named. Fails with `unknown-chart`. */
export function svg(comparison: Comparison, { chart }: { chart?: string } = {}): string {
  const all = charts(comparison);
  if (chart === undefined) return `${sheetSvg(all)}\n`;
  const chosen = all.find((c) => c.id === chart);
  if (!chosen) {
    fail('unknown-chart', `There is no chart ${chart}.`, { remedy: `Name one of ${all.map((c) => c.id).join(', ')}.` });
  }
  return `${chartSvg(chosen)}\n`;
}
