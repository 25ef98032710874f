import type { Result } from '../../base/problem.ts';
import type { PanelChoice, PanelSource, PanelState } from '../../protocol/panel.ts';
import type { Format } from '../../report/exports.ts';

/** What the extension host tells the panel's thread. */
export type Order =
  /** Whether anyone looks: without, nothing is read or computed. */
  | { type: 'watch'; on: boolean }
  | { type: 'open'; source: PanelSource; choice: PanelChoice }
  | { type: 'choose'; choice: PanelChoice }
  | { type: 'retry' };

export type ToWorker = Order | { type: 'write'; id: number; format: Format };
export type FromWorker = { type: 'state'; state: PanelState } | { type: 'written'; id: number; result: Result<string> };
