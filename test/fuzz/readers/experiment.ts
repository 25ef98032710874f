import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { readTasksFile, taskRequests } from '../../../src/cli/tasks-file.ts';
import { applyFix } from '../../../src/experiment/edits.ts';
import { references } from '../../../src/experiment/references.ts';
import { examine } from '../../../src/experiment/validate.ts';
import { root } from '../../support.ts';
import { type Reader, writeAll } from '../reader.ts';

const facts = {
  model: {
    family: 'llama',
    layers: 12,
    positions: 512,
    vocabSize: 99,
    tied: true,
    tensors: [{ name: 'model.layers.0.mlp.up_proj.weight', shape: [2, 2], dtype: 'F32' }],
    linearModules: ['self_attn.q_proj'],
  },
};
const file = 'x.strata.yaml';

const experiment: Reader = {
  name: 'experiment',
  seed: async (folder) =>
    writeAll(folder, {
      [file]: await readFile(join(root, 'test/unit/experiment/fixtures/full.strata.yaml'), 'utf8'),
      'flow.strata.yaml': `{ "strata": 1, "model": "m", "corpora": { "a": { "files": "a.jsonl" } },\n "arms": { "base": {}, "s": { "expand": { "after": [1, 3] }, "train": ["new", "layers 1-2"] } },\n "training": { "corpus": "a", "steps": 8, "learning_rate": 1e-3, "betas": [0.9, 0.95] }, "seeds": [1, 2] }\n`,
    }),
  targets: [
    { file, format: 'yaml' },
    { file: 'flow.strata.yaml', format: 'json' },
  ],
  async read(folder) {
    for (const name of [file, 'flow.strata.yaml']) {
      const text = await readFile(join(folder, name), 'utf8');
      const { diagnostics, tree, written, draft } = examine(text, { file: join(folder, name), facts });
      for (const d of diagnostics) for (const fix of d.fixes) applyFix(text, fix);
      references(written);
      tree.pathAt(text.length >> 1);
      if (!draft.arms) throw new Error('a draft without arms');
    }
  },
};

const tasks: Reader = {
  name: 'tasks-file',
  seed: (folder) =>
    writeAll(folder, {
      'tasks.yaml': `recall: { kind: choice, files: a.jsonl, shots: 2, shots_from: [b.jsonl] }
sums: { kind: generate, files: [a.jsonl, "b*.jsonl"], stop: ["\\n"], match: exact, max_tokens: 8 }
arc: { benchmark: arc_easy, files: { test: a.jsonl }, shots: 0, limit: 3 }
`,
      'a.jsonl': '{}\n',
      'b.jsonl': '{}\n',
    }),
  targets: [{ file: 'tasks.yaml', format: 'yaml' }],
  read: async (folder) => taskRequests(await readTasksFile(join(folder, 'tasks.yaml')), []),
};

export const experimentReaders = [experiment, tasks];
