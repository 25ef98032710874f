// Assembles the WebAssembly of the project (.wat) into TypeScript (base64), so that neither a build nor a user needs an
// assembler. `node scripts/kernels.mjs` writes; tests hold each pair against each other.
import { readFileSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import wabt from 'wabt';

const source = join(dirname(fileURLToPath(import.meta.url)), '..', 'src');

/** One row a module: text, the file made of it, what it exports. */
const modules = [
  { wat: 'engine/kernels.wat', ts: 'engine/kernels.ts', name: 'kernelsBase64', what: "The optimizer's kernels" },
  { wat: 'model/mean.wat', ts: 'model/mean-kernels.ts', name: 'meanKernelsBase64', what: 'Averages of 16-bit floats' },
];

/** An assembled module, base64. */
export async function assemble(wat = 'engine/kernels.wat') {
  const { parseWat } = await wabt();
  const module = parseWat(basename(wat), readFileSync(join(source, wat), 'utf8'), { simd: true });
  try {
    return Buffer.from(module.toBinary({}).buffer).toString('base64');
  } finally {
    module.destroy();
  }
}

function generated({ wat, name, what }, base64) {
  const lines = base64.match(/.{1,110}/g).map((line) => `  '${line}',`);
  return `// Made from ${basename(wat)} by scripts/kernels.mjs; do not edit.
/** ${what} as a WebAssembly module, base64. */
export const ${name}: string = [
${lines.join('\n')}
].join('');
`;
}

if (process.argv[1] === fileURLToPath(import.meta.url))
  for (const row of modules) writeFileSync(join(source, row.ts), generated(row, await assemble(row.wat)));
