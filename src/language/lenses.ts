import type { Range } from '../experiment/types.ts';
import { lensCommands } from '../protocol/language.ts';
import type { FileResults } from './results.ts';
import type { View } from './view.ts';
import { plural, runsOfArm } from './words.ts';

export interface Lens {
  range: Range;
  title: string;
  tooltip?: string;
  command: (typeof lensCommands)[keyof typeof lensCommands];
  /** Undefined: the whole file. */
  arm?: string;
}

export interface LensOptions {
  /** Of the text as it stands. */
  results?: FileResults;
  /** false: nothing can be run. */
  trusted: boolean;
}

/** Run · Plan · Compare · last result: on the file, then on each arm. */
export function lenses(view: View, { results, trusted }: LensOptions): Lens[] {
  const { tree, draft } = view;
  const top = tree.entry(['strata'])?.key ?? tree.entry(['model'])?.key;
  const section = tree.at(['arms']);
  if (!top || typeof section !== 'object' || section === null || Array.isArray(section)) return [];
  const names = Object.keys(section).filter((name) => Object.hasOwn(draft.arms, name));
  const runs = names.reduce((sum, name) => sum + runsOfArm(view, name), 0);
  return [
    ...group(top, undefined, runs, trusted),
    ...(results ? [{ range: top, title: results.summary, command: lensCommands.compare }] : []),
    ...names.flatMap((arm) => {
      const range = tree.keyRangeOf(['arms', arm]);
      const result = results && Object.hasOwn(results.arms, arm) ? results.arms[arm] : undefined;
      return [
        ...group(range, arm, runsOfArm(view, arm), trusted),
        ...(result
          ? [{ range, title: result.text, tooltip: result.details.join('\n'), command: lensCommands.compare, arm }]
          : []),
      ];
    }),
  ];
}

function group(range: Range, arm: string | undefined, runs: number, trusted: boolean): Lens[] {
  const what = { range, ...(arm !== undefined && { arm }) };
  return [
    ...(trusted
      ? [
          {
            ...what,
            title: 'Run',
            tooltip: `Runs ${plural(runs, 'run')}; finished ones are reused`,
            command: lensCommands.run,
          },
        ]
      : []),
    { ...what, title: 'Plan', tooltip: 'What would run, and what it costs', command: lensCommands.plan },
    { ...what, title: 'Compare', tooltip: 'What was learned and what was forgotten', command: lensCommands.compare },
  ];
}
