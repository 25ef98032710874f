// Assembles src/engine/kernels.wat into src/engine/kernels.ts (base64), so that neither a build nor a user needs an assembler.
// `node scripts/kernels.mjs` writes; test/unit/engine/kernels.test.ts holds the two against each other.
import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import wabt from 'wabt';

const engine = join(dirname(fileURLToPath(import.meta.url)), '..', 'src', 'engine');

/** The assembled module, base64. */
export async function assemble() {
  const { parseWat } = await wabt();
  const module = parseWat('kernels.wat', readFileSync(join(engine, 'kernels.wat'), 'utf8'), { simd: true });
  try {
    return Buffer.from(module.toBinary({}).buffer).toString('base64');
  } finally {
    module.destroy();
  }
}

function source(base64) {
  const lines = base64.match(/.{1,110}/g).map((line) => `  '${line}',`);
  return `// Made from kernels.wat by scripts/kernels.mjs; do not edit.
/** The optimizer's kernels as a WebAssembly module, base64. */
export const kernelsBase64: string = [
${lines.join('\n')}
].join('');
`;
}

if (process.argv[1] === fileURLToPath(import.meta.url))
  writeFileSync(join(engine, 'kernels.ts'), source(await assemble()));
