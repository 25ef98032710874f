import { resolve } from 'node:path';
import type { Path } from '../experiment/tree.ts';
import type { Range } from '../experiment/types.ts';
import { fileKind, patternOf } from './complete-values.ts';
import type { View } from './view.ts';

export interface Link {
  range: Range;
  /** Absolute path of a file. */
  file: string;
  tooltip: string;
}

/** Paths in the text that lead to a file; patterns with wildcards lead nowhere in particular. */
export function links(view: View): Link[] {
  const { tree, file, facts } = view;
  if (file === '') return [];
  const found: Link[] = [];
  const walk = (value: unknown, path: Path) => {
    if (typeof value === 'string') {
      const kind = fileKind(path) ?? (splits.test(patternOf(path)) ? 'file' : undefined);
      if (kind === 'file' && !/[*?]/.test(value)) {
        found.push({ range: tree.rangeOf(path), file: resolve(file, '..', value), tooltip: value });
      } else if (kind === 'model') {
        const folder = path[0] === 'model' ? facts?.base?.folder : resolve(file, '..', value);
        const name = path[0] === 'model' ? 'config.json' : 'adapter_config.json';
        if (folder !== undefined)
          found.push({ range: tree.rangeOf(path), file: resolve(folder, name), tooltip: `${value}: ${name}` });
      }
    } else if (typeof value === 'object' && value !== null) {
      for (const [key, inner] of Object.entries(value))
        walk(inner, [...path, Array.isArray(value) ? Number(key) : key]);
    }
  };
  walk(tree.value, []);
  return found;
}

const splits = /^tasks\.\*\.files\.(train|validation|dev|test)$/;
