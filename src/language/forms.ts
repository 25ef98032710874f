import type { Path } from '../experiment/tree.ts';
import { patternOf } from './complete-values.ts';
import type { Candidate } from './item.ts';

const form = (label: string, text: string, detail: string): Candidate => ({
  text,
  label,
  detail,
  kind: 'form',
  snippet: true,
  more: text.includes('$'),
});

/** Mappings that are written again and again, by path. */
const rows: Record<string, Candidate[]> = {
  'arms.*': [
    form(
      '{ expand, train: [new] }',
      '{ expand: { after: $1, blocks: $2 }, train: [new] }',
      'train inserted blocks only',
    ),
    form('{ lora }', '{ lora: { rank: $1 } }', 'low-rank factors beside frozen weights'),
    form('{ train }', '{ train: [$1] }', 'train what is named'),
    form('{ from, train }', '{ from: $1, train: [$2] }', 'go on with what another arm has learnt'),
    form('{}', '{}', 'the unchanged model'),
  ],
  'arms.*.expand': [
    form('{ after: RULE, blocks }', '{ after: $1, blocks: $2 }', 'spread over a region'),
    form('{ after: [ ] }', '{ after: [$1] }', 'after these layers'),
  ],
};

export function armForms(path: Path): Candidate[] {
  return rows[patternOf(path)] ?? [];
}
