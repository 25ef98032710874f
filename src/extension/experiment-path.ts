/** A path with the ending of experiment files: `mine`, `mine.yaml` → `mine.strata.yaml`. */
export const asExperimentPath = (path: string): string =>
  path.replace(/(?:\.strata)?(\.ya?ml)?$/, (_, ending: string | undefined) => `.strata${ending ?? '.yaml'}`);
