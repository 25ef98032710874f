import { Transform } from 'node:stream';
import type { Channel } from '../../../src/launch/channel.ts';
import type { Host } from '../../../src/launch/host.ts';

/** Where a connection breaks: after so many bytes to the agent, or from it. */
export interface Cut {
  up?: number;
  down?: number;
}

/** A host behind a link that breaks as told. What happened is counted, so that a test can hold it against what it wanted. */
export interface FaultyHost extends Host {
  /** The next connection breaks there. */
  cutNext(cut: Cut): void;
  /** All open connections break now; how many did. */
  cutNow(): number;
  /** From now on nothing passes either way, and no end is seen: a link that went silent. New connections are silent, too. */
  silence(on: boolean): void;
  readonly seen: { connections: number; cuts: number; silenced: number; up: number; down: number };
}

export function faultyHost(inner: Host): FaultyHost {
  const seen = { connections: 0, cuts: 0, silenced: 0, up: 0, down: 0 };
  const open = new Set<() => void>();
  let next: Cut | undefined;
  let silent = false;
  /** Agents whose connection was cut, until they have ended. */
  const leaving = new Set<Promise<unknown>>();
  const waiting: (() => void)[] = [];

  /** Passes bytes up to a limit, then breaks; holds them back while the link is silent. */
  function gate(direction: 'up' | 'down', limit: number | undefined, broken: () => void): Transform {
    let passed = 0;
    return new Transform({
      transform(chunk: Buffer, _encoding, done) {
        const pass = () => {
          const room = limit === undefined ? chunk.length : Math.max(0, limit - passed);
          const part = chunk.subarray(0, room);
          passed += part.length;
          seen[direction] += part.length;
          if (part.length > 0) this.push(part);
          if (limit !== undefined && passed >= limit) setImmediate(broken);
          else done();
        };
        if (silent) {
          seen.silenced++;
          waiting.push(pass);
        } else pass();
      },
    });
  }

  return {
    ...inner,
    seen,
    cutNext(cut) {
      next = cut;
    },
    cutNow() {
      const count = open.size;
      for (const cut of [...open]) cut();
      return count;
    },
    silence(on) {
      silent = on;
      if (!on) for (const pass of waiting.splice(0)) pass();
    },
    async connect(options) {
      // How long an agent takes to notice a cut depends on the machine: what a test counts must not.
      await Promise.all(leaving);
      const channel = await inner.connect(options);
      seen.connections++;
      const plan = next;
      next = undefined;
      let isCut = false;
      const cut = () => {
        if (!open.delete(cut)) return;
        isCut = true;
        leaving.add(channel.ended);
        void channel.ended.then(() => leaving.delete(channel.ended));
        seen.cuts++;
        input.destroy();
        output.destroy();
        // The agent sees its input end, as it does when sshd sees a broken connection.
        channel.input.destroy();
      };
      open.add(cut);
      const input = gate('up', plan?.up, cut);
      const output = gate('down', plan?.down, cut);
      for (const stream of [input, output]) stream.on('error', () => {});
      input.pipe(channel.input);
      channel.output.pipe(output);
      void channel.ended.then(() => open.delete(cut));
      const faulty: Channel = {
        input,
        output,
        ended: channel.ended,
        kill: () => {
          // A client that gives up closes its side only: over a silent or broken link the agent does not learn of it.
          input.destroy();
          output.destroy();
          if (!silent && !isCut) channel.kill();
        },
      };
      return faulty;
    },
  };
}
