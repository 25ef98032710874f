import { mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Trainer } from '../engine/types.ts';
import { layout } from '../record/layout.ts';

/** `checkpoint/step-120`: masters, moments and the step count after 120 optimizer steps. */
const pattern = /^step-(\d+)$/;

/** Steps at which a checkpoint lies, newest first. */
async function steps(folder: string): Promise<number[]> {
  const names = await readdir(join(folder, layout.checkpoint)).catch(() => [] as string[]);
  return names
    .map((name) => pattern.exec(name))
    .filter((match) => match !== null)
    .map((match) => Number(match[1]))
    .sort((a, b) => b - a);
}

const fileOf = (folder: string, step: number) => join(folder, layout.checkpoint, `step-${step}`);

/** Saves the trainer's state; older checkpoints are removed only when the new one is durable. */
export async function saveCheckpoint(folder: string, trainer: Trainer): Promise<void> {
  const { step } = trainer;
  await mkdir(join(folder, layout.checkpoint), { recursive: true, mode: 0o700 });
  const present = await steps(folder);
  if (!present.includes(step)) await trainer.save(fileOf(folder, step));
  for (const older of present) if (older !== step) await rm(fileOf(folder, older), { force: true });
}

/** Loads the newest checkpoint, if there is one; returns the step it stands at. */
export async function loadCheckpoint(folder: string, trainer: Trainer): Promise<number> {
  const [newest] = await steps(folder);
  if (newest === undefined) return 0;
  await trainer.load(fileOf(folder, newest));
  if (trainer.step !== newest) throw new Error(`checkpoint of step ${newest} holds step ${trainer.step}`);
  return newest;
}
