import {
  type CompletionItem,
  CompletionItemKind,
  DiagnosticSeverity,
  InsertTextFormat,
  type Diagnostic as LspDiagnostic,
  type Range as LspRange,
  MarkupKind,
} from 'vscode-languageserver';
import type { TextDocument } from 'vscode-languageserver-textdocument';
import type { Diagnostic, Range } from '../experiment/types.ts';
import type { Item, ItemKind } from './item.ts';

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
  arm: CompletionItemKind.Class,
  metric: CompletionItemKind.Constant,
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
