import { toProblem } from '../../base/problem.ts';
import { ownProgram } from '../../launch/program.ts';
import { supervise } from '../../launch/supervisor.ts';
import { exitCodeOf, exitCodes } from '../../record/exit-codes.ts';
import type { Verb } from '../verb.ts';

export const superviseVerb: Verb = {
  name: '__supervise',
  summary: 'the process that watches over one attempt of a run',
  hidden: true,
  configure: (command) => void command.argument('<run>').argument('<attempt>'),
  async run(_io, [folder, attempt]) {
    try {
      await supervise(folder!, Number(attempt), ownProgram());
      return 0;
    } catch (error) {
      const code = exitCodeOf(toProblem(error));
      if (code !== exitCodes.diskFull) throw error;
      return code;
    }
  },
};
