import { fileURLToPath } from 'node:url';
import type { TextDocument } from 'vscode-languageserver-textdocument';
import { type Parsed, parse } from '../experiment/parse.ts';
import type { KnownFacts } from '../record/measured.ts';
import { type View, viewOf } from './view.ts';
import type { World } from './world.ts';

/** Absolute path of a document; '' of one that lies in no folder of this machine. */
export function fileOf(uri: string): string {
  try {
    return uri.startsWith('file:') ? fileURLToPath(uri) : '';
  } catch {
    return '';
  }
}

/** The views of open documents: a text is parsed once, and planned once for what is known of the world. */
export class Views {
  readonly #world: World;
  readonly #latest = new Map<string, { version: number; parsed: Parsed; facts: KnownFacts | undefined; view: View }>();

  constructor(world: World) {
    this.#world = world;
  }

  of(document: TextDocument): View {
    const file = fileOf(document.uri);
    const known = this.#latest.get(document.uri);
    const parsed = known?.version === document.version ? known.parsed : parse(document.getText(), { file });
    const facts = file === '' ? undefined : this.#world.factsFor(parsed, file);
    if (known?.parsed === parsed && known.facts === facts) return known.view;
    const view = viewOf(parsed, file, facts);
    this.#latest.set(document.uri, { version: document.version, parsed, facts, view });
    return view;
  }

  close(uri: string): void {
    this.#latest.delete(uri);
    this.#world.close(fileOf(uri));
  }
}
