import { replaceValue } from '../edits.ts';
import type { ExperimentFacts } from '../facts.ts';
import type { FileInput } from '../schema.ts';
import type { Path, Tree } from '../tree.ts';
import type { Diagnostic, Experiment, Fix } from '../types.ts';

/** What a check may look at. `experiment` lacks what is broken, so a check never sees an invalid value. */
export interface CheckContext {
  experiment: Experiment;
  written: Partial<FileInput>;
  tree: Tree;
  facts: ExperimentFacts;
}

/** One thing that a check found. */
export interface Finding {
  path: Path;
  /** What of the entry is meant: its value (default), its key, or these characters of its value. */
  part?: 'key' | readonly [start: number, end: number];
  /** A sentence that says what is wrong and what to do. */
  message: string;
  fixes?: Fix[];
  /** The code, where a row passes on what others found. */
  code?: string;
  /** Not said while one of these (or what is above or below) is itself broken: it would be a consequence. */
  unless?: Path[];
}

/** One row of the table of checks. */
export interface Check {
  code: string;
  severity: Diagnostic['severity'];
  /** `file`: the text is enough (and the model's layers sharpen it); `model`: config and tensor headers; `files`: what lies on disk. */
  needs: 'file' | 'model' | 'files';
  /** The rule, as one sentence of the reference page. */
  rule: string;
  check(context: CheckContext): Iterable<Finding>;
}

/** A fix that writes another value. */
export function changeTo(tree: Tree, path: Path, text: string): Fix[] {
  const edits = replaceValue(tree, path, text);
  return edits.length > 0 ? [{ title: `Change to ${text}`, edits }] : [];
}

/** A fix that writes something else in place of characters of a value. */
export function changePart(tree: Tree, path: Path, [start, end]: readonly [number, number], text: string): Fix[] {
  const whole = tree.rangeOf(path);
  const range = tree.rangeInside(path, start, end);
  const isPart = range.end - range.start === end - start && range.start >= whole.start;
  return isPart ? [{ title: `Change to '${text}'`, edits: [{ range, text }] }] : [];
}

/** Where an arm's value of a key of `training` is written. */
export function trainingPath(context: CheckContext, arm: string, key: string): Path {
  const own = ['arms', arm, 'training', key];
  return context.tree.has(own) ? own : ['training', key];
}
