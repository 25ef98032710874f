import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { attempt } from '../../src/base/problem.ts';
import { temporaryFolder } from '../support.ts';
import { readers } from './readers.ts';

/** What the fuzzer found, as the smallest file that shows it. */
interface Case {
  what: string;
  reader: string;
  file: string;
  /** The valid text, changed. */
  change: (text: string) => string;
  /** Of the refusal; undefined: it is read. */
  code?: string;
}

const inRun = (name: string) => `.strata/runs/demo-s-1-0123abcd/${name}`;
const broken = (text: string) => text.replace('{', '{,');
const empty = () => '';
/** JSON.stringify of what this says runs out of stack; JSON.parse does not. */
const nested = `${'['.repeat(20_000)}${']'.repeat(20_000)}`;
/** A safetensors file, as latin1, with another header. */
function withHeader(text: string, change: (header: string) => string): string {
  const bytes = Buffer.from(text, 'latin1');
  const length = Number(bytes.readBigUInt64LE());
  const header = change(text.slice(8, 8 + length));
  const size = Buffer.alloc(8);
  size.writeBigUInt64LE(BigInt(header.length));
  return size.toString('latin1') + header + text.slice(8 + length);
}

const cases: Case[] = [
  {
    what: 'an id of a token in the billions made a list of that length',
    reader: 'tokenizer',
    file: 'bytes/tokenizer.json',
    change: (t) => t.replace('"id":0', '"id":2147483648'),
    code: 'tokenizer-broken',
  },
  {
    what: 'added_tokens that is no list',
    reader: 'tokenizer',
    file: 'words/tokenizer.json',
    change: (t) => t.replace(/"added_tokens":\[.*?\],"norm/, '"added_tokens":{"a":1},"norm'),
    code: 'tokenizer-broken',
  },
  {
    what: 'an empty config.json beside a tokenizer',
    reader: 'chat-template',
    file: 'plain/config.json',
    change: empty,
    code: 'tokenizer-broken',
  },
  {
    what: 'a list for tokenizer_config.json',
    reader: 'chat-template',
    file: 'plain/tokenizer_config.json',
    change: () => '[null]',
    code: 'tokenizer-broken',
  },
  {
    what: 'results of the harness whose model is a list',
    reader: 'lm-eval',
    file: 'results_2026-11-25T01-42-08.298265.json',
    change: (t) => t.replace(/"model_name":\s*"[^"]*"/, '"model_name":["a"]'),
    code: 'invalid-results',
  },
  {
    what: 'samples of the harness without their filtered answers',
    reader: 'lm-eval',
    file: 'samples_sums_gen_2026-11-25T01-42-08.298265.jsonl',
    change: (t) => t.replaceAll('"filtered_resps"', '"filtered"'),
    code: 'invalid-results',
  },
  {
    what: 'an id of a token that is a list in a list in a list …',
    reader: 'tokenizer',
    file: 'bytes/tokenizer.json',
    change: (t) => t.replace('"id":0', `"id":${nested}`),
    code: 'tokenizer-broken',
  },
  {
    what: 'a shape that is a list in a list in a list …',
    reader: 'safetensors',
    file: 'x.safetensors',
    change: (t) => withHeader(t, (header) => header.replace(/"shape":\[[^\]]*\]/, `"shape":${nested}`)),
    code: 'invalid-safetensors-shape',
  },
  {
    what: 'a hundred million layers',
    reader: 'overlay',
    file: 'run/model/config.json',
    change: (t) => t.replace('"num_hidden_layers":3', '"num_hidden_layers":100000000'),
    code: 'invalid-config-value',
  },
  {
    what: 'a hundred million blocks',
    reader: 'experiment',
    file: 'x.strata.yaml',
    change: (t) => t.replace('shallow_half, blocks: 3', 'shallow_half, blocks: 100000000'),
  },
  {
    what: 'a benchmark that is none in a file of tasks',
    reader: 'tasks-file',
    file: 'tasks.yaml',
    change: (t) => t.replace('arc_easy', 'crc_easy'),
    code: 'unknown-benchmark',
  },
  {
    what: 'a value of a layer that was not finite',
    reader: 'importance',
    file: inRun('importance.json'),
    change: (t) => t.replace(/"entropy":\[[^,]*/, '"entropy":[null'),
  },
  {
    what: 'a line of metrics that is no JSON',
    reader: 'metrics',
    file: inRun('metrics.0.jsonl'),
    change: broken,
    code: 'records-damaged',
  },
  {
    what: 'null for a step',
    reader: 'metrics',
    file: inRun('metrics.1.jsonl'),
    change: (t) => `null\n${t}`,
    code: 'records-damaged',
  },
  {
    what: 'a line of events that is no JSON',
    reader: 'events',
    file: inRun('events.0.jsonl'),
    change: broken,
    code: 'records-damaged',
  },
  {
    what: 'a torn last line of events',
    reader: 'events',
    file: inRun('events.1.jsonl'),
    change: (t) => t.slice(0, -9),
  },
  {
    what: 'tensors.json that is no JSON',
    reader: 'run-records',
    file: inRun('tensors.json'),
    change: broken,
    code: 'run-damaged',
  },
  {
    what: 'a text for a score',
    reader: 'run-records',
    file: inRun('scores.json'),
    change: (t) => t.replace('"value":0.5', '"value":"0.5"'),
    code: 'run-damaged',
  },
  {
    what: 'a score that was not finite',
    reader: 'run-records',
    file: inRun('scores.json'),
    change: (t) => t.replace('"value":0.5', '"value":null'),
  },
  {
    what: 'a task that would be a file outside the run',
    reader: 'run-records',
    file: inRun('scores.json'),
    change: (t) => t.replace('"recall"', '"../../recall"'),
    code: 'run-damaged',
  },
  {
    what: 'an attempt that names no tasks',
    reader: 'run-records',
    file: inRun('request.1.json'),
    change: (t) => t.replace('"tasks"', '"task"'),
    code: 'run-damaged',
  },
  {
    what: 'importance that is no JSON',
    reader: 'importance',
    file: inRun('importance.json'),
    change: broken,
    code: 'run-damaged',
  },
  {
    what: 'importance of fewer layers than it says',
    reader: 'importance',
    file: inRun('importance.json'),
    change: (t) => t.replace('[0.1,0.4,0.2,0.3]', '[0.1]'),
    code: 'run-damaged',
  },
  {
    what: 'scores of an evaluation that are no JSON',
    reader: 'evaluated',
    file: 'scores.json',
    change: broken,
    code: 'run-damaged',
  },
  {
    what: 'a name longer than the file system takes',
    reader: 'evaluated',
    file: 'scores.json',
    change: (t) => t.replace('recall', 'a'.repeat(5000)),
    code: 'file-name-too-long',
  },
  { what: 'a journal without values', reader: 'caches', file: 'journal.seed', change: () => '{"key":"a"}\n' },
  {
    what: 'a journal of bytes that are no whole numbers',
    reader: 'caches',
    file: 'journal.seed',
    change: () => '{"key":"a","values":"AAAA"}\n',
  },
  {
    what: 'a cache of hashes that holds null',
    reader: 'caches',
    file: 'hashes.seed',
    change: (t) => t.replace(/\{\s*"size[^}]*\}/, 'null'),
  },
  {
    what: 'a dtype of thousands of characters',
    reader: 'safetensors',
    file: 'x.safetensors',
    change: (t) => {
      const header = t.slice(8).replace('"F64"', `"${'a'.repeat(5000)}"`);
      const size = Buffer.alloc(8);
      size.writeBigUInt64LE(BigInt(header.lastIndexOf('}') + 1));
      return size.toString('latin1') + header;
    },
    code: 'invalid-safetensors-dtype',
  },
];

describe('found by the fuzzer', () => {
  for (const { what, reader: name, file, change, code } of cases) {
    test(`${name}: ${what}`, async () => {
      const reader = readers.find((r) => r.name === name)!;
      const folder = await temporaryFolder();
      await reader.seed(folder);
      await reader.read(folder);
      const path = join(folder, file);
      const text = await readFile(path, 'latin1');
      const changed = change(text);
      assert.notEqual(changed, text);
      await writeFile(path, changed, 'latin1');
      const result = await attempt(() => reader.read(folder));
      if (code === undefined) return assert.ok(result.ok, JSON.stringify(result));
      assert.ok(!result.ok, 'it was read');
      assert.equal(result.problem.code, code);
      assert.ok(result.problem.remedy && result.problem.message.length < 1300);
    });
  }
});
