/** Commands that code lenses, links and the panel may carry, all with one argument. */
export const experimentCommands = {
  run: 'strata.run',
  plan: 'strata.plan',
  compare: 'strata.compare',
} as const;

/** The one argument of these commands; without it they mean the experiment in the active editor. */
export interface ExperimentArgument {
  /** Of the experiment file, as text. */
  uri: string;
  /** Only this arm (and what it starts from). */
  arm?: string;
}

/** The argument of `strata.runs.*` commands when it does not come from the tree: a run directory. */
export interface RunArgument {
  folder: string;
}
