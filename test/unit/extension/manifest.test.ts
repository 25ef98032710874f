import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { type CommandRow, commands } from '../../../src/extension/commands.ts';
import { contributes, restrictedConfigurations, texts } from '../../../src/extension/contributes.ts';
import { settings } from '../../../src/extension/settings.ts';
import { root } from '../../support.ts';

const read = (name: string) => JSON.parse(readFileSync(join(root, name), 'utf8'));
const manifest = read('package.json');
const nls: Record<string, string> = read('package.nls.json');

const remedy = 'node --import tsx scripts/contributes.mjs writes it';

test('commands, menus and settings of package.json are those of the tables', () => {
  const expected = contributes();
  for (const key of Object.keys(expected) as (keyof typeof expected)[])
    assert.deepEqual(manifest.contributes[key], JSON.parse(JSON.stringify(expected[key])), `${key}: ${remedy}`);
  assert.deepEqual(manifest.capabilities.untrustedWorkspaces.restrictedConfigurations, restrictedConfigurations());
});

test('texts of the tables stand in package.nls.json', () => {
  for (const [key, text] of Object.entries(texts())) assert.equal(nls[key], text, `${key}: ${remedy}`);
});

test('every %key% of package.json has a text, and every text is used', () => {
  const used = new Set([...JSON.stringify(manifest).matchAll(/%([\w.-]+)%/g)].map(([, key]) => key));
  assert.deepEqual([...used].filter((key) => !nls[key!]).sort(), []);
  assert.deepEqual(
    Object.keys(nls)
      .filter((key) => !used.has(key))
      .sort(),
    [],
  );
});

test('commands that texts link to exist', () => {
  const own = Object.keys(commands);
  const linked = Object.values(nls).flatMap((text) => [...text.matchAll(/\(command:([\w.]+)/g)].map(([, id]) => id!));
  assert.ok(linked.length > 5);
  assert.deepEqual(
    linked.filter((id) => id.startsWith('strata.') && !own.includes(id)),
    [],
  );
});

test('when clauses and enablements name views, item words and context keys that exist', () => {
  const views = manifest.contributes.views.strata.map(({ id }: { id: string }) => id);
  const clauses = Object.values(commands as Record<string, CommandRow>).flatMap(
    ({ enablement, palette, menus = [] }) => [enablement, palette || undefined, ...menus.map(({ when }) => when)],
  );
  const known =
    /^(view|viewItem|editorLangId|isWorkspaceTrusted|explorerResourceIsFolder|resourceFilename|listDoubleSelection|strata\.layers\.(hasArms|hasImportance|pinned))$/;
  for (const clause of clauses) {
    if (clause === undefined) continue;
    for (const term of clause.split(/&&|\|\|/)) {
      const [, key = '', , value] = /^\s*!?([\w.]+)\s*(==|=~)?\s*(.*?)\s*$/.exec(term) ?? [];
      assert.match(key, known, `${term} in ${clause}`);
      if (key === 'view') assert.ok(views.includes(value), `${value} is a view`);
      if (key === 'editorLangId') assert.equal(value, 'strata');
    }
  }
});

test('only machine-scoped settings name programs, and untrusted folders do not decide them', () => {
  const programs = Object.entries(settings).filter(([id]) => /path$/i.test(id));
  assert.ok(programs.length > 0);
  for (const [id, { scope, restricted }] of programs) {
    assert.equal(scope, 'machine', id);
    assert.equal(restricted, true, id);
  }
});

test('pictures that package.json names are there', () => {
  const paths = [...JSON.stringify(manifest).matchAll(/"((?:\.\/)?media\/[^"]+)"/g)].map(([, path]) => path!);
  assert.ok(paths.length > 3);
  assert.deepEqual(
    paths.filter((path) => !existsSync(join(root, path))),
    [],
  );
});

test('tools for language models: the tables and package.json name the same ones', () => {
  const declared = manifest.contributes.languageModelTools.map(({ name }: { name: string }) => name).sort();
  const source = readFileSync(join(root, 'src/extension/tools.ts'), 'utf8');
  const rows = [...source.matchAll(/^ {2}(\w+): tool</gm)].map(([, name]) => name).sort();
  assert.deepEqual(declared, rows);
});

test('the extension is activated by what it contributes, and by no start of the editor', () => {
  assert.deepEqual(manifest.activationEvents, ['onWebviewPanel:strata.compare']);
  assert.deepEqual(manifest.extensionKind, ['workspace']);
  assert.equal(manifest.enabledApiProposals, undefined);
});

test('extensions for YAML find the schema of the language for exactly the files that are ours', () => {
  const [language] = manifest.contributes.languages;
  const [{ fileMatch, url }] = manifest.contributes.yamlValidation;
  assert.deepEqual(fileMatch, language.filenamePatterns);
  assert.ok(existsSync(join(root, url)));
  // Files have our own language, for which no other extension is asked unless the user says so.
  assert.equal(language.id, 'strata');
  assert.equal(language.extensions, undefined);
});
