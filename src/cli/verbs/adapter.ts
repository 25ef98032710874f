import { tryAdapter } from '../../engine/adapter.ts';
import type { Verb } from '../verb.ts';

export const adapterVerb: Verb = {
  name: '__adapter',
  summary: 'the process that tries WebGPU',
  hidden: true,
  configure: (command) => void command.argument('[bytes]'),
  async run(io, [bytes]) {
    io.out(JSON.stringify(await tryAdapter(bytes === undefined ? {} : { largest: Number(bytes) })));
    return 0;
  },
};
