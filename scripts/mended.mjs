// Faults of libraries that are mended while they are bundled. A mend that finds nothing to change fails the build: the library
// has another version then, and may no longer need it.
import { readFile } from 'node:fs/promises';

const mends = [
  {
    // hyparquet 1.31.5 writes a run of a damaged page as long as the page says, up to 2³¹ values, into a list that grows.
    file: /hyparquet[\\/]src[\\/]encoding\.js$/,
    from: 'const count = header >>> 1\n',
    to: 'const count = Math.min(header >>> 1, output.length - seen)\n',
  },
  {
    // And makes a list as long as a damaged header says before it looks for its elements, which have a byte each at least.
    file: /hyparquet[\\/]src[\\/]thrift\.js$/,
    from: 'const values = new Array(listSize)\n',
    to: 'if (listSize > reader.view.byteLength - reader.offset) throw new Error("a list of more elements than bytes")\nconst values = new Array(listSize)\n',
  },
  {
    // And goes on at a place that no number names, again and again, where a damaged header gives a page's size as something else.
    file: /hyparquet[\\/]src[\\/]column\.js$/,
    from: '  // read compressed_page_size bytes\n',
    to: '  if (!(Number.isInteger(header.compressed_page_size) && header.compressed_page_size >= 0)) throw new Error("a page without a size")\n',
  },
];

/** @type {import('esbuild').Plugin} */
export const mended = {
  name: 'mended',
  setup(build) {
    for (const { file, from, to } of mends) {
      build.onLoad({ filter: file }, async ({ path }) => {
        const source = await readFile(path, 'utf8');
        if (!source.includes(from)) return { errors: [{ text: `${path} is not as scripts/mended.mjs expects it` }] };
        return { contents: source.replace(from, to), loader: 'js' };
      });
    }
  },
};
