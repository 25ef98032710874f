import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { openTokenizer } from '../../src/data/tokenizer.ts';
import { createGenerator } from '../../src/engine/generator.ts';
import { createScorer } from '../../src/engine/scorer.ts';
import { evaluateLikelihood } from '../../src/evaluate/perplexity.ts';
import { evaluateTask } from '../../src/evaluate/tasks.ts';
import { openModel } from '../../src/model/open.ts';
import { data, needsShared, temporaryFolder } from '../support.ts';
import { arcRecords, gsm8kRecords, mmluRecords, ownRequest, referenceSamples } from '../unit/evaluate/reference.ts';

describe('a trained model on own tasks, against lm-evaluation-harness', needsShared, async () => {
  const folder = await temporaryFolder();
  const place = data('reference/stories260k-hf');
  const model = await openModel(place);
  const tools = {
    scorer: await createScorer(model, { threads: 2 }),
    generator: await createGenerator(model, { threads: 2 }),
    tokenizer: await openTokenizer(place),
  };
  const results = JSON.parse(readFileSync(data('reference/lm-eval/results.json'), 'utf8'));
  const write = async (name: string, records: readonly object[]) => {
    const file = join(folder, `${name}.jsonl`);
    await writeFile(file, records.map((r) => `${JSON.stringify(r)}\n`).join(''));
    return file;
  };
  const arc = [await write('arc-test', arcRecords('Test')), await write('arc-dev', arcRecords('Dev'))] as const;
  const mmlu = [await write('mmlu-test', mmluRecords('test')), await write('mmlu-dev', mmluRecords('dev'))] as const;
  const description = 'The following are multiple choice questions (with answers) about high school chemistry.\n\n';

  // The long ones in part: the unit tests see all their prompts and scores.
  const choices = [
    ['arc_0shot', arc, {}, 30],
    ['arc_3shot', arc, {}, 12],
    ['arc_25shot', arc, {}, 4],
    ['mmlu_0shot', mmlu, { description, sampler: 'first' }, 10],
    ['mmlu_5shot', mmlu, { description, sampler: 'first' }, 4],
  ] as const;
  for (const [name, [file, pool], more, limit] of choices) {
    test(`${name}: log-likelihoods, greedy flags and scores`, async () => {
      const want = referenceSamples(name).slice(0, limit);
      const reference = results.tasks[name];
      const spec = { kind: 'choice', ...more, shots: reference.num_fewshot, limit };
      const { samples, scores, warnings } = await evaluateTask(ownRequest(spec, [file], [pool]), tools);
      for (const [i, sample] of samples.entries()) {
        assert.equal(sample.prompt_hash, want[i]!.prompt_hash);
        assert.equal(sample['acc'], want[i]!.acc);
        assert.deepEqual(sample['is_greedy'], want[i]!.is_greedy);
        for (const [j, loglikelihood] of (sample['loglikelihoods'] as number[]).entries()) {
          assert.ok(Math.abs(loglikelihood - want[i]!.loglikelihoods[j]!) < 1e-3, `document ${i}, choice ${j}`);
        }
      }
      assert.equal(samples.length, want.length);
      for (const metric of ['acc', 'acc_norm']) {
        const value = reference.results[`${metric},none`];
        if (value !== undefined && limit === reference.n)
          assert.ok(Math.abs(scores[metric]!.value - value) < 1e-12, metric);
      }
      const cut = want.filter((w) => w.context_left_truncated.some(Boolean)).length;
      assert.deepEqual(
        warnings.map((w) => Number.parseInt(w, 10)),
        cut === 0 ? [] : [cut],
      );
    });
  }

  const short = results.local_data.gsm8k_2shot_short;
  const generations = [
    ['gsm8k_2shot_short', short.test_document_indices_in_gsm8k_test, short.pool_indices_in_gsm8k_train],
    ['gsm8k_2shot_truncated', [0, 1, 2], undefined],
  ] as const;
  for (const [name, documents, pool] of generations) {
    test(`${name}: generated text and what is extracted from it`, async () => {
      const want = referenceSamples(name);
      const file = await write(`${name}-test`, gsm8kRecords('test', documents));
      const shots = await write(`${name}-train`, gsm8kRecords('train', pool));
      const spec = {
        kind: 'generate',
        shots: 2,
        max_tokens: 64,
        stop: ['Question:', '</s>', '<|im_end|>'],
        match: 'exact',
        extract: { pattern: '#### (\\-?[0-9\\.\\,]+)', take: 'first' },
      };
      const { samples } = await evaluateTask(ownRequest(spec, [file], [shots]), tools);
      for (const [i, sample] of samples.entries()) {
        assert.equal(sample.prompt_hash, want[i]!.prompt_hash);
        assert.equal(sample.target_hash, want[i]!.target_hash);
        assert.equal(sample['generated'], want[i]!['generated']);
        assert.equal(sample['filtered'], (want[i]!['filtered'] as Record<string, string>)['strict-match']);
      }
      assert.equal(samples.length, want.length);
    });
  }

  test('a page of wikitext in rolling windows, BOS predicted from BOS as the harness does', async () => {
    const [want] = referenceSamples('wikitext');
    const text = readFileSync(data('reference/lm-eval/wikitext-page0-detokenised.txt'), 'utf8');
    const tokens = tools.tokenizer.encode(text);
    const document = { hash: '', prefix: tools.tokenizer.bosId!, tokens };
    const { samples } = await evaluateLikelihood(
      { task: 'page', documents: [{ doc_id: 0, document }] },
      tools,
      () => {},
    );
    assert.equal(samples[0]!['tokens'], want!['tokens']);
    assert.ok(Math.abs((samples[0]!['loglikelihood'] as number) / (want!['loglikelihood'] as number) - 1) < 1e-6);
  });
});
