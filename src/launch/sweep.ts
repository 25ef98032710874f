import { platform } from '../record/platform.ts';

/** Kills every process that carries the cookie: what a worker left behind, also outside its process group. */
export function sweep(cookie: string): void {
  // A process may fork while the list is read; its child carries the cookie too and is found in the next round.
  for (let round = 0; round < 10; round++) {
    const left = platform.withCookie(cookie);
    if (left.length === 0) return;
    for (const pid of left) {
      try {
        process.kill(pid, 'SIGKILL');
      } catch {
        // It has ended by itself.
      }
    }
  }
}
