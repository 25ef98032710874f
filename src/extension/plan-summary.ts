/** What is needed of `strata plan --json` to decide whether to ask first. */
export interface PlanSummary {
  /** Runs that would compute something. */
  runs: number;
  /** Runs whose results are there already. */
  finished: number;
  /** Seconds on this machine for the runs to be computed, one after the other; undefined where it cannot be estimated. */
  seconds?: number;
  /** Arms that wait for an analysis. */
  pending: string[];
}

interface PlanJson {
  arms: { name: string; pending?: string; estimate: { seconds?: number }; runs: string[] }[];
  runs: { id: string; state: string }[];
}

/** Reads the JSON that `strata plan` prints. Pure. */
export function planSummary(text: string): PlanSummary {
  const { arms, runs } = JSON.parse(text) as PlanJson;
  const done = new Set(runs.filter(({ state }) => state === 'finished').map(({ id }) => id));
  const open = arms.flatMap(({ estimate, runs: ids }) => ids.filter((id) => !done.has(id)).map(() => estimate.seconds));
  const seconds = open.every((s) => s !== undefined) ? open.reduce((sum, s) => sum + s, 0) : undefined;
  return {
    runs: open.length,
    finished: done.size,
    ...(seconds !== undefined && { seconds }),
    pending: arms.filter(({ pending }) => pending !== undefined).map(({ name }) => name),
  };
}
