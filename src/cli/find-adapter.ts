import { spawn } from 'node:child_process';
import { readdir, readFile } from 'node:fs/promises';
import { totalmem } from 'node:os';
import { type Adapter, type AdapterFinding, isSoftware } from '../device/adapter.ts';
import { ownProgram } from '../launch/program.ts';

/** Milliseconds that a driver may take to compile its first programs. */
const patience = 60_000;

/**
 * Looks for a graphics adapter in a process of its own: a driver may crash or hang, and what is wrong is said on stderr only.
 * On Linux the Vulkan loader is asked to name what it uses; other systems are asked for their display adapters.
 */
export async function findAdapter(options: { largest?: number } = {}): Promise<AdapterFinding> {
  const { code, stdout, stderr } = await probe(options);
  const finding = parsed(stdout);
  if (!finding) return { found: false, reason: because(stderr) ?? `trying it ended with ${code ?? 'a signal'}` };
  if (!finding.found) return { found: false, reason: because(stderr) ?? finding.reason };
  const named = usedDriver(stderr) ?? (await displayAdapter());
  const software = isSoftware(named.name);
  const memory = software ? totalmem() : await adapterMemory(named.name);
  const adapter: Adapter = { ...finding.adapter, ...named, software, ...(memory !== undefined && { memory }) };
  return { found: true, adapter };
}

function probe({ largest }: { largest?: number }): Promise<{ code: number | null; stdout: string; stderr: string }> {
  const [command, ...args] = ownProgram();
  const child = spawn(command, [...args, '__adapter', ...(largest === undefined ? [] : [String(largest)])], {
    env: { ...process.env, VK_LOADER_DEBUG: 'driver,error' },
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: patience,
    windowsHide: true,
  });
  const read = (stream: NodeJS.ReadableStream) => {
    const parts: string[] = [];
    stream.on('data', (chunk: Buffer) => parts.push(chunk.toString()));
    return () => parts.join('');
  };
  const [stdout, stderr] = [read(child.stdout), read(child.stderr)];
  return new Promise((resolve) => {
    child.on('error', (error) => resolve({ code: null, stdout: '', stderr: String(error) }));
    child.on('close', (code) => resolve({ code, stdout: stdout(), stderr: stderr() }));
  });
}

function parsed(stdout: string): AdapterFinding | undefined {
  try {
    return JSON.parse(stdout.trim().split('\n').at(-1) ?? '') as AdapterFinding;
  } catch {
    return undefined;
  }
}

/** What the loader says in `VK_LOADER_DEBUG=driver`: `Using "NAME" with driver: "FILE"`. */
export function usedDriver(stderr: string): Pick<Adapter, 'name' | 'driver'> | undefined {
  const found = [...stderr.matchAll(/Using "(.+)" with driver: "(.+)"/g)].at(-1);
  return found && { name: found[1]!, driver: found[2]! };
}

/** The loader's own reason, where it has one that helps. */
export function because(stderr: string): string | undefined {
  if (/libvulkan\.so\.1: cannot open/.test(stderr)) return 'the Vulkan loader (libvulkan.so.1) is not installed';
  if (/Found no drivers/.test(stderr)) return 'no Vulkan driver is installed';
  const required = /Vulkan (\w+) required/.exec(stderr);
  return required ? `the Vulkan driver lacks ${required[1]}` : undefined;
}

/** Windows and macOS say which display adapter there is, and not which one WebGPU took. */
async function displayAdapter(): Promise<Pick<Adapter, 'name' | 'driver'>> {
  const text =
    process.platform === 'darwin'
      ? await output('system_profiler', ['SPDisplaysDataType'])
      : process.platform === 'win32'
        ? await output('powershell', ['-NoProfile', '-Command', '(Get-CimInstance Win32_VideoController).Name'])
        : '';
  const name = process.platform === 'darwin' ? /Chipset Model: (.+)/.exec(text)?.[1] : text.trim().split(/\r?\n/)[0];
  return name ? { name } : {};
}

/** NVIDIA's tool, or what the kernel says of AMD's cards. */
async function adapterMemory(name = ''): Promise<number | undefined> {
  if (/nvidia/i.test(name)) {
    const text = await output('nvidia-smi', ['--query-gpu=name,memory.total', '--format=csv,noheader,nounits']);
    const line = text.split('\n').find((l) => name.includes(l.split(',')[0]!.trim()) && l.includes(','));
    const mebibytes = Number(line?.split(',')[1]);
    return mebibytes > 0 ? mebibytes * 2 ** 20 : undefined;
  }
  if (process.platform !== 'linux' || !/amd|radeon/i.test(name)) return undefined;
  const cards = (await readdir('/sys/class/drm').catch(() => [])).filter((card) => /^card\d+$/.test(card));
  const sizes = await Promise.all(
    cards.map((card) => readFile(`/sys/class/drm/${card}/device/mem_info_vram_total`, 'utf8').then(Number, () => 0)),
  );
  const largest = Math.max(0, ...sizes);
  return largest > 0 ? largest : undefined;
}

/** What a program prints; nothing where it is not there. */
function output(command: string, args: string[]): Promise<string> {
  return new Promise((resolve) => {
    const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'ignore'], timeout: 10_000, windowsHide: true });
    let text = '';
    child.stdout.on('data', (chunk: Buffer) => {
      text += chunk.toString();
    });
    child.on('error', () => resolve(''));
    child.on('close', () => resolve(text));
  });
}
