import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { createProgress } from '../../../src/cli/progress.ts';

/** A display whose clock is set by hand, and the lines it wrote. */
function display(terminal: boolean, unit?: string) {
  const lines: string[] = [];
  const clock = { ms: 0 };
  const io = { terminal, columns: 70, err: (text: string) => void lines.push(text) };
  return { lines, clock, progress: createProgress(io, { unit, now: () => clock.ms }) };
}
const over = '\x1b[1A\r\x1b[2K';

describe('progress', () => {
  test('on a terminal is one bar, redrawn in place, with rate and remaining time', () => {
    const { lines, clock, progress } = display(true, 'tokens');
    progress.report('train', 0, 4000);
    clock.ms = 50;
    progress.report('train', 10, 4000);
    clock.ms = 10_000;
    progress.report('train', 1000, 4000);
    progress.close();
    assert.deepEqual(lines, [
      'train ░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░   0%  0/4,000 tokens',
      `${over}train █████░░░░░░░░░░░░░░░  25%  1,000/4,000 tokens  100/s  0:30 left`,
    ]);
  });

  test('a note stays above the bar', () => {
    const { lines, progress } = display(true);
    progress.report('a', 1, 2);
    progress.note('careful');
    assert.deepEqual(
      lines.slice(1).map((l) => l.replace(over, '^').slice(0, 8)),
      ['^careful', 'a ██████'],
    );
  });

  test('elsewhere is a plain line every five seconds, and none for what is quick', () => {
    const { lines, clock, progress } = display(false, 'requests');
    progress.report('score', 0, 100);
    for (const [ms, done] of [
      [1000, 10],
      [5000, 50],
      [6000, 60],
    ] as const) {
      clock.ms = ms;
      progress.report('score', done, 100);
    }
    clock.ms = 10_000;
    progress.report('score', 100, 100);
    progress.close();
    const quick = display(false);
    quick.progress.report('score', 1, 1);
    quick.progress.close();
    assert.deepEqual(quick.lines, []);
    assert.deepEqual(lines, ['score: 50/100 requests, 10/s, 0:05 left', 'score: 100/100 requests, 10/s']);
  });
});
