import { readFileSync, writeFileSync } from 'node:fs';

/** Linux keeps the highest resident memory of a process and lets it be started anew (proc(5), clear_refs); others tell what is used now. */
const kept = process.platform === 'linux';

/** Begins to watch the resident memory; returns what is used now, bytes. */
export function restartPeak(): number {
  if (kept) writeFileSync('/proc/self/clear_refs', '5');
  return process.memoryUsage.rss();
}

/** The most that was resident since `restartPeak`, bytes. */
export function peakMemory(): number {
  if (!kept) return process.memoryUsage.rss();
  return 1024 * Number(/VmHWM:\s*(\d+)/.exec(readFileSync('/proc/self/status', 'latin1'))?.[1]);
}
