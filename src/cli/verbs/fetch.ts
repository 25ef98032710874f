import { resolveRun } from '../../record/find.ts';
import { placeOf } from '../places.ts';
import { createProgress } from '../progress.ts';
import type { Verb } from '../verb.ts';

export const fetchVerb: Verb = {
  name: 'fetch',
  summary: 'bring the model (or the checkpoint) of a run that lives on another machine, verified',
  configure(command) {
    command
      .argument('<run>', 'path, id or beginning of the id of a run')
      .option('--checkpoint', 'the state that training resumes from, instead of the model');
  },
  async run(io, [argument = ''], options) {
    const run = await resolveRun(argument, io.cwd);
    const folder = options['checkpoint'] === true ? 'checkpoint' : 'model';
    const progress = createProgress(io, { unit: 'bytes' });
    try {
      const path = await (await placeOf(io, run)).fetch(run, folder, progress);
      progress.close();
      if (io.json) io.out(JSON.stringify({ id: run.id, folder: path }, null, 2));
      else io.out(path);
      return 0;
    } finally {
      progress.close();
    }
  },
};
