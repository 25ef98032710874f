import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import type { CompletionList } from 'vscode-languageserver/node';
import { root } from '../../support.ts';
import { needsServer, startServer } from './client.ts';
import { sample } from './fixture.ts';

const samples = join(root, 'samples');

test('the server as a process: diagnostics, then completion that knows the model', needsServer, async () => {
  const client = await startServer();
  const text = sample;
  const uri = client.open(join(samples, 'typing.strata.yaml'), text.replace('layers 1-3', 'layers 1-30'));
  const found = await client.diagnostics(uri, (d) => d.some(({ code }) => code === 'layer-out-of-range'));
  assert.deepEqual(
    found.map(({ code, range }) => [code, range.start.line, range.start.character, range.end.character]),
    [['layer-out-of-range', 30, 30, 32]],
  );

  const marked = text.replace('layers 1-3', 'layers 2-');
  client.change(uri, 2, marked);
  const line = marked.split('\n').findIndex((l) => l.includes('layers 2-'));
  const character = marked.split('\n')[line]!.indexOf('layers 2-') + 'layers 2-'.length;
  const list = await client.connection.sendRequest<CompletionList>('textDocument/completion', {
    textDocument: { uri },
    position: { line, character },
  });
  assert.deepEqual(
    list.items.map(({ label }) => label),
    ['layers 2-3', 'layers 2-4', 'layers 2-5', 'layers 2-6', 'layers 2-7'],
  );
  assert.equal(await client.stop(), 0);
});
