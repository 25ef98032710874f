import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { formatView, parseView } from '../../../src/extension/panel/view-file.ts';
import { initialView } from '../../../src/protocol/panel.ts';
import { compare } from '../../../src/report/comparison.ts';
import { readForeign, withForeign } from '../../../src/report/evidence/arms.ts';
import { root } from '../../support.ts';
import { lines, type Reader, writeAll } from '../reader.ts';

const harness = join(root, 'test/unit/report/lm-eval/harness/stories260k');
const date = '2026-11-25T01-42-08.298265';
const lmEvalFiles = ['results', 'samples_facts_choice', 'samples_pages', 'samples_sums_gen'].map(
  (name) => `${name}_${date}.json${name === 'results' ? '' : 'l'}`,
);

const lmEval: Reader = {
  name: 'lm-eval',
  async seed(folder) {
    const files: Record<string, unknown> = {};
    for (const name of await readdir(harness)) {
      const text = await readFile(join(harness, name), 'utf8');
      const { configs: _, ...results } = name.startsWith('results') ? JSON.parse(text) : {};
      files[name] = name.startsWith('results')
        ? results
        : text
            .split('\n', 2)
            .map((l) => `${l}\n`)
            .join('');
    }
    await writeAll(folder, files);
  },
  targets: lmEvalFiles.map((file) => ({ file, format: 'json' })),
  read: readAndCompare,
};

const evaluated: Reader = {
  name: 'evaluated',
  seed: (folder) =>
    writeAll(folder, {
      'scores.json': { recall: { acc: { value: 0.5, stderr: 0.1, n: 2 } } },
      'samples/recall.jsonl': lines([0, 1].map((n) => ({ doc_id: n, prompt_hash: 'p', target_hash: 't', acc: n }))),
    }),
  targets: ['scores.json', 'samples/recall.jsonl'].map((file) => ({ file, format: 'json' })),
  read: readAndCompare,
};

async function readAndCompare(folder: string): Promise<void> {
  const foreign = await readForeign(folder);
  if (!foreign) return;
  const nothing = { title: '', compare: { forgetting: [] }, arms: [], planned: [], pending: [], runs: [], stale: [] };
  compare(withForeign(nothing, foreign));
}

const looked = {
  ...initialView,
  sort: { column: 'arm', descending: true },
  smoothing: 0.5,
  hidden: ['full'],
  zoom: { steps: { x: [1, 2] as [number, number] } },
};
const viewFile = 'x.strata-view.json';
const view: Reader = {
  name: 'view',
  async seed(folder) {
    const source = { kind: 'runs' as const, folders: [join(folder, 'a'), join(folder, 'b')] };
    const text = formatView(
      { source, choice: { baseline: 'base', subject: 's' }, view: looked },
      join(folder, viewFile),
    );
    await writeAll(folder, { [viewFile]: text });
  },
  targets: [{ file: viewFile, format: 'json' }],
  read: async (folder) => parseView(await readFile(join(folder, viewFile), 'utf8'), join(folder, viewFile)),
};

export const reportReaders = [lmEval, evaluated, view];
