import { fail, sentence } from '../../base/problem.ts';
import { ownProgram } from '../../launch/program.ts';
import { keepMirrors } from '../../launch/remote/mirror.ts';
import { hostOf } from '../../launch/targets.ts';
import { home } from '../../record/layout.ts';
import { isElsewhere } from '../../record/place.ts';
import { parseTarget } from '../places.ts';
import type { Verb } from '../verb.ts';

export const mirrorVerb: Verb = {
  name: '__mirror',
  summary: 'the process that brings what runs on another machine write',
  hidden: true,
  configure: (command) => void command.argument('<strata>').argument('<place>'),
  async run(io, [folder = '', place = '']) {
    process.umask(0o077);
    for (const signal of ['SIGHUP', 'SIGINT', 'SIGPIPE'] as const) process.on(signal, () => {});
    const record = parseTarget(place);
    if (!isElsewhere(record)) fail('usage-target', `${place} is not another machine.`);
    const problem = await keepMirrors(home(folder), record, await hostOf(record, { program: ownProgram() }));
    if (!problem) return 0;
    io.err(sentence(problem));
    return 1;
  },
};
