import { formatCount } from '../../src/report/words.ts';

/** A round number of an axis with as many decimals as its spacing needs: all labels of an axis look alike. */
export function tickLabel(value: number, spacing: number): string {
  if (spacing >= 1 && Number.isInteger(value) && Math.abs(value) < 1e12) {
    return value < 0 ? `-${formatCount(-value)}` : formatCount(Math.abs(value));
  }
  const magnitude = Math.max(Math.abs(value), spacing);
  if (magnitude >= 1e6 || (spacing > 0 && spacing < 1e-6)) return value === 0 ? '0' : value.toExponential(1);
  const decimals = spacing > 0 ? Math.max(0, -Math.floor(Math.log10(spacing) + 1e-9)) : 3;
  return value.toFixed(decimals).replace(/^-(0(?:\.0*)?)$/, '$1');
}
