/**
 * Memory in large pages, where the system gives them to whoever asks: training runs 1 to 3 % faster, scoring 4 %, peaks grow by
 * 1 % (bench/results/tried.md). Only the GNU C library (2.35 and newer) reads it, once, at the start of a process.
 */
const largePages = 'glibc.malloc.hugetlb=1';

/** The environment in which a process computes: this one's, with large pages unless the user's own settings say something of them. */
export function workerEnvironment(own: NodeJS.ProcessEnv = process.env): NodeJS.ProcessEnv {
  const { GLIBC_TUNABLES: tunables = '' } = own;
  if (tunables.includes('glibc.malloc.hugetlb')) return own;
  return { ...own, GLIBC_TUNABLES: tunables === '' ? largePages : `${tunables}:${largePages}` };
}
