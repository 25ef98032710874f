import { openBwrap } from './bwrap.ts';
import { openPyodide } from './pyodide.ts';
import type { Sandbox, SandboxOptions } from './types.ts';

/** Every sandbox there is. */
const sandboxes = { pyodide: openPyodide, bwrap: openBwrap } satisfies Record<
  string,
  (options?: Partial<SandboxOptions>) => Promise<Sandbox>
>;
export type SandboxKind = keyof typeof sandboxes;

/** Fails with `sandbox-missing`: there is no way to run generated programs without one. */
export function openSandbox(kind: SandboxKind, options?: Partial<SandboxOptions>): Promise<Sandbox> {
  return sandboxes[kind](options);
}
