import {
  type CodeAction,
  CodeActionKind,
  type CodeLens,
  type CompletionItem,
  CompletionItemKind,
  DiagnosticSeverity,
  type DocumentSymbol,
  type InlayHint,
  InlayHintKind,
  InsertTextFormat,
  type Diagnostic as LspDiagnostic,
  type Range as LspRange,
  MarkupKind,
  SymbolKind,
} from 'vscode-languageserver';
import type { TextDocument } from 'vscode-languageserver-textdocument';
import type { Diagnostic, Range } from '../experiment/types.ts';
import type { LensArguments } from '../protocol/language.ts';
import type { Action } from './actions.ts';
import type { Inlay } from './inlay.ts';
import type { Item, ItemKind } from './item.ts';
import type { Lens } from './lenses.ts';
import type { OutlineEntry } from './symbols.ts';

// Values of this room as the protocol has them.

export function lspRange(document: TextDocument, { start, end }: Range): LspRange {
  return { start: document.positionAt(start), end: document.positionAt(end) };
}

const kinds: Record<ItemKind, CompletionItemKind> = {
  key: CompletionItemKind.Property,
  value: CompletionItemKind.EnumMember,
  number: CompletionItemKind.Value,
  form: CompletionItemKind.Snippet,
  layer: CompletionItemKind.Unit,
  tensor: CompletionItemKind.Field,
  corpus: CompletionItemKind.Module,
  task: CompletionItemKind.Function,
  benchmark: CompletionItemKind.Interface,
  arm: CompletionItemKind.Class,
  metric: CompletionItemKind.Constant,
  model: CompletionItemKind.Reference,
  file: CompletionItemKind.File,
  folder: CompletionItemKind.Folder,
};

export function lspItem(document: TextDocument, item: Item, index: number): CompletionItem {
  const { label, kind, detail, documentation, snippet, more, text, range, filter } = item;
  return {
    label,
    kind: kinds[kind],
    ...(detail !== undefined && { detail }),
    ...(documentation !== undefined && { documentation: { kind: MarkupKind.Markdown, value: documentation } }),
    // The order is ours: by meaning, not by the alphabet.
    sortText: String(index).padStart(4, '0'),
    filterText: filter,
    insertTextFormat: snippet ? InsertTextFormat.Snippet : InsertTextFormat.PlainText,
    textEdit: { range: lspRange(document, range), newText: text },
    ...(more && { command: { title: '', command: 'editor.action.triggerSuggest' } }),
  };
}

export function lspDiagnostic(document: TextDocument, diagnostic: Diagnostic): LspDiagnostic {
  return {
    range: lspRange(document, diagnostic.range),
    severity: diagnostic.severity === 'error' ? DiagnosticSeverity.Error : DiagnosticSeverity.Warning,
    code: diagnostic.code,
    source: 'strata',
    message: diagnostic.message,
  };
}

export function lspAction(document: TextDocument, action: Action): CodeAction {
  const edits = action.edits.map(({ range, text }) => ({ range: lspRange(document, range), newText: text }));
  return {
    title: action.title,
    kind: action.kind === 'quickfix' ? CodeActionKind.QuickFix : CodeActionKind.RefactorRewrite,
    ...(action.diagnostic && { diagnostics: [lspDiagnostic(document, action.diagnostic)] }),
    ...(action.preferred && { isPreferred: true }),
    edit: { changes: { [document.uri]: edits } },
  };
}

export function lspLens(document: TextDocument, { range, title, tooltip, command, arm }: Lens): CodeLens {
  const words: LensArguments = arm === undefined ? [document.uri] : [document.uri, arm];
  return {
    range: lspRange(document, range),
    command: { title, command, arguments: words, ...(tooltip !== undefined && { tooltip }) },
  };
}

export function lspInlay(document: TextDocument, { offset, label, tooltip }: Inlay): InlayHint {
  return {
    position: document.positionAt(offset),
    label,
    kind: InlayHintKind.Type,
    paddingLeft: true,
    ...(tooltip !== undefined && { tooltip }),
  };
}

const symbolKinds: Record<OutlineEntry['kind'], SymbolKind> = {
  section: SymbolKind.Namespace,
  arm: SymbolKind.Class,
  corpus: SymbolKind.Module,
  task: SymbolKind.Function,
  key: SymbolKind.Property,
};

export function lspSymbol(document: TextDocument, entry: OutlineEntry): DocumentSymbol {
  const { name, kind, range, selection, detail, children } = entry;
  return {
    name,
    kind: symbolKinds[kind],
    range: lspRange(document, range),
    selectionRange: lspRange(document, selection),
    ...(detail !== undefined && { detail }),
    children: children.map((child) => lspSymbol(document, child)),
  };
}
