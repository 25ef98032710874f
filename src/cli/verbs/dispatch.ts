import { dispatch } from '../../launch/dispatcher.ts';
import { ownProgram } from '../../launch/program.ts';
import type { Verb } from '../verb.ts';

export const dispatchVerb: Verb = {
  name: '__dispatch',
  summary: 'the process that starts the waiting runs of a place',
  hidden: true,
  configure: (command) => void command.argument('<strata>'),
  async run(_io, [folder]) {
    await dispatch(folder!, ownProgram());
    return 0;
  },
};
