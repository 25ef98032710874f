import type { ProgressDisplay } from './progress.ts';

/**
 * Work that Ctrl-C stops cleanly: the signal is aborted, and what was half written is removed by the work itself. Returns
 * false if it was interrupted. The progress display is closed in any case.
 */
export async function interruptible(
  work: (signal: AbortSignal) => Promise<void>,
  progress: ProgressDisplay,
): Promise<boolean> {
  const controller = new AbortController();
  const interrupt = () => controller.abort();
  process.once('SIGINT', interrupt);
  process.once('SIGTERM', interrupt);
  try {
    await work(controller.signal);
    return true;
  } catch (error) {
    if (controller.signal.aborted) return false;
    throw error;
  } finally {
    process.off('SIGINT', interrupt);
    process.off('SIGTERM', interrupt);
    progress.close();
  }
}
