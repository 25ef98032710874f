import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { join, relative } from 'node:path';

/*
 * A disk that becomes full at the n-th writing operation under a folder, inside this process: calls of node:fs are counted, and
 * from the n-th on they get what the operating system says then. What is removed makes room again, so that a reserve is one.
 */

type Call = (...args: never[]) => unknown;
type Table = Record<string, Call>;

/** One writing operation: what it was, on which file under the folder. */
export interface Operation {
  call: string;
  file: string;
}

export interface FullDisk {
  /** From now on operations are counted from 1, and the n-th and all after it find the disk full; Infinity: none. */
  fullAt(n: number): void;
  /** Since `fullAt`. */
  operations: readonly Operation[];
  /** Puts node:fs back. */
  restore(): void;
}

const noSpace = (call: string) =>
  Object.assign(new Error(`ENOSPC: no space left on device, ${call}`), { code: 'ENOSPC', errno: -28, syscall: call });

const sizeOf = (data: unknown): number => {
  if (typeof data === 'string') return Buffer.byteLength(data);
  return ArrayBuffer.isView(data) ? data.byteLength : 0;
};

const creates = (flags: unknown) => (typeof flags === 'string' ? /[wa]/.test(flags) : false);

export function fullDisk(folder: string): FullDisk {
  const operations: Operation[] = [];
  let limit = Number.POSITIVE_INFINITY;
  /** Bytes that were freed since the disk is full. */
  let room = 0;
  const saved: [Table, string, Call][] = [];
  const descriptors = new Map<number, string>();

  const inside = (path: unknown): string | undefined => {
    if (typeof path !== 'string' || !path.startsWith(folder)) return undefined;
    return relative(folder, path);
  };
  /** Bytes of `size` that still fit; counts the operation. */
  const take = (call: string, file: string, size: number): number => {
    operations.push({ call, file });
    if (operations.length < limit) return size;
    if (operations.length === limit) room = 0;
    const taken = Math.min(size, room);
    room -= taken;
    return taken;
  };
  /** An operation without data of its own, which fits as long as there is any room. */
  const demand = (call: string, file: string) => {
    operations.push({ call, file });
    if (operations.length === limit) room = 0;
    if (operations.length >= limit && room === 0) throw noSpace(call);
  };
  const patch = (table: object, name: string, make: (real: Call) => Call) => {
    const real = (table as Table)[name]!;
    saved.push([table as Table, name, real]);
    (table as Table)[name] = make(real);
  };
  const free = (path: string) => {
    const info = fs.lstatSync(path, { throwIfNoEntry: false });
    if (info?.isDirectory()) for (const name of fs.readdirSync(path)) free(join(path, name));
    else room += info?.size ?? 0;
  };

  const { promises } = fs;
  for (const name of ['writeFile', 'appendFile'] as const) {
    patch(promises, name, (real) => async (...args) => {
      const [path, data] = args as unknown[];
      const file = inside(path);
      if (file === undefined) return real(...args);
      const size = sizeOf(data);
      const fitting = take('write', file, size);
      if (fitting === size && (size > 0 || operations.length < limit)) return real(...args);
      // The file is made, and a part of it written, before the disk says that it is full.
      await real(path as never, Buffer.from(data as string).subarray(0, fitting) as never, args[2] as never);
      throw noSpace('write');
    });
  }
  for (const name of ['mkdir', 'rename', 'link', 'copyFile'] as const) {
    patch(promises, name, (real) => async (...args) => {
      const [from, to] = args as unknown[];
      const file = inside(name === 'mkdir' ? from : to);
      if (file !== undefined && !(name === 'mkdir' && fs.existsSync(from as string))) demand(name, file);
      return real(...args);
    });
  }
  for (const name of ['rm', 'unlink'] as const) {
    patch(promises, name, (real) => async (...args) => {
      if (inside(args[0]) !== undefined) free(args[0]!);
      return real(...args);
    });
  }
  patch(promises, 'open', (real) => async (...args) => {
    const [path, flags] = args as unknown[];
    const file = inside(path);
    if (file !== undefined && creates(flags) && !fs.existsSync(path as string)) demand('open', file);
    const handle = (await real(...args)) as fs.promises.FileHandle;
    if (file !== undefined && creates(flags)) watch(handle, file);
    return handle;
  });
  /** What is written through an open file. */
  function watch(handle: fs.promises.FileHandle, file: string): void {
    const own = handle as unknown as Table;
    for (const name of ['write', 'writeFile'] as const) {
      const real = (own[name] as Call).bind(handle);
      own[name] = async (...args: never[]) => {
        const [data, offset, length] = args as unknown[];
        const size = name === 'write' && typeof length === 'number' ? length : sizeOf(data);
        const fitting = take('write', file, size);
        if (fitting === size && (size > 0 || operations.length < limit)) return real(...args);
        if (name === 'write' && fitting > 0)
          return real(data as never, offset as never, fitting as never, args[3] as never);
        throw noSpace('write');
      };
    }
    for (const name of ['sync', 'datasync'] as const) {
      const real = (own[name] as Call).bind(handle);
      own[name] = async () => {
        demand('fsync', file);
        return real();
      };
    }
  }

  patch(fs, 'openSync', (real) => (...args) => {
    const [path, flags] = args as unknown[];
    const file = inside(path);
    if (file !== undefined && creates(flags) && !fs.existsSync(path as string)) demand('open', file);
    const descriptor = real(...args) as number;
    if (file !== undefined && creates(flags)) descriptors.set(descriptor, file);
    else descriptors.delete(descriptor);
    return descriptor;
  });
  patch(fs, 'writeSync', (real) => (...args) => {
    const [descriptor, data, offset] = args as unknown[];
    const file = descriptors.get(descriptor as number);
    if (file === undefined) return real(...args);
    const bytes = Buffer.from(data as string).subarray(typeof offset === 'number' ? offset : 0);
    const fitting = take('write', file, bytes.length);
    if (fitting === 0 && bytes.length > 0) throw noSpace('write');
    return real(descriptor as never, bytes as never, 0 as never, fitting as never);
  });
  patch(fs, 'fsyncSync', (real) => (...args) => {
    const file = descriptors.get(args[0]!);
    if (file !== undefined) demand('fsync', file);
    return real(...args);
  });
  syncBuiltinESMExports();

  return {
    operations,
    fullAt(n) {
      operations.length = 0;
      limit = n;
      room = 0;
    },
    restore() {
      for (const [table, name, real] of saved.reverse()) table[name] = real;
      syncBuiltinESMExports();
    },
  };
}
