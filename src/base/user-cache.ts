import { homedir } from 'node:os';
import { isAbsolute, join } from 'node:path';

/** Folder for what can be made again, of this user, whatever the experiment: `$XDG_CACHE_HOME/strata`, by default `~/.cache/strata`. */
export function userCacheFolder(): string {
  const set = process.env['XDG_CACHE_HOME'];
  return join(set && isAbsolute(set) ? set : join(homedir(), '.cache'), 'strata');
}
