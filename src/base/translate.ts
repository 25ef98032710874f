/** Texts by their English ones, as `l10n/bundle.l10n.*.json` has them. */
export type Texts = Readonly<Record<string, string>>;

let texts: Texts = {};

/** The language of this process from now on; undefined: English. Said once, at its beginning, by whoever knows it. */
export function speak(known: Texts | undefined): void {
  texts = known ?? {};
}

/** What `speak` was told, for a process that is started. */
export const spoken = (): Texts => texts;

/**
 * A text of the user interface in the language of this process, with `{0}`, `{1}` … filled in. As `vscode.l10n.t`, for parts that
 * do not know the editor: pure views of the extension, and the page of the panel. `scripts/l10n.mjs` finds the texts in the
 * source, so the first argument is always a literal.
 */
export function t(text: string, ...values: (string | number)[]): string {
  const own = Object.hasOwn(texts, text) ? texts[text]! : text;
  return own.replace(/\{(\d+)\}/g, (whole, place) => String(values[Number(place)] ?? whole));
}
