import { dirname, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import {
  type Connection,
  ErrorCodes,
  FoldingRangeKind,
  MarkupKind,
  ResponseError,
  type ServerCapabilities,
  type TextDocumentIdentifier,
  TextDocumentSyncKind,
  type TextDocuments,
} from 'vscode-languageserver';
import type { TextDocument } from 'vscode-languageserver-textdocument';
import { diagnose } from '../plan/diagnose.ts';
import { actions } from './actions.ts';
import { complete, folderWanted } from './complete.ts';
import { cachedEntries, readFolder } from './folder.ts';
import { folds } from './folding.ts';
import { hover } from './hover.ts';
import { inlays } from './inlay.ts';
import { type LensOptions, lenses } from './lenses.ts';
import { links } from './links.ts';
import { lspAction, lspInlay, lspItem, lspLens, lspRange, lspSymbol } from './lsp.ts';
import { definition, nameAt, rename, usesAt } from './names.ts';
import { symbols } from './symbols.ts';
import type { View } from './view.ts';

/** What the server says that it can do: one entry for each handler below. */
export const capabilities: ServerCapabilities = {
  textDocumentSync: TextDocumentSyncKind.Incremental,
  completionProvider: { triggerCharacters: [' ', ':', '[', '{', ',', '-', '/', '.', '"', "'"] },
  hoverProvider: true,
  codeActionProvider: { codeActionKinds: ['quickfix', 'refactor.rewrite'] },
  inlayHintProvider: true,
  codeLensProvider: {},
  documentSymbolProvider: true,
  foldingRangeProvider: true,
  definitionProvider: true,
  referencesProvider: true,
  renameProvider: { prepareProvider: true },
  documentLinkProvider: {},
};

export interface RequestContext {
  documents: TextDocuments<TextDocument>;
  view(document: TextDocument): View;
  /** Results of the runs of a text, where they are known, and whether anything can be run. */
  lensOptions(view: View): LensOptions;
  /** A defect, for the log. */
  failed(error: unknown): void;
}

/** Puts a handler on the connection for each request: each only carries values to a function of this room and back. */
export function handleRequests(connection: Connection, context: RequestContext): void {
  const { documents, lensOptions, failed } = context;

  /** Every request has an answer: a defect is logged and answered with nothing. Refusals in words pass. */
  function answering<P extends { textDocument: TextDocumentIdentifier }, R>(
    nothing: R,
    work: (view: View, document: TextDocument, params: P) => R | Promise<R>,
  ): (params: P) => Promise<R> {
    return async (params) => {
      const document = documents.get(params.textDocument.uri);
      if (!document) return nothing;
      try {
        return await work(context.view(document), document, params);
      } catch (error) {
        if (error instanceof ResponseError) throw error;
        failed(error);
        return nothing;
      }
    };
  }

  connection.onCompletion(
    answering({ isIncomplete: false, items: [] }, async (view, document, { position }) => {
      const offset = document.offsetAt(position);
      const wanted = view.file === '' ? undefined : folderWanted(view, offset);
      const entries = wanted === undefined ? [] : await readFolder(resolve(dirname(view.file), wanted.folder));
      if (wanted?.ids) entries.push(...(await cachedEntries()));
      const items = complete(view, offset, entries);
      // Ranges of layers, paths and subjects of a benchmark go on while they are typed.
      const isIncomplete = wanted !== undefined || items.some(({ kind }) => kind === 'layer' || kind === 'benchmark');
      return { isIncomplete, items: items.map((item, i) => lspItem(document, item, i)) };
    }),
  );

  connection.onHover(
    answering(null, (view, document, { position }) => {
      const found = hover(view, document.offsetAt(position));
      if (!found) return null;
      const contents = { kind: MarkupKind.Markdown, value: found.markdown.join('\n\n') };
      return { contents, range: lspRange(document, found.range) };
    }),
  );

  connection.onCodeAction(
    answering([], (view, document, { range }) => {
      const here = { start: document.offsetAt(range.start), end: document.offsetAt(range.end) };
      return actions(view, diagnose(view, view.facts, view.plan), here).map((action) => lspAction(document, action));
    }),
  );

  connection.languages.inlayHint.on(
    answering([], (view, document, { range }) =>
      inlays(view, document.offsetAt(range.start), document.offsetAt(range.end)).map((i) => lspInlay(document, i)),
    ),
  );

  connection.onCodeLens(
    answering([], (view, document) => lenses(view, lensOptions(view)).map((lens) => lspLens(document, lens))),
  );

  connection.onDocumentSymbol(answering([], (view, document) => symbols(view).map((s) => lspSymbol(document, s))));

  connection.onFoldingRanges(
    answering([], (view) =>
      folds(view).map(({ kind, ...fold }) => ({ ...fold, ...(kind && { kind: FoldingRangeKind.Comment }) })),
    ),
  );

  connection.onDefinition(
    answering(null, (view, document, { position }) => {
      const range = definition(view, document.offsetAt(position));
      return range ? { uri: document.uri, range: lspRange(document, range) } : null;
    }),
  );

  connection.onReferences(
    answering([], (view, document, { position, context: { includeDeclaration } }) =>
      usesAt(view, document.offsetAt(position), { definition: includeDeclaration }).map((range) => ({
        uri: document.uri,
        range: lspRange(document, range),
      })),
    ),
  );

  connection.onPrepareRename(
    answering(null, (view, document, { position }) => {
      const name = nameAt(view, document.offsetAt(position));
      return name ? { range: lspRange(document, name.range), placeholder: name.name } : null;
    }),
  );

  connection.onRenameRequest(
    answering(null, (view, document, { position, newName }) => {
      const result = rename(view, document.offsetAt(position), newName);
      if ('refused' in result) throw new ResponseError(ErrorCodes.InvalidRequest, result.refused);
      const edits = result.ranges.map((range) => ({ range: lspRange(document, range), newText: newName }));
      return { changes: { [document.uri]: edits } };
    }),
  );

  connection.onDocumentLinks(
    answering([], (view, document) =>
      links(view).map(({ range, file, tooltip }) => ({
        range: lspRange(document, range),
        target: pathToFileURL(file).href,
        tooltip,
      })),
    ),
  );
}
