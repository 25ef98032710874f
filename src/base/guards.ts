/** Small checks of values that cross a boundary: a message is data of unknown origin until a guard has said otherwise. */
export type Guard<T> = (value: unknown) => value is T;
export type Guarded<G> = G extends Guard<infer T> ? T : never;

export const isString: Guard<string> = (v): v is string => typeof v === 'string';
export const isNumber: Guard<number> = (v): v is number => typeof v === 'number' && Number.isFinite(v);
export const isBoolean: Guard<boolean> = (v): v is boolean => typeof v === 'boolean';

export const isRecord = (v: unknown): v is Record<string, unknown> =>
  typeof v === 'object' && v !== null && !Array.isArray(v);

export const isOneOf =
  <T extends string>(...values: readonly T[]): Guard<T> =>
  (v): v is T =>
    values.some((known) => known === v);

export const isArrayOf =
  <T>(item: Guard<T>): Guard<T[]> =>
  (v): v is T[] =>
    Array.isArray(v) && v.every(item);

export const isRecordOf =
  <T>(item: Guard<T>): Guard<Record<string, T>> =>
  (v): v is Record<string, T> =>
    isRecord(v) && Object.values(v).every(item);

/** A member that may be absent. */
export const optional =
  <T>(item: Guard<T>): Guard<T | undefined> =>
  (v): v is T | undefined =>
    v === undefined || item(v);

type Shape = Record<string, Guard<unknown>>;
type OptionalKeys<S extends Shape> = { [K in keyof S]: undefined extends Guarded<S[K]> ? K : never }[keyof S];
type FromShape<S extends Shape> = { [K in Exclude<keyof S, OptionalKeys<S>>]: Guarded<S[K]> } & {
  [K in OptionalKeys<S>]?: Exclude<Guarded<S[K]>, undefined>;
};

/** An object with these members; others are not looked at. */
export const isObject =
  <S extends Shape>(shape: S): Guard<FromShape<S>> =>
  (v): v is FromShape<S> =>
    isRecord(v) && Object.entries(shape).every(([key, guard]) => guard(v[key]));
