import type { CheckContext } from './checks/check.ts';
import type { Path } from './tree.ts';

/** A valid key or value that this version does not carry out. A version that does deletes the row. */
export interface NotAvailable {
  /** What is meant, for the reference page. */
  what: string;
  /** What can be done instead, as a sentence. */
  instead: string;
  /** Where it stands in a file. */
  places(context: CheckContext): Path[];
  /** Value that is carried out, for a quick fix. */
  fix?: string;
}

/** Places of a key of `training`, in the experiment and in arms, where it has one of these values. */
function inTraining({ written }: CheckContext, key: string, isMeant: (value: unknown) => boolean): Path[] {
  const sections: [Path, object | undefined][] = [
    [['training'], written.training],
    ...Object.entries(written.arms ?? {}).map(([name, arm]): [Path, object | undefined] => [
      ['arms', name, 'training'],
      arm.training,
    ]),
  ];
  return sections.flatMap(([path, section]) => {
    const value = Object.entries(section ?? {}).find(([k]) => k === key)?.[1];
    return value !== undefined && value !== null && isMeant(value) ? [[...path, key]] : [];
  });
}
const oneOf =
  (...values: string[]) =>
  (value: unknown) =>
    values.some((v) => v === value);
const where = (path: Path, is: boolean): Path[] => (is ? [path] : []);

export const notAvailable: NotAvailable[] = [
  {
    what: '`precision: mixed` on another device than `webgpu`',
    instead: 'Use `float32`, or `device: webgpu` for the whole file.',
    fix: 'float32',
    places: (context) =>
      context.experiment.device === 'webgpu' ? [] : inTraining(context, 'precision', oneOf('mixed')),
  },
  {
    what: '`base_precision: bfloat16` and `int4` on the device `webgpu`',
    instead: 'Use `auto`, or `device: cpu` for the whole file.',
    fix: 'auto',
    places: (context) =>
      context.experiment.device === 'webgpu' ? inTraining(context, 'base_precision', oneOf('bfloat16', 'int4')) : [],
  },
  {
    what: '`device: cuda`',
    instead: 'Use `webgpu`, which computes on the same graphics cards, or `auto`.',
    fix: 'auto',
    places: ({ experiment }) => where(['device'], experiment.device === 'cuda'),
  },
];
