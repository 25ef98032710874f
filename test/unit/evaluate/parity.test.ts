import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { evaluateTask } from '../../../src/evaluate/tasks.ts';
import { data, needsShared, temporaryFolder } from '../../support.ts';
import { arcRecords, mmluRecords, ownRequest, referenceSamples } from './reference.ts';
import { fakeTools } from './support.ts';

describe('own choice tasks against lm-evaluation-harness', needsShared, async () => {
  const folder = await temporaryFolder();
  const results = JSON.parse(readFileSync(data('reference/lm-eval/results.json'), 'utf8')).tasks;
  const write = async (name: string, records: object[]) => {
    const file = join(folder, `${name}.jsonl`);
    await writeFile(file, records.map((r) => `${JSON.stringify(r)}\n`).join(''));
    return file;
  };
  const arc = [await write('arc-test', arcRecords('Test')), await write('arc-dev', arcRecords('Dev'))] as const;
  const mmlu = [await write('mmlu-test', mmluRecords('test')), await write('mmlu-dev', mmluRecords('dev'))] as const;
  const description = 'The following are multiple choice questions (with answers) about high school chemistry.\n\n';

  const table = [
    ['arc_0shot', arc, {}],
    ['arc_3shot', arc, {}],
    ['arc_25shot', arc, {}],
    ['mmlu_0shot', mmlu, { description, sampler: 'first' }],
    ['mmlu_5shot', mmlu, { description, sampler: 'first' }],
  ] as const;
  for (const [name, [file, pool], more] of table) {
    test(`${name}: prompts, hashes and scores of every document`, async () => {
      const want = referenceSamples(name);
      const loglikelihoods = want.flatMap((s) => s.loglikelihoods);
      const tools = fakeTools((_, i) => loglikelihoods[i]!);
      const request = ownRequest(
        { kind: 'choice', ...more, shots: results[name].num_fewshot, limit: want.length },
        [file],
        [pool],
      );
      const { samples, scores } = await evaluateTask(request, tools);
      const fields = ['doc_id', 'context', 'continuations', 'gold', 'acc', 'prompt_hash', 'target_hash'];
      if (name.startsWith('arc')) fields.push('acc_norm');
      for (const [i, sample] of samples.entries()) {
        for (const field of fields) assert.deepEqual(sample[field], want[i]![field], `${field} of document ${i}`);
      }
      assert.equal(samples.length, want.length);
      for (const metric of ['acc', 'acc_norm']) {
        const value = results[name].results[`${metric},none`];
        if (value === undefined) continue;
        assert.ok(Math.abs(scores[metric]!.value - value) < 1e-12, metric);
        assert.ok(Math.abs(scores[metric]!.stderr! - results[name].results[`${metric}_stderr,none`]) < 1e-12, metric);
      }
    });
  }
});
