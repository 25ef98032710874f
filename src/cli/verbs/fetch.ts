import { attempt, Failure } from '../../base/problem.ts';
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
      const place = await placeOf(io, run);
      const path = await place.fetch(run, folder, progress);
      // What training started from belongs to the proofs of a model; an arm without surgery has none.
      if (folder === 'model') {
        const start = await attempt(() => place.fetch(run, 'start', progress));
        if (!start.ok && start.problem.code !== 'file-missing') throw new Failure(start.problem);
      }
      progress.close();
      if (io.json) io.out(JSON.stringify({ id: run.id, folder: path }, null, 2));
      else io.out(path);
      return 0;
    } finally {
      progress.close();
    }
  },
};
