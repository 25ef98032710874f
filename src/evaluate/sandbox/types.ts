/** How one program ended. */
export interface Verdict {
  passed: boolean;
  /** `passed`, `timed out`, `failed: AssertionError`, `out of memory`, `died`. */
  detail: string;
}

/** Runs programs that nobody has read. One owner, who calls `close`. */
export interface Sandbox {
  /** Kind and version, as it stands beside the scores: `pyodide 314.0.7, Python 3.14.2`. */
  readonly description: string;
  /** One Python program, in a process of its own that ends with it. */
  run(program: string): Promise<Verdict>;
  close(): Promise<void>;
}

export interface SandboxOptions {
  /** Milliseconds that a program may run. */
  timeLimit: number;
  /** Bytes that a program's process may hold. */
  memoryLimit: number;
}

/** Seconds as in the reference (human-eval, execution.py); memory well above what a correct program needs. */
export const sandboxDefaults: SandboxOptions = { timeLimit: 3000, memoryLimit: 1024 ** 3 };
