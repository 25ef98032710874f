import { compareModels, type ModelDifference, type TensorDifference } from '../../model/difference.ts';
import { parameters } from '../../plan/amounts.ts';
import { textTable } from '../../report/text-table.ts';
import { openModelArgument } from '../model-argument.ts';
import { createProgress } from '../progress.ts';
import type { Io, Verb } from '../verb.ts';

/** Which layers and tensors of two checkpoints differ, and by how much. */
export const diff: Verb = {
  name: 'diff',
  summary: 'which tensors of two models differ, and by how much: relative norm of the difference',
  configure(command) {
    command
      .argument('<a>', 'folder, run, or an id in the local Hugging Face cache')
      .argument('<b>', 'the other one; LoRA is merged as it is read');
  },
  async run(io, [a = '', b = '']) {
    const models = [await openModelArgument(a, io.cwd), await openModelArgument(b, io.cwd)] as const;
    const progress = createProgress(io, { unit: 'bytes' });
    try {
      const found = await compareModels(...models, progress);
      progress.close();
      if (io.json) io.out(JSON.stringify(found, null, 2));
      else print(io, found);
      return 0;
    } finally {
      progress.close();
    }
  },
};

function print(io: Io, { a, b, layers, tensors, same }: ModelDifference): void {
  io.out(`a  ${a}\nb  ${b}`);
  const only = layers.flatMap(({ label, only }) => (only ? [`layer ${label} only in ${only}`] : []));
  io.out([`${tensors.length} tensors differ, ${same} are the same`, ...only].join('; '));
  if (tensors.length === 0) return;
  const column = (header: string, align: 'left' | 'right', cell: (t: TensorDifference) => string) => ({
    header: [header],
    align,
    cells: tensors.map(cell),
  });
  const table = textTable(
    [
      column('layer', 'left', ({ layer }) => layer ?? ''),
      column('tensor', 'left', ({ part }) => part),
      column('‖b − a‖ / ‖a‖', 'right', relative),
      column('parameters', 'right', (t) => parameters(t.parameters)),
    ],
    io.columns,
  );
  for (const line of table) io.out(line);
}

function relative({ a, b, difference, norm }: TensorDifference): string {
  if (!a) return 'only in b';
  if (!b) return 'only in a';
  if (difference === undefined) return `${a.shape.join(' × ')} → ${b.shape.join(' × ')}`;
  if (difference === 0) return `${a.dtype} → ${b.dtype}`;
  return norm === 0 ? 'from zero' : (difference / norm!).toPrecision(3);
}
