// Texts of the user interface: node --import tsx scripts/l10n.mjs writes l10n/bundle.l10n.json, which translations start from
// (bundle.l10n.de.json beside it is the German one, package.nls.de.json for package.json). A test fails while it differs.
import { mkdirSync, writeFileSync } from 'node:fs';
import { bundle, files, textsOf } from './l10n/texts.mjs';

const texts = [...new Set(files().flatMap((file) => textsOf(file)))].sort();
mkdirSync(bundle.folder, { recursive: true });
writeFileSync(bundle.file, `${JSON.stringify(Object.fromEntries(texts.map((text) => [text, text])), null, 2)}\n`);
console.log(`${texts.length} texts`);
