import type { PlaceRecord } from './types.ts';

/** A place as it is written: `local`, `ssh:HOST`, `slurm`, `slurm:HOST`. */
export function placeName(place: PlaceRecord): string {
  if (place.kind === 'local') return 'local';
  return place.host === undefined ? place.kind : `${place.kind}:${place.host}`;
}

/** Whether the runs of a place live on another machine, so that what is here of them is a mirror. */
export function isElsewhere(place: PlaceRecord): place is PlaceRecord & { host: string } {
  return place.kind !== 'local' && place.host !== undefined;
}
