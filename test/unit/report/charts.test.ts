import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Chart } from '../../../src/report/chart.ts';
import { charts } from '../../../src/report/charts.ts';
import { compare } from '../../../src/report/comparison.ts';
import { exports } from '../../../src/report/exports.ts';
import { seriesStyles, styleOf } from '../../../src/report/palette.ts';
import { chartSvg, sheetSvg } from '../../../src/report/svg.ts';
import { chartTable } from '../../../src/report/tables.ts';
import { elementsOf } from './markup-check.ts';
import { makeWorld } from './world.ts';

const comparison = compare(makeWorld([1, 2, 3]), { resamples: 200 });
const all = charts(comparison);
const chart = (id: string) => all.find((c) => c.id === id)!;

test('one chart of gain against forgetting for each forgetting metric, then differences, then curves', () => {
  assert.deepEqual(
    all.map((c) => c.id),
    [
      'gain-against-recall_old-acc',
      'gain-against-perplexity-general-bits_per_byte',
      'differences-recall_new-acc',
      'differences-recall_old-acc',
      'differences-perplexity-general-bits_per_byte',
      'differences-sums-exact_match',
      'training-loss',
      'during-training-recall_new-acc',
      'during-training-recall_old-acc',
    ],
  );
});

test('gain is upwards, forgetting to the right; the baseline is the origin', () => {
  const { series, guides } = chart('gain-against-recall_old-acc');
  const place = (name: string) => series.find((s) => s.name === name)!.points[0]!;
  assert.deepEqual([place('base').x, place('base').y], [0, 0]);
  assert.ok(place('s').y > 0.3 && place('s').x > 0.3);
  assert.ok(place('pro').x < place('s').x, 'pro forgot less');
  assert.ok(place('s').xInterval && place('s').yInterval);
  assert.equal(guides.length, 2);
});

test('an arm has the same style in every chart', () => {
  const styles = new Map<string, Set<number>>();
  for (const c of all.filter((c) => !c.id.startsWith('differences'))) {
    for (const s of c.series) styles.set(s.name, (styles.get(s.name) ?? new Set()).add(s.style));
  }
  for (const [arm, used] of styles) assert.equal(used.size, 1, arm);
});

test('training curves have a band over seeds, and say what it is', () => {
  const { series, note } = chart('training-loss');
  for (const s of series) assert.equal(s.band!.length, s.points.length);
  assert.match(note, /smallest to largest seed/);
  const [single] = charts(compare(makeWorld([1]), { resamples: 100 })).filter((c) => c.id === 'training-loss');
  assert.ok(single!.series.every((s) => s.band === undefined));
  assert.match(single!.note, /One seed/);
});

test('differences: one seed has no interval over seeds', () => {
  const single = charts(compare(makeWorld([1]), { resamples: 100 })).find(
    (c) => c.id === 'differences-sums-exact_match',
  )!;
  assert.deepEqual(
    single.series.map((s) => s.name),
    ['over documents'],
  );
});

test('every chart becomes a well-formed SVG: text is text, nothing is NaN, no script, no reference', () => {
  for (const c of all) {
    const svg = chartSvg(c);
    const elements = elementsOf(svg);
    assert.equal(elements[0]!.name, 'svg');
    assert.equal(elements[1]!.name, 'title');
    assert.ok(elements.some((e) => e.name === 'text' && e.content === c.series[0]!.name));
    assert.doesNotMatch(svg, /NaN|undefined|Infinity|<script|href/);
  }
});

test('marks lie inside the drawing', () => {
  for (const c of all) {
    const elements = elementsOf(chartSvg(c));
    const width = Number(elements[0]!.attributes['width']);
    const height = Number(elements[0]!.attributes['height']);
    const marks = elements.filter((e) => e.attributes['class'] === 'mark' && e.attributes['transform']);
    assert.ok(marks.length > 0);
    for (const mark of marks) {
      const [x, y] = mark.attributes['transform']!.match(/-?[\d.]+/g)!.map(Number);
      assert.ok(x! >= 0 && x! <= width && y! >= 0 && y! <= height, `${c.id}: ${x}, ${y}`);
    }
  }
});

test('a sheet holds all charts; one can be asked for by its id', () => {
  const sheet = elementsOf(sheetSvg(all));
  assert.equal(sheet.filter((e) => e.name === 'svg').length, all.length + 1);
  const one = elementsOf(exports.svg.write(comparison, { chart: 'training-loss' }));
  assert.equal(one.filter((e) => e.name === 'svg').length, 1);
  assert.throws(() => exports.svg.write(comparison, { chart: 'nothing' }), /There is no chart nothing/);
});

test('a logarithmic axis, a constant series and a single point can be drawn', () => {
  const number = (scale: 'linear' | 'log') => ({ kind: 'number' as const, label: 'v', unit: '', scale });
  const base: Omit<Chart, 'x' | 'y' | 'series'> = { id: 'c', title: 't', description: 'd', guides: [], note: '' };
  const points = [{ x: 1, y: 2, label: 'a' }];
  for (const scale of ['linear', 'log'] as const) {
    const svg = chartSvg({
      ...base,
      x: number(scale),
      y: number(scale),
      series: [{ name: 'one', style: 0, line: true, points }],
    });
    assert.doesNotMatch(svg, /NaN/);
  }
});

/** WCAG 2.2, relative luminance and contrast ratio. */
function contrastRatio(a: string, b: string): number {
  const luminance = (colour: string) => {
    const [r, g, blue] = [1, 3, 5].map((i) => {
      const channel = Number.parseInt(colour.slice(i, i + 2), 16) / 255;
      return channel <= 0.04045 ? channel / 12.92 : ((channel + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r! + 0.7152 * g! + 0.0722 * blue!;
  };
  const [light, dark] = [luminance(a), luminance(b)].sort((x, y) => y - x);
  return (light! + 0.05) / (dark! + 0.05);
}

/** As seen without red or green cones: Viénot, Brettel and Mollon 1999, in linear RGB. */
function seenBy(kind: 'protan' | 'deutan', colour: string): number[] {
  const [r, g, b] = [1, 3, 5].map((i) => (Number.parseInt(colour.slice(i, i + 2), 16) / 255) ** 2.2) as [
    number,
    number,
    number,
  ];
  const mix = kind === 'protan' ? [0.11238, 0.88762] : [0.29275, 0.70725];
  const yellow = mix[0]! * r + mix[1]! * g;
  const rest = kind === 'protan' ? 0.00401 * (r - g) + b : -0.02234 * (r - g) + b;
  return [yellow ** (1 / 2.2), Math.max(0, rest) ** (1 / 2.2)];
}

test('colours stand out from light and dark backgrounds', () => {
  for (const { light, dark } of seriesStyles) {
    assert.ok(contrastRatio(light, '#ffffff') >= 3, `${light} on white`);
    assert.ok(contrastRatio(dark, '#1e1e1e') >= 3, `${dark} on #1e1e1e`);
  }
});

test('more arms than colours still look different', () => {
  const looks = Array.from({ length: 40 }, (_, i) => `${styleOf(i).light} ${styleOf(i).marker} ${styleOf(i).dash}`);
  assert.equal(new Set(looks).size, 40);
});

test('markers all differ, and colours stay apart for colour-blind readers', () => {
  assert.equal(new Set(seriesStyles.map((s) => s.marker)).size, seriesStyles.length);
  for (const theme of ['light', 'dark'] as const) {
    for (const kind of ['protan', 'deutan'] as const) {
      for (const [i, a] of seriesStyles.entries()) {
        for (const b of seriesStyles.slice(0, i)) {
          const [p, q] = [seenBy(kind, a[theme]), seenBy(kind, b[theme])];
          const distance = Math.hypot(p[0]! - q[0]!, p[1]! - q[1]!);
          assert.ok(distance > 0.07, `${a[theme]} and ${b[theme]} for ${kind}: ${distance.toFixed(3)}`);
        }
      }
    }
  }
});

test('the table beside a chart holds exactly what it draws', () => {
  const loss = chartTable(chart('training-loss'));
  assert.deepEqual(
    loss.columns.map((c) => c.header),
    ['optimizer steps', 's', 'pro', 'lora', 'full', 'control'],
  );
  assert.equal(loss.rows.length, 32);
  assert.match(loss.rows[0]!.join(' '), /^1 \d\.\d{3} \[\d\.\d{3}, \d\.\d{3}\]/);
  const points = chartTable(chart('differences-recall_new-acc'));
  assert.equal(
    points.rows.length,
    15,
    'five arms: the interval of the verdict, over documents alone, over seeds alone',
  );
  assert.deepEqual(points.rows[0]![3], 'base');
});
