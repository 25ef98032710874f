import { work } from '../../src/runner/work.ts';

export interface Carried {
  code: number;
  /** What it said on stderr. */
  said: string;
}

/** Carries an attempt out in this process, which is left as it was: for tests that change what the process sees of the world. */
export async function workHere(run: string, attempt = 0): Promise<Carried> {
  const signals = ['SIGTERM', 'SIGUSR1'] as const;
  const before = signals.map((signal) => process.listeners(signal));
  const write = process.stderr.write;
  const mask = process.umask();
  let said = '';
  process.stderr.write = ((text: string) => {
    said += text;
    return true;
  }) as typeof write;
  try {
    return { code: await work(run, attempt), said };
  } finally {
    process.umask(mask);
    process.stderr.write = write;
    process.stderr.removeAllListeners('error');
    for (const [i, signal] of signals.entries()) {
      for (const one of process.listeners(signal)) if (!before[i]!.includes(one)) process.off(signal, one);
    }
  }
}
