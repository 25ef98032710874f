/**
 * The script of every job, the same for all: what differs lies in files of the array's folder, which is its working directory
 * (`setup`: shell lines of the user's settings; `command`: one word a line). A login shell, so that `module` exists. The
 * program takes the shell's place, and with it the signal that comes before the time limit.
 */
export const jobScript = `#!/bin/bash -l
umask 077
trap '' USR1
folder=$PWD
if [ -s setup ]; then . ./setup || exit 1; fi
cd "$folder" || exit 1
set --
while IFS= read -r word; do set -- "$@" "$word"; done < command
exec "$@"
`;

/** The file `setup`: names of modules match a pattern, so they need no quotes. Pure. */
export function setupFile(modules: readonly string[] = [], setup: readonly string[] = []): string {
  return [...modules.map((name) => `module load ${name} || exit 1`), ...setup].map((line) => `${line}\n`).join('');
}
