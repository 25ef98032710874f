// What a packed extension consists of: node scripts/vsix.mjs FILE.vsix   and the limits that it has to keep.
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { pathToFileURL } from 'node:url';

/** Entries of a zip file, from its central directory (APPNOTE.TXT 4.3.12, 4.3.16): name, bytes, and bytes as packed. */
export function entriesOf(file) {
  const fd = openSync(file, 'r');
  try {
    const { size } = fstatSync(fd);
    const read = (at, length) => {
      const buffer = Buffer.alloc(length);
      readSync(fd, buffer, 0, length, at);
      return buffer;
    };
    const tail = read(Math.max(0, size - 65_557), Math.min(size, 65_557));
    const end = tail.lastIndexOf(Buffer.from([0x50, 0x4b, 5, 6]));
    if (end < 0) throw new Error(`${file} is no zip file`);
    const directory = read(tail.readUInt32LE(end + 16), tail.readUInt32LE(end + 12));
    const entries = [];
    for (let at = 0; at < directory.length; ) {
      const [name, extra, comment] = [28, 30, 32].map((offset) => directory.readUInt16LE(at + offset));
      entries.push({
        name: directory.toString('utf8', at + 46, at + 46 + name),
        bytes: directory.readUInt32LE(at + 24),
        packed: directory.readUInt32LE(at + 20),
      });
      at += 46 + name + extra + comment;
    }
    return entries;
  } finally {
    closeSync(fd);
  }
}

const runtime = (name) => /\/node_modules\/([^/]+)\//.exec(name)?.[1] ?? 'own';

/** Sizes that count, in bytes, and the number of files that are not those of a runtime. */
export function measure(file) {
  const entries = entriesOf(file).filter(({ name }) => name.startsWith('extension/'));
  const packed = {};
  for (const entry of entries) packed[runtime(entry.name)] = (packed[runtime(entry.name)] ?? 0) + entry.packed;
  const own = entries.filter(({ name }) => runtime(name) === 'own');
  const whole = entries.reduce((sum, entry) => sum + entry.packed, 0);
  return {
    whole,
    withoutPyodide: whole - (packed.pyodide ?? 0),
    packed,
    ownFiles: own.length,
    entry: own.find(({ name }) => name === 'extension/dist/extension.cjs').bytes,
    strangers: own.map(({ name }) => name).filter((name) => /\.map$|\/test\/|\.ts$|\.onnx$/.test(name)),
  };
}

/** What a measurement exceeds, as sentences. */
export function excesses({ whole, withoutPyodide, ownFiles, entry, strangers }) {
  const rows = [
    ['the package', whole, 35e6],
    ['the package without Pyodide', withoutPyodide, 25e6],
    ['the entry that the editor loads', entry, 150e3],
    ['the number of our own files', ownFiles, 60],
  ];
  return [
    ...rows.filter(([, is, most]) => is > most).map(([what, is, most]) => `${what} is ${is}, more than ${most}`),
    ...strangers.map((name) => `${name} does not belong into the package`),
  ];
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) {
  for (const file of process.argv.slice(2)) {
    const measured = measure(file);
    console.log(file, JSON.stringify(measured, null, 2));
    for (const excess of excesses(measured)) {
      console.log(excess);
      process.exitCode = 1;
    }
  }
}
