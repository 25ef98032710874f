import type { Problem, Result } from '../../base/problem.ts';
import { bytes } from '../../plan/amounts.ts';
import type { Finding } from '../finding.ts';
import type { Settings } from '../settings.ts';
import { platforms } from './bundle/contents.ts';
import { type ContactOptions, reach } from './contact.ts';
import { type HostFacts, suitable, usableNode } from './facts.ts';
import { gatherFacts } from './host.ts';
import { knownHosts, rememberHost } from './memory.ts';
import { cudaLibraries, neededPrograms, probeScript, vulkanLibrary } from './probe-script.ts';

export interface ProbeResult {
  host: string;
  facts: HostFacts;
  /** What the script said, by key; a key may come several times. */
  said: Map<string, string[]>;
  /** Milliseconds until the host answered. */
  contactMs: number;
}

/** Looks at a host. Fails as `reach` does. */
export async function probe(
  host: string,
  settings: Settings,
  askpass: ContactOptions['askpass'],
): Promise<ProbeResult> {
  const begun = performance.now();
  const contact = await reach({ host, settings, askpass, script: probeScript });
  const contactMs = performance.now() - begun;
  try {
    const facts = await gatherFacts(contact);
    const said = new Map<string, string[]>();
    contact.channel.input.write('probe\n');
    for (let words = await contact.lines.next(); words && words[0] !== 'probed'; words = await contact.lines.next()) {
      const [, key = '', ...value] = words;
      said.set(key, [...(said.get(key) ?? []), value.join(' ').trim()]);
    }
    contact.channel.input.write('bye\n');
    await rememberHost(host, { ...(await knownHosts())[host], used: Date.now() });
    return { host, facts, said, contactMs };
  } finally {
    contact.channel.input.end();
    void contact.channel.ended.then(() => {});
    setTimeout(contact.channel.kill, 1000).unref();
  }
}

type Look = (result: ProbeResult, settings: Settings) => Finding | Finding[] | undefined;

/** Less than this does not hold a bundle, a checkpoint and the model of a small run. */
const littleSpace = 2 * 2 ** 30;
const littleMemory = 4 * 2 ** 30;
/** Clocks are never compared for decisions; a difference only makes dates in lists look odd. */
const oddClock = 120;

const one = ({ said }: ProbeResult, key: string): string | undefined => said.get(key)?.[0] || undefined;
const ok = (name: string, found: string): Finding => ({ name, state: 'ok', found });

/** Everything that is looked at, in the order in which it is shown. */
const looks: readonly Look[] = [
  (result) => {
    const { host, contactMs } = result;
    const name = one(result, 'name');
    return ok(
      'ssh',
      `${name === undefined || name === host ? host : `${host} is ${name}`}, answered after ${Math.round(contactMs)} ms`,
    );
  },
  (result) => {
    const { facts } = result;
    const found = [facts.system, facts.libc, one(result, 'kernel')?.replace(/^\S+ /, 'kernel ')]
      .filter(Boolean)
      .join(', ');
    const judged = suitability(result);
    if (judged.ok) return ok('system', found);
    return { name: 'system', state: 'missing', found: judged.problem.message, remedy: judged.problem.remedy };
  },
  ({ facts, host }, settings) => nodeFinding(facts, host, settings),
  (result) => {
    const missing = result.said.get('without')?.filter((name) => name !== 'sha256sum') ?? [];
    if (missing.length === 0) return undefined;
    return {
      name: 'programs',
      state: 'missing',
      found: `${missing.join(', ')} not found on the PATH`,
      remedy: `Install them there; Strata is put in place with ${neededPrograms.join(', ')}.`,
    };
  },
  (result) => {
    const cores = one(result, 'cores');
    return ok(
      'processor',
      [one(result, 'processor'), cores && `${cores} core${cores === '1' ? '' : 's'}`].filter(Boolean).join(', '),
    );
  },
  (result) => {
    const [total, available] = (one(result, 'memory') ?? '').split(' ').map((kb) => Number(kb) * 1024);
    if (!total) return undefined;
    const found = `${bytes(total)}, ${bytes(available ?? 0)} free`;
    if (total >= littleMemory) return ok('memory', found);
    return {
      name: 'memory',
      state: 'warning',
      found,
      remedy: 'Only small models train in so little; strata plan tells what a run needs.',
    };
  },
  ({ facts, host }) => {
    if (facts.freeBytes === undefined) return undefined;
    const found = `${bytes(facts.freeBytes)} free at ${facts.root}`;
    if (facts.freeBytes >= littleSpace) return ok('disk', found);
    return {
      name: 'disk',
      state: 'warning',
      found,
      remedy: `Runs keep checkpoints and models: free some space, or name another folder in the settings: hosts.${host}.folder.`,
    };
  },
  ({ facts }) => {
    const ahead = Math.round(facts.time - Date.now() / 1000);
    if (facts.time === 0 || Math.abs(ahead) < oddClock) return undefined;
    return {
      name: 'clock',
      state: 'warning',
      found: `${Math.abs(ahead)} s ${ahead > 0 ? 'ahead' : 'behind'}`,
      remedy: 'Runs are not affected; their dates are those of the host. Let it keep time (systemd-timesyncd, chrony).',
    };
  },
  (result) => {
    if (!result.said.has('kills-at-logout')) return undefined;
    return {
      name: 'log-out',
      state: 'warning',
      found: 'the host ends processes when you log out (KillUserProcesses)',
      remedy: `Let yours go on: loginctl enable-linger, on ${result.host}.`,
    };
  },
  (result) => gpuFindings(result),
  (result) => vulkanFinding(result),
  (result) => schedulerFinding(result),
];

/** What is there, what is missing, and how to get it. Pure. */
export function findings(result: ProbeResult, settings: Settings): Finding[] {
  return looks.flatMap((look) => look(result, settings) ?? []);
}

function suitability({ facts, host }: ProbeResult): Result<unknown> {
  try {
    return { ok: true, value: suitable(facts, host) };
  } catch (error) {
    return { ok: false, problem: (error as { problem: Problem }).problem };
  }
}

function nodeFinding(facts: HostFacts, host: string, settings: Settings): Finding {
  const { node, system } = facts;
  if (node && usableNode(facts)) return ok('node', `${node.version} at ${node.path}`);
  const found = node ? `${node.version} at ${node.path} is too old` : 'none on the PATH';
  const platform = platforms[system];
  const sends = platform !== undefined && (platform.startsWith('linux') || settings.node?.[platform] !== undefined);
  if (sends) return ok('node', `${found}; Strata brings its own`);
  return {
    name: 'node',
    state: 'missing',
    found,
    remedy: `Install Node 20 or newer there, or name it in the settings: hosts.${host}.node.`,
  };
}

/** Driver, device, libraries: told apart, because each has another remedy. */
function gpuFindings(result: ProbeResult): Finding | Finding[] {
  const { said } = result;
  const gpus = said.get('gpu') ?? [];
  const libraries = new Set((said.get('library') ?? []).map((line) => line.split(' ')[0]!));
  if (gpus.length === 0) {
    const error = one(result, 'gpu-error');
    if (error !== undefined || said.has('nvidia-device')) {
      return {
        name: 'gpu',
        state: 'warning',
        found: `an NVIDIA card that does not answer${error === undefined ? '' : `: ${error}`}`,
        remedy: 'Its driver and kernel module must be of one version: reboot after an update, or install the driver.',
      };
    }
    return ok('gpu', 'no NVIDIA card; runs compute on the cpu');
  }
  const shown = gpus.map((line) => {
    const [name, memory, driver] = line.split(', ');
    return ok('gpu', `${name}, ${memory}, driver ${driver}`);
  });
  const missing = cudaLibraries.filter((library) => !libraries.has(library));
  if (missing.length === 0) return [...shown, ok('cuda', 'CUDA 13 and cuDNN 9 are there')];
  return [
    ...shown,
    {
      name: 'cuda',
      state: 'warning',
      found: `${missing.join(', ')} not found`,
      remedy: `For device: cuda install CUDA 13 and cuDNN 9 there; where they are in a folder of their own, name it in the settings, hosts.${result.host}.setup: export LD_LIBRARY_PATH=FOLDER.`,
    },
  ];
}

function vulkanFinding({ said }: ProbeResult): Finding | undefined {
  const loader = (said.get('library') ?? []).some((line) => line.startsWith(`${vulkanLibrary} `));
  const drivers = said.get('vulkan-driver') ?? [];
  const hardware = said.has('gpu') || said.has('render') || said.has('render-closed');
  if (!hardware && !loader) return undefined;
  const name = 'vulkan';
  if (!loader) {
    return {
      name,
      state: 'warning',
      found: `${vulkanLibrary} not found`,
      remedy: 'For device: webgpu install the Vulkan loader (Debian: libvulkan1).',
    };
  }
  if (drivers.length === 0) {
    return {
      name,
      state: 'warning',
      found: 'the loader, but no driver',
      remedy: 'Install that of the card (NVIDIA: nvidia-driver; AMD, Intel: mesa-vulkan-drivers).',
    };
  }
  if (!said.has('render') && said.has('render-closed')) {
    return {
      name,
      state: 'warning',
      found: `${said.get('render-closed')![0]} is closed to you`,
      remedy: 'Ask to be put into the group render (or video).',
    };
  }
  return ok(name, drivers.join(', '));
}

function schedulerFinding(result: ProbeResult): Finding {
  const { said, host } = result;
  const slurm = one(result, 'slurm');
  if (slurm === undefined) {
    const others = said.get('scheduler') ?? [];
    if (others.length === 0) return ok('scheduler', 'none; runs start at once');
    return {
      name: 'scheduler',
      state: 'warning',
      found: `${others.join(', ')}, which Strata does not know`,
      remedy: 'Runs would start on this machine itself: ask whether that is allowed.',
    };
  }
  const partitions = (said.get('partition') ?? []).map((line) => line.split('|'));
  if (partitions.length === 0) {
    return {
      name: 'scheduler',
      state: 'warning',
      found: `${slurm}, but its controller does not answer`,
      remedy: 'Ask its administrator; sinfo shows when it is back.',
    };
  }
  const names = partitions.map(([name, , limit, nodes, gres]) => {
    const gpus = gres && gres !== '(null)' ? `, ${gres}` : '';
    return `${name!.replace(/\*$/, '')} (${nodes} node${nodes === '1' ? '' : 's'}, ${limit}${gpus})`;
  });
  const accounting = said.has('accounting') ? '' : ', without accounting';
  return ok('scheduler', `${slurm}${accounting}: ${names.join(', ')}. Use it with --on slurm:${host}`);
}
