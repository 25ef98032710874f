import { randomUUID } from 'node:crypto';
import { readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createOnce, privateFolder } from '../base/files.ts';
import { fail } from '../base/problem.ts';
import { createExit } from '../record/create.ts';
import { layout } from '../record/layout.ts';
import { postHolder } from '../record/post.ts';
import { ownClaim } from '../record/snapshot.ts';
import { heartbeatEvery } from '../record/state.ts';
import { lastLine, type Program, pause, startDetached } from './program.ts';

/*
 * A post is a folder that at most one process holds: the dispatcher of a place, the mirror of a host. It is claimed, beating and
 * ended like an attempt of a run; each holder is a generation.
 */

const startLimit = 30_000;
const keptClaims = 20;

/** Takes the post, or returns undefined if somebody holds it. `release` says that this process gives it up. */
export async function takePost(folder: string): Promise<{ release(): Promise<void> } | undefined> {
  await privateFolder(folder);
  const { generations, held } = await postHolder(folder);
  if (held) return undefined;
  const claim = ownClaim(randomUUID());
  if (!(await createOnce(join(folder, layout.claim(generations)), JSON.stringify(claim)))) return undefined;
  const beat = setInterval(() => {
    void writeFile(join(folder, layout.heartbeat(generations)), `${Date.now()}\n`).catch(() => {});
  }, heartbeatEvery);
  await forgetOld(folder, generations);
  return {
    async release() {
      clearInterval(beat);
      await createExit(folder, generations, { outcome: 'succeeded', by: 'dispatcher', time: Date.now() });
    },
  };
}

async function forgetOld(folder: string, generation: number): Promise<void> {
  for (const name of await readdir(folder)) {
    const n = Number(/^(?:claim|heartbeat|exit)\.(\d+)(?:\.json)?$/.exec(name)?.[1] ?? Number.NaN);
    if (n < generation - keptClaims) await rm(join(folder, name), { force: true });
  }
}

/**
 * Makes sure that somebody holds the post: starts `program args` as a detached process unless one lives, and returns when it has
 * claimed the post. Fails with `CODE-not-started`, where `what` names the process.
 */
export async function fillPost(
  folder: string,
  program: Program,
  args: readonly string[],
  what: { code: string; name: string; remedy: string },
): Promise<void> {
  await privateFolder(folder);
  const before = await postHolder(folder);
  if (before.held) return;
  const logFile = join(folder, `${what.code}.log`);
  const { ended } = await startDetached(program, args, logFile);
  let over = false;
  void ended.then(() => {
    over = true;
  });
  const claimed = async () => (await postHolder(folder)).generations > before.generations;
  for (const limit = performance.now() + startLimit; performance.now() < limit; await pause(50)) {
    if (await claimed()) return;
    if (over) break;
  }
  if (await claimed()) return;
  fail(`${what.code}-not-started`, `${what.name} did not start: ${(await lastLine(logFile)) ?? 'it said nothing'}.`, {
    place: logFile,
    remedy: what.remedy,
  });
}
