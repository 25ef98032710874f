import { parentPort, workerData } from 'node:worker_threads';
import { speak, type Texts } from '../../base/translate.ts';
import { createSession } from './session.ts';
import type { ToWorker } from './thread.ts';

/** The thread of one compare panel. It owns the session; what it is told and what it says are in `thread.ts`. */
speak(workerData as Texts);
const port = parentPort!;
const session = createSession((state) => port.postMessage({ type: 'state', state }));
port.on('message', (message: ToWorker) => {
  if (message.type === 'write')
    void session.write(message.format).then((result) => port.postMessage({ type: 'written', id: message.id, result }));
  else session.tell(message);
});
