/** The one logger interface. The owner of a process decides where lines go. */
export interface Logger {
  info(message: string): void;
  warn(message: string): void;
}

export const silent: Logger = { info() {}, warn() {} };

/** Progress of one piece of work; the owner draws it. Called often: must be cheap. */
export interface Progress {
  /** `done` of `total` units (tokens, documents, bytes); `label` names the work. */
  report(label: string, done: number, total: number): void;
}

export const noProgress: Progress = { report() {} };
