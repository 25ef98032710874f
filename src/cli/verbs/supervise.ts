import { ownProgram } from '../../launch/program.ts';
import { supervise } from '../../launch/supervisor.ts';
import type { Verb } from '../verb.ts';

export const superviseVerb: Verb = {
  name: '__supervise',
  summary: 'the process that watches over one attempt of a run',
  hidden: true,
  configure: (command) => void command.argument('<run>').argument('<attempt>'),
  async run(_io, [folder, attempt]) {
    await supervise(folder!, Number(attempt), ownProgram());
    return 0;
  },
};
