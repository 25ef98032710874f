// Finds texts of the user interface in the source: those that can be translated, and those that were forgotten.
import { readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';

const root = fileURLToPath(new URL('../..', import.meta.url));
const folder = join(root, 'l10n');
export const bundle = { folder, file: join(folder, 'bundle.l10n.json') };

/** Source of what people see in the editor: the extension and the page of the panel. */
export function files() {
  return ['src/extension', 'webview'].flatMap((under) =>
    readdirSync(join(root, under), { recursive: true })
      .filter((name) => name.endsWith('.ts') && !name.endsWith('.d.ts'))
      .map((name) => join(root, under, name)),
  );
}

const parse = (file) =>
  ts.createSourceFile(file, readFileSync(file, 'utf8'), ts.ScriptTarget.Latest, true, ts.ScriptKind.TS);

function walk(node, visit) {
  visit(node);
  ts.forEachChild(node, (child) => walk(child, visit));
}

/** `t('…')` and `vscode.l10n.t('…')`. */
const isTranslation = (node) =>
  ts.isCallExpression(node) && /^(vscode\.l10n\.)?t$/.test(node.expression.getText()) && node.arguments.length > 0;

/** Texts of a file that can be translated. Throws where one is no literal: it would be found nowhere. */
export function textsOf(file) {
  const texts = [];
  const source = parse(file);
  walk(source, (node) => {
    if (!isTranslation(node)) return;
    const [text] = node.arguments;
    if (!ts.isStringLiteralLike(text)) throw new Error(`${place(source, node)}: the text is no literal`);
    texts.push(text.text);
  });
  return texts;
}

/** Functions whose argument people read, and properties that they read. */
const shown = /^vscode\.window\.show\w*Message$|^say$/;
const read = new Set([
  ...['title', 'placeHolder', 'prompt', 'detail', 'openLabel', 'saveLabel', 'tooltip', 'message', 'text'],
  ...['description', 'label', 'name', 'spoken', 'words'],
]);
const letters = /\p{L}{2,}/u;
/** Names of the product and what is no language: `Strata`, `$(check)`, ids and paths. */
const names = /Strata|\$\([\w~-]+\)|strata(\.\w+)+/g;
const isProse = (text) => letters.test(text.replaceAll(names, ''));

/** Texts that people see and that nobody can translate, as `file:line: text`. */
export function forgottenIn(file) {
  const found = [];
  const source = parse(file);
  const report = (node, text) => isProse(text) && found.push(`${place(source, node)}: ${text.trim()}`);
  walk(source, (node) => {
    if (ts.isTaggedTemplateExpression(node) && node.tag.getText() === 'html')
      for (const text of inMarkup(node)) report(node, text);
    if (ts.isCallExpression(node) && shown.test(node.expression.getText())) literals(node.arguments[0], report);
    if (ts.isPropertyAssignment(node) && read.has(node.name.getText())) literals(node.initializer, report);
    if (ts.isBinaryExpression(node) && node.operatorToken.kind === ts.SyntaxKind.EqualsToken) {
      const { left, right } = node;
      if (ts.isPropertyAccessExpression(left) && read.has(left.name.text)) literals(right, report);
    }
  });
  return found;
}

/** Literals that an expression may come to, without those inside calls. */
function literals(node, report) {
  if (!node) return;
  if (ts.isStringLiteralLike(node)) report(node, node.text);
  else if (ts.isTemplateExpression(node))
    report(node, [node.head.text, ...node.templateSpans.map((s) => s.literal.text)].join(' '));
  else if (ts.isConditionalExpression(node)) {
    literals(node.whenTrue, report);
    literals(node.whenFalse, report);
  } else if (ts.isParenthesizedExpression(node)) literals(node.expression, report);
  else if (ts.isArrayLiteralExpression(node)) for (const element of node.elements) literals(element, report);
  else if (ts.isBinaryExpression(node)) {
    literals(node.left, report);
    literals(node.right, report);
  }
}

/** What stands between the tags of a template, and in attributes that are read out or shown. */
function inMarkup({ template }) {
  const parts = ts.isNoSubstitutionTemplateLiteral(template)
    ? [template.text]
    : [template.head.text, ...template.templateSpans.map(({ literal }) => literal.text)];
  // A value that is put in stands for itself, so that tags stay whole.
  const markup = parts.join('\u0000');
  const attributes = [...markup.matchAll(/\s(?:title|aria-label|placeholder)="([^"]*)"/g)].map(([, text]) => text);
  return [...attributes, ...markup.replaceAll(/<[^>]*>/g, '\n').split('\n')].map((text) =>
    text.replaceAll('\u0000', ' '),
  );
}

function place(source, node) {
  const { line } = source.getLineAndCharacterOfPosition(node.getStart());
  return `${relative(root, source.fileName)}:${line + 1}`;
}
