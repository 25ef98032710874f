import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { bundle, files, forgottenIn, textsOf } from '../../../scripts/l10n/texts.mjs';
import { speak, spoken, t } from '../../../src/base/translate.ts';
import { colours } from '../../../src/extension/colours.ts';
import { drawModel } from '../../../src/extension/layers/tree.ts';
import { root } from '../../support.ts';

/** Their texts stand in `package.nls.json`; see `contributes.ts`. */
const tables = /extension\/(commands|settings|colours|contributes)\.ts$/;
/** Words that programs compare, and names of files. */
const words = [': training', ': runs', ': strata'];

test('every text that people see can be translated', () => {
  const forgotten = files()
    .filter((file) => !tables.test(file))
    .flatMap((file) => forgottenIn(file))
    .filter((found) => !words.some((word) => found.endsWith(word)));
  assert.deepEqual(forgotten, [], "write t('…'), or vscode.l10n.t('…')");
});

test('the texts that translations start from are those of the source', () => {
  const texts = [...new Set(files().flatMap((file) => textsOf(file)))].sort();
  assert.ok(texts.length > 200);
  const written = JSON.parse(readFileSync(bundle.file, 'utf8'));
  assert.deepEqual(Object.keys(written), texts, 'node --import tsx scripts/l10n.mjs writes them');
  for (const [text, own] of Object.entries(written)) assert.equal(own, text);
  assert.equal(JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')).l10n, './l10n');
});

test('a text in another language, with its values at their places', () => {
  after(() => speak(undefined));
  assert.equal(t('{0} of {1} arms', 2, 3), '2 of 3 arms');
  speak({ '{0} of {1} arms': 'von {1} Armen {0}', '{0} layers': '{0} Schichten' });
  assert.equal(t('{0} of {1} arms', 2, 3), 'von 3 Armen 2');
  assert.equal(t('toString'), 'toString', 'nothing that every object has');
  assert.equal(t('{0} and {1}', 'a'), 'a and {1}');
  const empty = { kind: 'model' as const, name: 'm', path: '', parameters: 0, bytes: 0, dtypes: [], children: [] };
  assert.match(drawModel('m', empty, { pruned: [] }).description, /^0 Schichten · /);
  assert.equal(Object.keys(spoken()).length, 2);
});

test('colours are described in package.nls.json', () => {
  const nls = JSON.parse(readFileSync(join(root, 'package.nls.json'), 'utf8'));
  for (const id of Object.keys(colours)) assert.ok(nls[`colour.${id}`]);
});
