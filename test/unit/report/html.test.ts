import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { charts } from '../../../src/report/charts.ts';
import { compare } from '../../../src/report/comparison.ts';
import { html } from '../../../src/report/exports/html.ts';
import { escapeMarkup, scriptJson } from '../../../src/report/markup.ts';
import { elementsOf } from './markup-check.ts';
import { makeWorld } from './world.ts';

const comparison = compare(makeWorld([1, 2, 3]), { resamples: 200 });
const page = html(comparison);
const elements = elementsOf(page);
const named = (name: string) => elements.filter((e) => e.name === name);

test('the page is well-formed', () => {
  assert.equal(named('html').length, 1);
  assert.equal(named('h1').length, 1);
  assert.ok(named('h2').length >= 6);
});

test('the Content-Security-Policy allows nothing but the one style, by its hash', () => {
  const policy = named('meta').find((m) => m.attributes['http-equiv'] === 'Content-Security-Policy')!.attributes[
    'content'
  ]!;
  const styles = named('style');
  assert.equal(styles.length, 1);
  const hash = createHash('sha256').update(styles[0]!.content).digest('base64');
  assert.deepEqual(policy.replaceAll('&#39;', "'").split('; '), [
    "default-src 'none'",
    `style-src 'sha256-${hash}'`,
    "base-uri 'none'",
    "form-action 'none'",
  ]);
});

test('nothing runs and nothing is loaded', () => {
  for (const { name, attributes } of elements) {
    assert.ok(!['link', 'img', 'iframe', 'object', 'form', 'base'].includes(name), `<${name}>`);
    for (const key of Object.keys(attributes)) {
      assert.ok(!/^on|^style$|^src$|^href$/.test(key), `${key} in <${name}>`);
    }
  }
  const scripts = named('script');
  assert.deepEqual(
    scripts.map((s) => s.attributes['type']),
    ['application/json'],
  );
});

test('the embedded data is the whole comparison, without a < that could end its element', () => {
  const { content } = named('script')[0]!;
  assert.ok(!content.includes('<'));
  const data = JSON.parse(content);
  assert.equal(data.contrasts.length, comparison.contrasts.length);
  assert.match(data.documents.recall_new[0].context, /<\d+> & co\./);
});

test('every table has a caption, and headers that name columns and rows', () => {
  assert.equal(named('caption').length, named('table').length);
  for (const th of named('th')) assert.match(th.attributes['scope'] ?? '', /^(col|row)$/);
});

test('every chart is there, named for those who cannot see it', () => {
  const svgs = named('svg');
  assert.equal(svgs.length, charts(comparison).length);
  const ids = new Set(elements.map((e) => e.attributes['id']).filter(Boolean));
  assert.equal(ids.size, elements.filter((e) => e.attributes['id']).length, 'ids are unique');
  for (const svg of svgs) {
    assert.equal(svg.attributes['role'], 'img');
    assert.ok(ids.has(svg.attributes['aria-labelledby']!) && ids.has(svg.attributes['aria-describedby']!));
  }
});

test('light and dark, and on paper', () => {
  const { content } = named('style')[0]!;
  assert.match(content, /prefers-color-scheme:dark/);
  assert.match(content, /@media print/);
});

test('hostile text stays text: in titles, names, documents and reasons', () => {
  const attack = `</script></style><script>alert(1)</script><img src=x onerror="alert(1)">&'"\u0000`;
  const world = makeWorld([1]);
  for (const run of world.runs) for (const sample of run.samples['recall_new']!) sample['context'] = attack;
  const hostile = html(
    compare(
      {
        ...world,
        title: attack,
        stale: [{ id: attack, arm: attack, state: 'failed' }],
        pending: [{ arm: 'x', reason: attack }],
      },
      { resamples: 100 },
    ),
  );
  const found = elementsOf(hostile);
  assert.equal(found.filter((e) => e.name === 'script').length, 1);
  assert.equal(found.filter((e) => e.name === 'img').length, 0);
  assert.ok(!hostile.includes('\u0000'));
});

test('escaping', () => {
  assert.equal(escapeMarkup(`<a b="c">'&`), '&lt;a b=&quot;c&quot;&gt;&#39;&amp;');
  assert.equal(scriptJson({ a: '</script>\u2028' }), '{"a":"\\u003c/script>\\u2028"}');
});
