interface Place {
  x: number;
  y: number;
}

/**
 * Points of a line that can be told apart on `buckets` pixels of the range: of each bucket the smallest and the largest, so
 * that no spike is lost; beyond the range the nearest point on either side, so that the line goes
 * on to the edge. `points` by increasing x.
 */
export function decimate<P extends Place>(
  points: readonly P[],
  range: readonly [number, number],
  buckets: number,
): P[] {
  const [low, high] = range;
  const first = Math.max(0, firstFrom(points, low) - 1);
  const last = Math.min(points.length, firstAfter(points, high) + 1);
  if (last - first <= 2 * buckets) return points.slice(first, last);
  const kept: P[] = [];
  const width = (high - low) / buckets;
  for (let i = first; i < last; ) {
    const bucket = Math.floor((points[i]!.x - low) / width);
    let [min, max] = [i, i];
    for (; i < last && Math.floor((points[i]!.x - low) / width) === bucket; i++) {
      if (points[i]!.y < points[min]!.y) min = i;
      if (points[i]!.y > points[max]!.y) max = i;
    }
    kept.push(points[Math.min(min, max)]!);
    if (min !== max) kept.push(points[Math.max(min, max)]!);
  }
  return kept;
}

/** Index of the first point whose x is not below `x`, by halving. */
export function firstFrom(points: readonly { x: number }[], x: number): number {
  return search(points, (p) => p.x >= x);
}

const firstAfter = (points: readonly { x: number }[], x: number): number => search(points, (p) => p.x > x);

function search(points: readonly { x: number }[], reached: (point: { x: number }) => boolean): number {
  let [low, high] = [0, points.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (reached(points[middle]!)) high = middle;
    else low = middle + 1;
  }
  return low;
}
