import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { jsonSchema, referencePage } from '../../../src/experiment/reference.ts';
import { root } from '../../support.ts';

const committed = (name: string) => readFileSync(join(root, 'docs', name), 'utf8');

test('docs/experiment.md is what the schema says (npm run docs)', () => {
  assert.equal(committed('experiment.md'), referencePage());
});

test('docs/experiment.schema.json is what the schema says (npm run docs)', () => {
  assert.deepEqual(JSON.parse(committed('experiment.schema.json')), JSON.parse(JSON.stringify(jsonSchema())));
});

test('every key has a rule on the page', () => {
  const rows = referencePage()
    .split('\n## What `train` names')[0]!
    .split('\n')
    .filter((line) => line.startsWith('| `'));
  assert.ok(rows.length > 90);
  for (const row of rows) assert.match(row.split(/(?<!\\)\|/)[4]!, /\S/, row);
});

test('the JSON Schema knows the keys, their defaults and what is required', () => {
  const schema = JSON.parse(JSON.stringify(jsonSchema()));
  assert.deepEqual(schema.required, ['strata', 'model', 'arms']);
  assert.equal(schema.additionalProperties, false);
  assert.equal(schema.properties.training.properties.batch.default, 8);
  assert.match(schema.properties.training.properties.corpus.description, /learnt/);
});
