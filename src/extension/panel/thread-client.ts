import { Worker } from 'node:worker_threads';
import type { Result } from '../../base/problem.ts';
import { spoken, t } from '../../base/translate.ts';
import type { PanelState } from '../../protocol/panel.ts';
import type { Format } from '../../report/exports.ts';
import type { FromWorker, Order, ToWorker } from './thread.ts';

/** Megabytes: a comparison that needs more ends its thread with a sentence, not the editor. */
const memory = 4096;

export interface Thread {
  tell(order: Order): void;
  write(format: Format): Promise<Result<string>>;
  dispose(): void;
}

const ended = (reason: string): Result<never> => ({
  ok: false,
  problem: {
    code: 'thread-ended',
    message: t('The thread that compares the runs ended: {0}.', reason),
    remedy: t('Try again; compare fewer runs if it ran out of memory.'),
  },
});

/** Starts the thread of a panel; `script` is `dist/compare.mjs`. `lost` is called at most once, if it ends by itself. */
export function startThread(
  script: string,
  on: { state(state: PanelState): void; lost(result: Result<never>): void },
): Thread {
  const worker = new Worker(script, {
    resourceLimits: { maxOldGenerationSizeMb: memory },
    workerData: spoken(),
  });
  const waiting = new Map<number, (result: Result<string>) => void>();
  let requests = 0;
  let over: Result<never> | undefined;
  const send = (message: ToWorker) => worker.postMessage(message);
  const end = (reason: string) => {
    if (over) return;
    over = ended(reason);
    for (const answer of waiting.values()) answer(over);
    waiting.clear();
    on.lost(over);
  };
  worker.on('message', (message: FromWorker) => {
    if (message.type === 'state') on.state(message.state);
    else {
      waiting.get(message.id)?.(message.result);
      waiting.delete(message.id);
    }
  });
  worker.on('error', (error) => end(error instanceof Error ? error.message : String(error)));
  worker.on('exit', (code) => end(`exit code ${code}`));
  return {
    tell: send,
    write(format) {
      if (over) return Promise.resolve(over);
      const id = requests++;
      return new Promise((answer) => {
        waiting.set(id, answer);
        send({ type: 'write', id, format });
      });
    },
    dispose() {
      over = ended(t('it was closed'));
      void worker.terminate();
    },
  };
}
