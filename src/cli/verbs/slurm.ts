import { ownProgram } from '../../launch/program.ts';
import { runTask, taskEnvironment } from '../../launch/slurm/task.ts';
import type { Verb } from '../verb.ts';

export const slurmVerb: Verb = {
  name: '__slurm',
  summary: 'the process of one task of a Slurm array',
  hidden: true,
  configure: (command) => void command.argument('<array>'),
  run: (_io, [folder]) => runTask(folder!, taskEnvironment(), ownProgram()),
};
