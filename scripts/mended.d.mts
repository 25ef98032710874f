import type { Plugin } from 'esbuild';

export const mended: Plugin;
