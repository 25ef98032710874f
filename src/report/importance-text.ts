import type { AttentionDescription, ImportanceRecord } from '../record/importance.ts';
import { agreementSentence } from './importance.ts';
import { measuredOn } from './importance-tables.ts';
import { type Column, textTable, wrap } from './text-table.ts';

/**
 * Importance by layer as a person reads it, in lines of at most `columns`: values with bars, then what else was measured.
 * `brief`: without tasks and attention.
 */
export function importanceText(importance: ImportanceRecord, columns = 80, brief = false): string[] {
  const { layers, metrics } = importance;
  const { attention = {}, tasks = {} } = brief ? {} : importance;
  const count = (n: number) => n.toLocaleString('en-US');
  const agreement = agreementSentence(metrics);
  const sections = [
    wrap(`Importance of ${layers} layers on ${measuredOn(importance)}.`, columns),
    metricTable(importance, columns),
    agreement === undefined ? [] : wrap(agreement, columns, '  '),
    ...Object.entries(tasks).map(([task, { metric, base, documents: n, drops }]) => [
      ...wrap(`${task}: drop of ${metric} (unchanged ${base.toFixed(3)}; ${count(n)} documents)`, columns),
      ...barTable(layers, drops, columns),
    ]),
    ...Object.entries(attention).map(([name, described]) => attentionTable(name, described, columns)),
  ];
  return sections.filter((lines) => lines.length > 0).flatMap((lines, i) => (i === 0 ? lines : ['', ...lines]));
}

function metricTable({ layers, metrics }: ImportanceRecord, columns: number): string[] {
  return Object.keys(metrics).length === 0 ? [] : barTable(layers, metrics, columns);
}

/** One column a list, each value with a bar of its share of the largest. */
function barTable(layers: number, lists: Record<string, readonly number[] | undefined>, columns: number): string[] {
  const shown = Object.entries(lists).filter((entry): entry is [string, number[]] => entry[1] !== undefined);
  const width = Math.floor((columns - 'layer'.length) / shown.length) - 2 - 'value '.length - 1;
  const room = Math.max(0, Math.min(24, width));
  const table = shown.map(([name, values]): Column => {
    const largest = Math.max(...values, 0);
    const cells = values.map((v) => `${number(v)} ${bar(largest > 0 ? v / largest : 0, room)}`.trimEnd());
    return { header: [name], align: 'left', cells };
  });
  return textTable([layerColumn(layers), ...table], columns);
}

function layerColumn(layers: number): Column {
  return { header: ['layer'], align: 'right', cells: Array.from({ length: layers }, (_, i) => String(i)) };
}

const eighths = ['', '▏', '▎', '▍', '▌', '▋', '▊', '▉'];

function bar(share: number, room: number): string {
  const cells = Math.round(Math.max(0, share) * room * 8);
  return '█'.repeat(Math.floor(cells / 8)) + eighths[cells % 8];
}

/** Six characters. */
function number(value: number): string {
  const digits = Math.abs(value) >= 100 ? 1 : Math.abs(value) >= 10 ? 2 : 3;
  return value.toFixed(digits).padStart(6);
}

function attentionTable(corpus: string, described: AttentionDescription, columns: number): string[] {
  const { tokens, entropy, first_token, distance } = described;
  const column = (header: string, values: readonly number[]): Column => ({
    header: [header],
    align: 'right',
    cells: values.map((v) => v.toFixed(3)),
  });
  return [
    ...wrap(`Attention on ${corpus}, means over heads and ${tokens.toLocaleString('en-US')} tokens`, columns),
    ...textTable(
      [
        layerColumn(entropy.length),
        column('entropy, nats', entropy),
        column('on the first token', first_token),
        column('distance, tokens', distance),
      ],
      columns,
    ),
  ];
}
