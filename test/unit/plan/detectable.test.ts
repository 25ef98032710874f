import assert from 'node:assert/strict';
import { test } from 'node:test';
import { corpus, facts, plan } from './world.ts';

const written = (seeds: string) => `tasks:
  recall: { kind: choice, files: recall.jsonl }
  few: { kind: generate, files: few.jsonl }
evaluation: { tasks: [recall, few, "perplexity:other"] }
arms:
  base: {}
  full: { train: [all] }
seeds: [${seeds}]`;

const known = facts({
  contents: { text: corpus('text'), other: corpus('other') },
  tasks: { recall: { files: ['/data/recall.jsonl'] }, few: { files: ['/data/few.jsonl'] } },
  taskContents: { recall: { hashes: ['1'], documents: 200 }, few: { hashes: ['2'], documents: 1 } },
});
const of = (seeds: string) => plan(written(seeds), { known }).detectable;

test('tasks of yes/no answers: what their documents and the seeds can show', () => {
  const [recall, ...others] = of('1');
  assert.deepEqual(others, [], 'one document shows nothing, and of perplexities nothing is known beforehand');
  assert.deepEqual(
    [recall!.task, recall!.documents, recall!.seeds, recall!.theseSeeds],
    ['recall', 200, 1, recall!.difference],
  );
  assert.equal(recall!.difference.toFixed(3), '0.100');
});

test('from three seeds on a verdict is about seeds in general, which needs more than one about these seeds', () => {
  const [three] = of('1, 2, 3');
  assert.ok(three!.difference > three!.theseSeeds);
  assert.ok(of('1, 2, 3, 4, 5, 6')[0]!.difference < three!.difference);
});
