import { resolveRun } from '../../record/find.ts';
import { verifyRun } from '../../runner/verify.ts';
import { needModelHere } from '../model-argument.ts';
import { computing, readComputing } from '../options.ts';
import { createProgress } from '../progress.ts';
import type { Verb } from '../verb.ts';

export const verify: Verb = {
  name: 'verify',
  summary: 'repeat the proofs of a run: hashes of all tensors, frozen ones unchanged, expansion as identity',
  configure: (command) => void computing(command.argument('<run>', 'path, id or beginning of the id of a run')),
  async run(io, [argument = ''], options) {
    const { threads } = readComputing(options);
    const run = await resolveRun(argument, io.cwd);
    await needModelHere(run);
    const progress = createProgress(io);
    try {
      const proofs = await verifyRun(run, threads, progress);
      progress.close();
      const broken = Object.values(proofs).some(({ state }) => state === 'broken');
      if (io.json) io.out(JSON.stringify({ id: run.id, holds: !broken, proofs }, null, 2));
      else
        for (const [name, { state, detail }] of Object.entries(proofs))
          io.out(`${name}: ${state.replace('-', ' ')}. ${detail}`);
      return broken ? 1 : 0;
    } finally {
      progress.close();
    }
  },
};
