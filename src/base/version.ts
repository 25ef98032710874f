declare const __VERSION__: string | undefined;

/** Version of the program, from package.json at build time. */
export const version: string = typeof __VERSION__ === 'string' ? __VERSION__ : '0.0.0-source';

/** Raised only when the weights that a given spec leads to change. Part of every run's hash (design §5). */
export const engineSemantics = 2;
