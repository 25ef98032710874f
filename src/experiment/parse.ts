import { diagnostic, sorted } from './diagnostics.ts';
import { readBySchema } from './read.ts';
import { resolveFile } from './resolve.ts';
import { type FileInput, file as fileSchema } from './schema.ts';
import { type Path, readTree, type Tree } from './tree.ts';
import type { Diagnostic, Experiment } from './types.ts';

/** A text read as an experiment. */
export interface Parsed {
  /** Present only when the text has no error so far (`validate` may find more). */
  experiment?: Experiment;
  /** What can be read of a text with errors: broken parts are left out, a missing model is ''. For editors and checks. */
  draft: Experiment;
  /** The valid part as it is written, before defaults. */
  written: Partial<FileInput>;
  /** Paths that a diagnostic was given for: what is derived from them cannot be trusted. */
  broken: Path[];
  tree: Tree;
  diagnostics: Diagnostic[];
}

/** Reads an experiment file's text. Never throws, whatever the text. `file` is its absolute path. */
export function parse(text: string, { file = '' }: { file?: string } = {}): Parsed {
  const tree = readTree(text);
  const { value, problems } = readBySchema(fileSchema, tree);
  const written = value ?? {};
  const resolved = resolveFile(written, file, tree);
  // In a text that is no YAML, what the schema misses is mostly a consequence.
  const found = tree.problems.length > 0 ? tree.problems : [...problems, ...resolved.problems];
  return {
    ...(found.length === 0 && { experiment: resolved.draft }),
    draft: resolved.draft,
    written,
    broken: found.map((p) => p.path),
    tree,
    diagnostics: sorted(found.map((p) => diagnostic(tree, p))),
  };
}
