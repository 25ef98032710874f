import { speak, type Texts } from '../src/base/translate.ts';

// Imported before all else, so that texts of tables are in the language of the page too.
const texts = document.getElementById('panel')?.dataset['texts'];
if (texts !== undefined) speak(JSON.parse(texts) as Texts);
