import type { Range } from '../experiment/types.ts';

/** What a completion stands for; the editor draws it as an icon. */
export type ItemKind =
  | 'key'
  | 'value'
  | 'number'
  | 'form'
  | 'layer'
  | 'tensor'
  | 'corpus'
  | 'task'
  | 'benchmark'
  | 'arm'
  | 'metric'
  | 'model'
  | 'file'
  | 'folder';

/** Something that could be written, before it is fitted into its place. */
export interface Candidate {
  /** What is written; with `$1` … where the cursor goes if `snippet`. */
  text: string;
  /** Shown instead of the text. */
  label?: string;
  kind: ItemKind;
  /** Behind the label: what it comes to. */
  detail?: string;
  documentation?: string;
  snippet?: boolean;
  /** What follows can be completed too. */
  more?: boolean;
}

/** One completion, in the order in which it is offered. */
export interface Item extends Candidate {
  label: string;
  range: Range;
  /** What is typed is held against this. */
  filter: string;
}
