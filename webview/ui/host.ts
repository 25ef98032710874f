import {
  initialView,
  type PanelMemory,
  type PanelView,
  parseToPanel,
  readView,
  type ToHost,
  type ToPanel,
} from '../../src/protocol/panel.ts';

interface EditorApi {
  postMessage(message: unknown): void;
  getState(): unknown;
  setState(state: unknown): void;
}
declare function acquireVsCodeApi(): EditorApi;

/** The editor's side of the panel: messages both ways, and memory that outlives a reload. */
export interface Host {
  send(message: ToHost): void;
  listen(handler: (message: ToPanel) => void): void;
  /** The view of before the reload, if there was one. */
  remembered(): PanelView | undefined;
  remember(memory: PanelMemory): void;
}

export function connect(): Host {
  const api = acquireVsCodeApi();
  return {
    send: (message) => api.postMessage(message),
    listen(handler) {
      window.addEventListener('message', ({ data }) => {
        const message = parseToPanel(data);
        if (message) handler(message);
      });
    },
    remembered() {
      const memory = api.getState();
      if (typeof memory !== 'object' || memory === null || !('view' in memory)) return undefined;
      return { ...initialView, ...readView(memory.view) };
    },
    remember: (memory) => api.setState(memory),
  };
}
