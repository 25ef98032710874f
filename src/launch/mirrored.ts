/*
 * Which files of a run directory a mirror has. Names come from another machine: nothing but these patterns is ever taken for
 * a path.
 */

/** Only ever grow, each attempt its own. */
const appended = [/^(?:events|metrics)\.\d{1,6}\.jsonl$/, /^(?:stdout|stderr|supervisor)\.\d{1,6}\.log$/];

/** Written whole. */
const replaced = [
  /^claim\.\d{1,6}$/,
  /^(?:request|proc|cancel|result|exit|slurm)\.\d{1,6}\.json$/,
  /^(?:scores|evaluated|start|tensors|importance)\.json$/,
  /^samples\/[\w][\w.-]{0,200}\.jsonl$/,
];

export const isAppended = (name: string) => appended.some((pattern) => pattern.test(name));
export const isReplaced = (name: string) => replaced.some((pattern) => pattern.test(name));

/** How an attempt ended: comes after everything else. */
export const isExit = (name: string) => name.startsWith('exit.');

/** Stands for a hash in a cursor: the reader has a file of this name that it made itself and keeps. */
export const keptHere = 'kept';

/** Requests are not the host's word for word: paths in them are those of the machine that reads them. */
export const isRequest = (name: string) => name.startsWith('request.');

/** Files of a run's folder (`model`, `start`, `checkpoint`) that can be fetched: relative, with `/`, of plain names. */
export function isFetchable(name: string): boolean {
  const parts = name.split('/');
  return (
    /^(?:model|start|checkpoint)$/.test(parts[0] ?? '') &&
    parts.length > 1 &&
    parts.every((part) => plainName.test(part))
  );
}

/** A file name without separators that leads nowhere else. */
export const plainName = /^(?!\.{1,2}$)[^/\\\0]{1,255}$/;
