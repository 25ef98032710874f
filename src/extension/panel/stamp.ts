import { stat } from 'node:fs/promises';

/** Size and time of a file or folder, as text; '' if it is not there. */
export async function stampOf(path: string): Promise<string> {
  return stat(path).then(
    (s) => `${s.size} ${s.mtimeMs}`,
    () => '',
  );
}
