// Vulkan drivers that compute on the processor, for tests of WebGPU on machines without a graphics card: SwiftShader comes with
// Debian's chromium; lavapipe (which has float16) is unpacked into a folder of the user's, without changing the system.
//   node scripts/vulkan.mjs     installs what is missing, and prints what could not be had
import { spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { debianRoot } from './setup.mjs';

const swiftshader = '/usr/lib/chromium/vk_swiftshader_icd.json';
const folder = join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'strata-vulkan');
const lavapipe = join(folder, 'lvp_icd.json');
const hasLoader = () => /libvulkan\.so\.1/.test(spawnSync('ldconfig', ['-p'], { encoding: 'utf8' }).stdout ?? '');

function quiet(command, args, options = {}) {
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  return spawnSync(command, args, { stdio: ['ignore', 'ignore', 'ignore'], env, ...options }).status === 0;
}

/** Installs loader and drivers where that can be done. Returns what is missing, as sentences. */
export function installVulkan() {
  if (process.platform !== 'linux') return ['software Vulkan drivers: only on Linux'];
  const packages = [...(hasLoader() ? [] : ['libvulkan1']), ...(existsSync(swiftshader) ? [] : ['chromium'])];
  const missing = [];
  if (packages.length > 0) {
    if (!debianRoot()) return [`${packages.join(', ')}: not installed, and not root on Debian`];
    quiet('apt-get', ['update', '-qq']);
    const install = ['install', '-y', '-qq', '--no-install-recommends', '-o', 'DPkg::Lock::Timeout=300', ...packages];
    if (!quiet('apt-get', install)) missing.push(`${packages.join(', ')}: apt-get install failed`);
  }
  if (!existsSync(lavapipe) && !(debianRoot() && unpackLavapipe()))
    missing.push('lavapipe: Mesa 23.3 or newer cannot be had');
  return missing;
}

/**
 * Debian 12's own Mesa is too old for WebGPU, its backports' is not: the package is fetched with lists of its own and unpacked.
 * What it links to comes from the system's own packages.
 */
function unpackLavapipe() {
  mkdirSync(folder, { recursive: true });
  const work = mkdtempSync(join(folder, '.unpack-'));
  try {
    const codename = /^VERSION_CODENAME=(\w+)/m.exec(readFileSync('/etc/os-release', 'utf8'))?.[1];
    const suites = codename === 'bookworm' ? ['bookworm-backports'] : [codename];
    const key = '[signed-by=/usr/share/keyrings/debian-archive-keyring.gpg]';
    const sources = suites.map((suite) => `deb ${key} http://deb.debian.org/debian ${suite} main\n`).join('');
    writeFileSync(join(work, 'sources.list'), sources);
    mkdirSync(join(work, 'lists', 'partial'), { recursive: true });
    const options = [
      ['-o', `Dir::Etc::sourcelist=${join(work, 'sources.list')}`],
      ['-o', 'Dir::Etc::sourceparts=/dev/null'],
      ['-o', `Dir::State::lists=${join(work, 'lists')}`],
      ['-o', 'APT::Sandbox::User=root'],
    ].flat();
    if (!quiet('apt-get', [...options, 'update'])) return false;
    if (!quiet('apt-get', [...options, 'download', 'mesa-vulkan-drivers'], { cwd: work })) return false;
    const archive = readdirSync(work).find((file) => file.endsWith('.deb'));
    if (!archive || !quiet('dpkg-deb', ['-x', join(work, archive), join(work, 'mesa')])) return false;
    const library = ['x86_64-linux-gnu', 'aarch64-linux-gnu']
      .map((triple) => join('usr', 'lib', triple, 'libvulkan_lvp.so'))
      .find((file) => existsSync(join(work, 'mesa', file)));
    if (library === undefined) return false;
    const driver = join(work, 'mesa', library);
    if (!loads(driver))
      quiet('apt-get', ['install', '-y', '-qq', '--no-install-recommends', ...dependencies(join(work, archive))]);
    if (!loads(driver)) return false;
    rmSync(join(folder, 'mesa'), { recursive: true, force: true });
    renameSync(join(work, 'mesa'), join(folder, 'mesa'));
    const icd = {
      file_format_version: '1.0.0',
      ICD: { library_path: join(folder, 'mesa', library), api_version: '1.4.305' },
    };
    writeFileSync(lavapipe, JSON.stringify(icd));
    return true;
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

/** Names of the packages that a package depends on, the first of alternatives each. */
function dependencies(archive) {
  const { stdout } = spawnSync('dpkg-deb', ['-f', archive, 'Depends'], { encoding: 'utf8' });
  return stdout.split(',').map((part) => part.trim().split(/[\s(|:]/)[0]);
}

/** Whether everything that the library links to is on this machine. */
function loads(library) {
  const { stdout } = spawnSync('ldd', [library], { encoding: 'utf8' });
  return stdout !== null && stdout !== '' && !/not found/.test(stdout);
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  for (const lack of installVulkan()) console.log(lack);
}
