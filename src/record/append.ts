import { join } from 'node:path';
import { JsonLinesWriter } from '../base/jsonl.ts';
import { layout } from './layout.ts';
import type { RunEvent, ScoreRecord, StepRecord, UpdateRecord } from './types.ts';

type Untimed<T> = T extends unknown ? Omit<T, 'time'> : never;

/** Appends to the files of one attempt. The worker owns it; nobody else writes there. */
export class AttemptWriter {
  readonly #events: JsonLinesWriter;
  readonly #metrics: JsonLinesWriter;
  constructor(folder: string, attempt: number) {
    this.#events = new JsonLinesWriter(join(folder, layout.events(attempt)));
    this.#metrics = new JsonLinesWriter(join(folder, layout.metrics(attempt)));
  }
  event(event: Untimed<RunEvent>): void {
    this.#events.append({ time: Date.now(), ...event });
  }
  step(record: StepRecord): void {
    this.#metrics.append(record);
  }
  score(record: ScoreRecord): void {
    this.#metrics.append(record);
  }
  update(record: UpdateRecord): void {
    this.#metrics.append(record);
  }
  /** Makes the steps' records durable: called before a checkpoint, which would leave a gap after a power cut otherwise. */
  sync(): void {
    this.#metrics.sync();
  }
  close(): void {
    this.#events.close();
    this.#metrics.close();
  }
}
