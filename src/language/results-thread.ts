import { Worker, workerData } from 'node:worker_threads';
import type { FileResults } from './results.ts';

/** What a thread of the server is asked to do. */
interface Order {
  text: string;
  file: string;
}

/** Longest time for one reading: hashing a large model for the first time takes a while. */
const longest = 10 * 60_000;

/**
 * Reads results in a thread of its own, as hashing and ten thousand resamples would keep completion waiting. `program` is the
 * server's file, whose thread calls `answerOrder`. Rejects when the thread fails or takes too long.
 */
export function readInThread(program: URL, text: string, file: string): Promise<FileResults | undefined> {
  const order: Order = { text, file };
  const worker = new Worker(program, { workerData: order });
  return new Promise((done, reject) => {
    const timer = setTimeout(() => reject(new Error(`results of ${file} were not read in time`)), longest);
    worker.once('message', done);
    worker.once('error', reject);
    worker.once('exit', (code) => reject(new Error(`the thread that reads results ended with ${code}`)));
    const settle = () => {
      clearTimeout(timer);
      void worker.terminate();
    };
    worker.once('message', settle);
    worker.once('error', settle);
    timer.unref();
  });
}

/** The thread's side: the texts come in its `workerData`. */
export function orderOfThread(): Order {
  return workerData as Order;
}
