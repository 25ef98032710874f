import { type Reference, references } from '../experiment/references.ts';
import type { Path } from '../experiment/tree.ts';
import type { Range } from '../experiment/types.ts';
import type { View } from './view.ts';

const homes: Record<Reference['kind'], string> = { arm: 'arms', corpus: 'corpora', task: 'tasks' };

/** A name of the file's own: an arm, a corpus or a task, and where it stands. */
export interface NameAt {
  kind: Reference['kind'];
  name: string;
  range: Range;
}

/** The name at an offset, where it is defined or used. */
export function nameAt(view: View, offset: number): NameAt | undefined {
  return everywhere(view).find(({ range }) => offset >= range.start && offset <= range.end);
}

/** Where the name at an offset is defined in this file. */
export function definition(view: View, offset: number): Range | undefined {
  const name = nameAt(view, offset);
  return name && definitions(view).find((d) => d.kind === name.kind && d.name === name.name)?.range;
}

/** Every place of the name at an offset, its definition first. */
export function usesAt(view: View, offset: number, { definition = true } = {}): Range[] {
  const name = nameAt(view, offset);
  if (!name) return [];
  const all = [...(definition ? definitions(view) : []), ...uses(view)];
  return all.filter(({ kind, name: other }) => kind === name.kind && other === name.name).map(({ range }) => range);
}

const namePattern = /^[a-z][a-z0-9_]*$/;

/** What a rename changes, or why it cannot be done, as a sentence. Names that are built in have no definition to rename. */
export function rename(view: View, offset: number, to: string): { ranges: Range[] } | { refused: string } {
  const name = nameAt(view, offset);
  if (!name) return { refused: 'There is no name of an arm, a corpus or a task here.' };
  const own = definitions(view).filter(({ kind }) => kind === name.kind);
  if (!own.some((d) => d.name === name.name)) return { refused: `This file does not define ${name.name}.` };
  if (!namePattern.test(to)) return { refused: 'A name is small letters, digits and _, a letter first.' };
  if (to !== name.name && own.some((d) => d.name === to))
    return { refused: `There is ${name.kind === 'arm' ? 'an' : 'a'} ${name.kind} ${to} already.` };
  return { ranges: usesAt(view, offset) };
}

function everywhere(view: View): NameAt[] {
  return [...definitions(view), ...uses(view)];
}

function definitions({ tree }: View): NameAt[] {
  return (Object.keys(homes) as Reference['kind'][]).flatMap((kind) => {
    const section = tree.at([homes[kind]]);
    if (typeof section !== 'object' || section === null || Array.isArray(section)) return [];
    return Object.keys(section).flatMap((name) => {
      const range = tree.entry([homes[kind], name])?.key;
      return range && name !== '' ? [{ kind, name, range: bare(tree.text, range) }] : [];
    });
  });
}

function uses({ tree, written }: View): NameAt[] {
  return references(written).flatMap(({ kind, name, path, inside }) => {
    const range = inside ? tree.rangeInside(path, ...inside) : bare(tree.text, tree.rangeOf(path as Path));
    // Where escapes make the places differ, the name is not there as it is written.
    return tree.text.slice(range.start, range.end) === name ? [{ kind, name, range }] : [];
  });
}

/** Without quotes. */
function bare(text: string, { start, end }: Range): Range {
  const quoted = end - start > 1 && (text[start] === '"' || text[start] === "'") && text[end - 1] === text[start];
  return quoted ? { start: start + 1, end: end - 1 } : { start, end };
}
