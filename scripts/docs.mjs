// Writes docs/experiment.md and docs/experiment.schema.json from the schema of the experiment language (npm run docs).
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { tsImport } from 'tsx/esm/api';

const docs = join(dirname(fileURLToPath(import.meta.url)), '..', 'docs');
const { jsonSchema, referencePage } = await tsImport('../src/experiment/reference.ts', import.meta.url);
await mkdir(docs, { recursive: true });
await writeFile(join(docs, 'experiment.schema.json'), `${JSON.stringify(jsonSchema(), null, 2)}\n`);
await writeFile(join(docs, 'experiment.md'), referencePage());
