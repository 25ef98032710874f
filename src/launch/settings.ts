import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { isAbsolute, join } from 'node:path';
import { parse as parseYaml } from 'yaml';
import * as z from 'zod';
import { fail } from '../base/problem.ts';
import { tooDeep } from '../experiment/nesting.ts';
import { nearest } from '../experiment/suggest.ts';
import { settingsVariable } from './settings-variable.ts';
import { type SlurmOptions, wrongOption } from './slurm/options.ts';

/** What a host of the ssh configuration may be called where Strata names it; it begins with no dash, so it is no option. */
export const hostAlias = /^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/;

/** Where the user's settings are, and how messages call the file. */
export const settingsFile = (): string => {
  const config = process.env['XDG_CONFIG_HOME'];
  return join(config && isAbsolute(config) ? config : join(homedir(), '.config'), 'strata', 'config.yaml');
};

const text = z.string().min(1).max(4096);
/** Node loads no module from a path with a backslash in it. */
const absolute = text.refine(
  (path) => path.startsWith('/') && !/[\\\p{Cc}]/u.test(path),
  'must be an absolute path without backslashes and control characters',
);
const perPlatform = z.partialRecord(z.enum(['linux-x64', 'linux-arm64', 'darwin-arm64']), text).optional();

/** What jobs of a Slurm ask for, where the experiment does not say; each checked as `slurm/options.ts` does. */
const slurmSchema = z
  .custom<SlurmOptions>()
  .superRefine((value, context) => {
    const wrong = wrongOption(value);
    if (wrong) context.addIssue({ code: 'custom', path: wrong.path, message: wrong.message });
  })
  .optional();

const hostSchema = z.strictObject({
  /** Where runs and bundles live on the host; default `${XDG_DATA_HOME:-~/.local/share}/strata`. */
  folder: absolute.optional(),
  /** Node on the host; default: what its PATH has, else the one that Strata sends. */
  node: absolute.optional(),
  /** Shell lines before anything of Strata is started there, such as `module load cuda`. */
  setup: z.array(z.string().max(4096)).optional(),
  /** For jobs of the Slurm whose login node the host is. */
  slurm: slurmSchema,
});

const schema = z.strictObject({
  hosts: z.record(z.string().regex(hostAlias, 'is no alias of an ssh host'), hostSchema).optional(),
  /** For jobs of the Slurm whose login node this machine is. */
  slurm: slurmSchema,
  ssh: z
    .strictObject({
      /** The ssh program; default `ssh`. */
      program: text.optional(),
      /** The configuration file; default: ssh's own. */
      config: text.optional(),
    })
    .optional(),
  /** onnxruntime-node for hosts of another platform: its npm package as a `.tgz`, or the unpacked folder. */
  runtime: perPlatform,
  /** Node for hosts of another platform that have none: the program, or the npm package `node-<platform>` as a `.tgz`. */
  node: perPlatform,
});

export type HostSettings = z.infer<typeof hostSchema>;
/** `~/.config/strata/config.yaml` (design §8). Keys that other parts of the program own are left to them. */
export type Settings = z.infer<typeof schema>;

const remedy = 'Correct it; what is not written has its default.';

/** Checks what was read. `origin` names it in messages. Fails with `invalid-settings`. Pure. */
export function checkSettings(value: unknown, origin: string): Settings {
  const result = schema.safeParse(value ?? {});
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  const path = issue!.path.join('.');
  const at = path === '' ? '' : `${path}: `;
  if (issue!.code === 'unrecognized_keys') {
    const [key] = issue!.keys;
    const known = issue!.path[0] === 'hosts' ? Object.keys(hostSchema.shape) : Object.keys(schema.shape);
    const meant = nearest(key!, known);
    return fail('invalid-settings', `${at}There is no setting "${key}".`, {
      place: origin,
      remedy: meant === undefined ? `Known are ${known.join(', ')}.` : `Did you mean ${meant}?`,
    });
  }
  return fail('invalid-settings', `${at}${issue!.message.replace(/\.$/, '')}.`, { place: origin, remedy });
}

/** One mapping over another: a key of `over` replaces it, nested mappings are laid over each other. Pure. */
export function layOver<T>(under: T, over: T): T {
  if (!isMapping(under) || !isMapping(over)) return over === undefined ? under : over;
  const merged: Record<string, unknown> = { ...under };
  for (const [key, value] of Object.entries(over)) merged[key] = layOver(merged[key], value);
  return merged as T;
}

const isMapping = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** The user's settings: the editor's, where it hands some on, before those of the file. Fails with `invalid-settings`. */
export async function readSettings(): Promise<Settings> {
  const file = settingsFile();
  const written = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return '';
    throw error;
  });
  const handed = process.env[settingsVariable];
  const own = checkSettings(parsed(written, file, parseYaml), file);
  if (handed === undefined || handed === '') return own;
  const origin = `the variable ${settingsVariable}`;
  return layOver(own, checkSettings(parsed(handed, origin, JSON.parse), origin));
}

function parsed(source: string, origin: string, parse: (text: string) => unknown): unknown {
  if (tooDeep(source) !== undefined) fail('invalid-settings', 'It is nested too deeply.', { place: origin, remedy });
  try {
    return parse(source);
  } catch (error) {
    const [line] = String((error as Error).message).split('\n');
    return fail('invalid-settings', `It cannot be read: ${line!.replace(/[.:]?$/, '.')}`, { place: origin, remedy });
  }
}
