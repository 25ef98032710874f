/**
 * What a user can cause (a bad file, a full disk, a wrong name) is a `Problem`: a code, a sentence with place and reason,
 * and a remedy. Inside a room it travels as a thrown `Failure`; at a boundary `attempt` turns it into a value.
 * Anything else that is thrown is a defect.
 */
export interface Problem {
  /** Stable, kebab-case, e.g. `tensor-truncated`. */
  code: string;
  /** One sentence: what is wrong and why. */
  message: string;
  /** Where: `file`, `file:line:col`, a tensor's name. */
  place?: string;
  /** What the user can do about it: one sentence. */
  remedy?: string;
}

export class Failure extends Error {
  readonly problem: Problem;
  constructor(problem: Problem) {
    super(problem.message);
    this.name = 'Failure';
    this.problem = problem;
  }
}

/** Characters of a message or place: names out of a damaged file may be of any length. */
const longest = 1200;

function shortened(text: string): string {
  return text.length > longest ? `${text.slice(0, longest / 2)} … ${text.slice(-longest / 2)}` : text;
}

/** Throws a `Failure`. */
export function fail(code: string, message: string, more: { place?: string; remedy?: string } = {}): never {
  const { place } = more;
  throw new Failure({
    code,
    message: shortened(message),
    ...more,
    ...(place !== undefined && { place: shortened(place) }),
  });
}

export type Result<T> = { ok: true; value: T } | { ok: false; problem: Problem };

/** Runs `work`; a `Failure` becomes a value, a defect is rethrown. */
export async function attempt<T>(work: () => T | Promise<T>): Promise<Result<T>> {
  try {
    return { ok: true, value: await work() };
  } catch (error) {
    const problem = toProblem(error);
    if (problem) return { ok: false, problem };
    throw error;
  }
}

/** Errors of the operating system that a user can cause and mend, as sentences. */
const systemErrors: Record<string, { code: string; what: string; remedy: string }> = {
  ENOENT: { code: 'file-missing', what: 'there is no such file or folder', remedy: 'Check the path.' },
  EACCES: {
    code: 'file-forbidden',
    what: 'permission denied',
    remedy: 'Check the permissions of the file and its folder.',
  },
  EPERM: {
    code: 'file-forbidden',
    what: 'operation not permitted',
    remedy: 'Check the permissions of the file and its folder.',
  },
  EROFS: { code: 'file-forbidden', what: 'the file system is read-only', remedy: 'Use a folder that can be written.' },
  ENOSPC: {
    code: 'disk-full',
    what: 'no space is left on the device',
    remedy: 'Free some space and start again; finished work is kept.',
  },
  EDQUOT: {
    code: 'disk-full',
    what: 'the disk quota is exceeded',
    remedy: 'Free some space and start again; finished work is kept.',
  },
  EISDIR: { code: 'file-is-folder', what: 'it is a folder, not a file', remedy: 'Name a file.' },
  ENOTDIR: { code: 'not-a-folder', what: 'a part of the path is not a folder', remedy: 'Check the path.' },
  EEXIST: {
    code: 'file-in-the-way',
    what: 'something of this name is in the way',
    remedy: 'Move it or choose another name.',
  },
  ENAMETOOLONG: {
    code: 'file-name-too-long',
    what: 'the name is longer than the file system takes',
    remedy: 'Use a shorter name.',
  },
  ELOOP: {
    code: 'link-loop',
    what: 'its links lead in a circle',
    remedy: 'Remove the link, or name the file itself.',
  },
  EIO: {
    code: 'disk-failed',
    what: 'the disk could not be read or written',
    remedy: 'Check the disk and its connection; a copy of the file elsewhere may be whole.',
  },
  EMFILE: {
    code: 'too-many-files',
    what: 'too many files are open',
    remedy: 'Raise the limit of open files (ulimit -n).',
  },
};

/** EDQUOT of Linux, and of macOS and the BSDs. */
const quotaNumbers: readonly (number | undefined)[] = [-122, -69];

/** The name of an error of the operating system. Node has none for a quota that is used up and calls it `UNKNOWN`. */
export function systemCode(error: unknown): string | undefined {
  const { code, errno } = (error ?? {}) as NodeJS.ErrnoException;
  return code === 'UNKNOWN' && quotaNumbers.includes(errno) ? 'EDQUOT' : code;
}

/** The problem behind an error, or undefined if it is a defect. */
export function toProblem(error: unknown): Problem | undefined {
  if (error instanceof Failure) return error.problem;
  const { path, message = '' } = (error ?? {}) as NodeJS.ErrnoException;
  const code = systemCode(error);
  if (code === 'ERR_INVALID_ARG_VALUE' && message.includes('null bytes')) {
    const remedy = 'Write the name without the character of code 0.';
    return { code: 'file-name-invalid', message: 'A file name holds the character of code 0.', remedy };
  }
  const known = code === undefined ? undefined : systemErrors[code];
  if (!known) return undefined;
  const place = path && shortened(path);
  return {
    code: known.code,
    message: `${place ?? 'The file system'}: ${known.what}.`,
    place,
    remedy: known.remedy,
  };
}

/** `message Remedy.` on one line, for terminals and logs. */
export function sentence(problem: Problem): string {
  const at = problem.place && !problem.message.includes(problem.place) ? `${problem.place}: ` : '';
  return `${at}${problem.message}${problem.remedy ? ` ${problem.remedy}` : ''}`;
}
