import type { Path } from '../experiment/tree.ts';
import { parameters } from '../plan/amounts.ts';
import type { View } from './view.ts';
import { trainedWords } from './words.ts';

export interface Inlay {
  offset: number;
  label: string;
  tooltip?: string;
}

/** Behind a rule the layers that it comes to, behind what is trained its size, behind a matched rank the rank. */
export function inlays(view: View, from = 0, to = view.text.length): Inlay[] {
  const found = (view.plan()?.arms ?? []).flatMap((arm): (Inlay | undefined)[] => {
    const at = (...rest: (string | number)[]) => endOf(view, ['arms', arm.name, ...rest]);
    const spec = view.draft.arms[arm.name];
    if (arm.pending !== undefined || !spec) return [];
    const hint = (offset: number | undefined, label: string, tooltip?: string): Inlay | undefined =>
      offset === undefined ? undefined : { offset, label, ...(tooltip && { tooltip }) };
    return [
      spec.expand?.after.kind === 'rule'
        ? hint(
            at('expand', 'after'),
            `→ ${arm.surgery.expand?.after.join(', ')}`,
            'Blocks are inserted after these layers of the base.',
          )
        : undefined,
      spec.train ? hint(at('train'), parameters(arm.trainedParameters), `${trainedWords(arm)}.`) : undefined,
      spec.lora?.rank.kind === 'match' && arm.lora
        ? hint(
            at('lora', 'rank'),
            `= ${arm.lora.rank}`,
            arm.matched && `${arm.matched.arm} trains ${parameters(arm.matched.parameters)}.`,
          )
        : undefined,
      spec.lora && !spec.train
        ? hint(at('lora'), parameters(arm.trainedParameters), `${trainedWords(arm)}.`)
        : undefined,
    ];
  });
  return found.flatMap((inlay) => inlay ?? []).filter(({ offset }) => offset >= from && offset <= to);
}

function endOf({ tree }: View, path: Path): number | undefined {
  return tree.entry(path)?.value?.end;
}
