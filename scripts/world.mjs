// `npm run world [FOLDER]`: writes the sample world (corpora, questions, initial model) into samples/, or into FOLDER.
import { join } from 'node:path';
import { tsImport } from 'tsx/esm/api';
import { root } from './setup.mjs';

const folder = process.argv[2] ?? join(root, 'samples');
const { writeWorld } = await tsImport('../samples/world/write.ts', import.meta.url);
for (const file of await writeWorld(folder)) console.log(join(folder, file));
