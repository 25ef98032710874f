import assert from 'node:assert/strict';

const voidElements = new Set(['meta', 'link', 'br', 'img', 'input', 'hr']);

/** Elements of a document in order, by a strict reading: every tag closed in order, every attribute quoted. */
export function elementsOf(markup: string): { name: string; attributes: Record<string, string>; content: string }[] {
  const found: { name: string; attributes: Record<string, string>; content: string }[] = [];
  const open: { name: string; start: number; index: number }[] = [];
  const tag = /<!doctype html>|<(\/?)([a-zA-Z][\w-]*)((?:\s+[\w:-]+="[^"<]*")*)\s*(\/?)>/gy;
  let at = 0;
  for (;;) {
    const next = markup.indexOf('<', at);
    const text = markup.slice(at, next === -1 ? undefined : next);
    const raw = open.at(-1)?.name === 'style' || open.at(-1)?.name === 'script';
    if (!raw) {
      assert.doesNotMatch(text, /&(?!(amp|lt|gt|quot|#39);)/, 'an ampersand that begins no entity');
      assert.doesNotMatch(text, />/, `a stray > in ${JSON.stringify(text.slice(0, 80))}`);
    }
    if (next === -1) break;
    tag.lastIndex = next;
    const match = tag.exec(markup);
    assert.ok(match, `no tag at ${JSON.stringify(markup.slice(next, next + 80))}`);
    at = tag.lastIndex;
    const [, closing, name, attributes = '', selfClosing] = match;
    if (name === undefined) continue;
    if (closing) {
      const last = open.pop();
      assert.equal(name, last?.name, `</${name}> closes <${last?.name}>`);
      found[last!.index]!.content = markup.slice(last!.start, next);
      continue;
    }
    const pairs = [...attributes.matchAll(/([\w:-]+)="([^"]*)"/g)].map((m) => [m[1]!, m[2]!] as const);
    assert.equal(new Set(pairs.map(([key]) => key)).size, pairs.length, `an attribute twice in <${name}>`);
    found.push({ name, attributes: Object.fromEntries(pairs), content: '' });
    if (!selfClosing && !voidElements.has(name)) open.push({ name, start: at, index: found.length - 1 });
  }
  assert.deepEqual(
    open.map((o) => o.name),
    [],
    'elements left open',
  );
  return found;
}
