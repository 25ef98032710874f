import { createHash } from 'node:crypto';
import { readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { exists, privateFolder } from '../../../base/files.ts';
import { fail } from '../../../base/problem.ts';
import { bundleCache } from './part.ts';

/** A published package, pinned by the hash of its archive: what npm delivers is that, or is not used. */
export interface Pinned {
  name: string;
  version: string;
  /** Subresource integrity as in a package lock. */
  integrity: string;
}

/**
 * The unpacked folder of a package, fetched by the user's npm the first time. Nothing of it is executed here.
 * Fails with `package-not-had`.
 */
export async function fetchPackage({ name, version, integrity }: Pinned, setting: string): Promise<string> {
  const cache = await privateFolder(join(bundleCache(), 'npm'));
  const folder = join(cache, `${name}-${version}`);
  if (await exists(folder)) return folder;
  const temporary = await privateFolder(join(cache, `.${name}-${version}.${process.pid}`));
  try {
    const npm = await execa(
      'npm',
      ['pack', `${name}@${version}`, '--pack-destination', temporary, '--loglevel=error'],
      {
        cwd: temporary,
        stdin: 'ignore',
        reject: false,
      },
    );
    const [archive] = (await readdir(temporary)).filter((file) => file.endsWith('.tgz'));
    if (npm.exitCode !== 0 || archive === undefined) {
      const why = npm.code === 'ENOENT' ? 'there is no npm here' : lastLine(npm.stderr) || 'it delivered nothing';
      return fail('package-not-had', `npm could not fetch ${name}@${version}: ${why}.`, {
        remedy: `Fetch it elsewhere (npm pack ${name}@${version}) and name the file in the settings: ${setting}.`,
      });
    }
    const bytes = await readFile(join(temporary, archive));
    const [algorithm = '', expected] = integrity.split(/-(.*)/s);
    if (createHash(algorithm).update(bytes).digest('base64') !== expected) {
      return fail(
        'package-not-had',
        `What npm delivered as ${name}@${version} is not that package: its hash differs.`,
        {
          remedy: 'Check the registry that npm is set to.',
        },
      );
    }
    await unpack(join(temporary, archive), join(temporary, 'x'));
    await rename(join(temporary, 'x'), folder).catch(async (error) => {
      if (!(await exists(folder))) throw error;
    });
    return folder;
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
}

const lastLine = (text: string): string => text.trim().split('\n').at(-1)?.slice(0, 200) ?? '';

async function unpack(archive: string, into: string): Promise<void> {
  await privateFolder(into);
  const { exitCode, stderr } = await execa('tar', ['-xzf', archive, '-C', into, '--strip-components=1'], {
    stdin: 'ignore',
    reject: false,
  });
  if (exitCode !== 0) {
    fail('package-not-had', `${archive} cannot be unpacked: ${lastLine(stderr)}.`, { place: archive });
  }
}

/** What a setting names: a folder as it is, a `.tgz` unpacked once. Fails with `invalid-settings`. */
export async function settledPackage(path: string, setting: string): Promise<string> {
  const facts = await stat(path).catch(() => undefined);
  if (!facts) return fail('invalid-settings', `${setting} names ${path}, which is not there.`, { place: path });
  if (facts.isDirectory()) return path;
  if (!/\.(tgz|tar\.gz)$/.test(path)) return path;
  const hash = createHash('sha256')
    .update(await readFile(path))
    .digest('hex');
  const folder = join(await privateFolder(join(bundleCache(), 'given')), hash);
  if (!(await exists(folder))) {
    const temporary = `${folder}.${process.pid}`;
    await unpack(path, temporary);
    await rename(temporary, folder).catch(() => rm(temporary, { recursive: true, force: true }));
  }
  return folder;
}
