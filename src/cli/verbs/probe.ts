import { findingLines } from '../../launch/finding.ts';
import { readSettings } from '../../launch/settings.ts';
import { checkAlias } from '../../launch/ssh/command.ts';
import { withAskpass } from '../../launch/ssh/host.ts';
import { findings, probe as look } from '../../launch/ssh/probe.ts';
import { terminalPrompter } from '../ask.ts';
import type { Verb } from '../verb.ts';

export const probe: Verb = {
  name: 'probe',
  summary:
    'what a host offers: ssh, node, disk, memory, GPU, CUDA, Vulkan, scheduler; what is missing and how to get it',
  configure(command) {
    command.argument('<host>', 'alias of the ssh configuration, or ssh:HOST');
  },
  async run(io, [written]) {
    const host = checkAlias(written!.replace(/^(ssh|slurm):/, ''));
    const settings = await readSettings();
    const result = await withAskpass(true, terminalPrompter(io), (askpass) => look(host, settings, askpass));
    const found = findings(result, settings);
    if (io.json) io.out(JSON.stringify({ host, findings: found }, null, 2));
    else for (const finding of found) for (const line of findingLines(finding)) io.out(line);
    return found.some(({ state }) => state === 'missing') ? 1 : 0;
  },
};
