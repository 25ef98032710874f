import { execFileSync } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/**
 * The shell line of a host's profile that loads this C code before everything (`LD_PRELOAD`); where no compiler makes it, the reason.
 */
export async function preload(
  folder: string,
  name: string,
  code: string,
): Promise<{ line: string } | { lack: string }> {
  const [source, library] = [join(folder, `${name}.c`), join(folder, `${name}.so`)];
  await writeFile(source, code);
  try {
    execFileSync('cc', ['-shared', '-fPIC', '-o', library, source, '-ldl'], { stdio: 'pipe' });
    return { line: `export LD_PRELOAD=${library}` };
  } catch (error) {
    return { lack: (error as Error).message.split('\n')[0]! };
  }
}
