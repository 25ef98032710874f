import { work as carryOut } from '../../runner/work.ts';
import type { Verb } from '../verb.ts';

export const workVerb: Verb = {
  name: '__work',
  summary: 'the process that carries out one attempt of a run',
  hidden: true,
  configure: (command) => void command.argument('<run>').argument('<attempt>'),
  run: (_io, [folder, attempt]) => carryOut(folder!, Number(attempt)),
};
