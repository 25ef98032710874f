import type { Progress } from '../base/log.ts';
import type { Io } from './verb.ts';

/** Draws progress on stderr: a bar that is redrawn on a terminal, a plain line now and then otherwise. */
export interface ProgressDisplay extends Progress {
  /** A line that stays, above the bar. */
  note(message: string): void;
  /** Draws the last state; to be called once at the end, also after a failure. */
  close(): void;
}

export interface ProgressOptions {
  /** What is counted, for the rate: `tokens`, `requests`. */
  unit?: string;
  /** Milliseconds; the clock of the rate and of redrawing. */
  now?: () => number;
}

/** Milliseconds between two drawings. */
const pause = { terminal: 100, plain: 5000 };

export function createProgress(
  io: Pick<Io, 'err' | 'terminal' | 'columns'>,
  options: ProgressOptions = {},
): ProgressDisplay {
  const { unit = '', now = () => performance.now() } = options;
  let state: { label: string; done: number; total: number; started: number; base: number } | undefined;
  let drawnAt = Number.NEGATIVE_INFINITY;
  let drawn: string | undefined;
  /** Whether the last line on the terminal is the bar and may be overwritten. */
  let open = false;

  function draw(): void {
    if (!state) return;
    const { label, done, total } = state;
    const seconds = (now() - state.started) / 1000;
    const rate = seconds > 0 ? (done - state.base) / seconds : 0;
    const facts = [
      `${count(done)}/${count(total)}${unit && ` ${unit}`}`,
      rate > 0 ? `${count(rate)}/s` : '',
      rate > 0 && done < total ? `${duration((total - done) / rate)} left` : '',
    ].filter(Boolean);
    const line = io.terminal
      ? bar(label, total > 0 ? done / total : 1, facts.join('  '), io.columns)
      : `${label}: ${facts.join(', ')}`;
    if (line === drawn) return;
    // A line up, and erase it: the bar is the last line that was written.
    io.err(open && io.terminal ? `\x1b[1A\r\x1b[2K${line}` : line);
    drawn = line;
    open = true;
    drawnAt = now();
  }

  return {
    report(label, done, total) {
      if (label !== state?.label) {
        if (state && drawn !== undefined) draw();
        open = false;
        state = { label, done, total, started: now(), base: done };
        // A terminal shows at once what is going on; a log gets its first line when it takes long.
        drawnAt = io.terminal ? Number.NEGATIVE_INFINITY : now();
        drawn = undefined;
      }
      Object.assign(state!, { done, total });
      if (now() - drawnAt >= (io.terminal ? pause.terminal : pause.plain)) draw();
    },
    note(message) {
      io.err(open && io.terminal ? `\x1b[1A\r\x1b[2K${message}` : message);
      open = false;
      if (io.terminal && drawn !== undefined) {
        drawn = undefined;
        draw();
      }
    },
    close() {
      // What was quick leaves no line in a log.
      if (io.terminal || drawn !== undefined) draw();
      state = undefined;
      open = false;
    },
  };
}

function bar(label: string, share: number, facts: string, columns: number): string {
  const percent = `${Math.floor(Math.min(1, share) * 100)}%`.padStart(4);
  const room = Math.min(30, columns - label.length - facts.length - percent.length - 5);
  if (room < 5) return `${label} ${percent} ${facts}`.slice(0, Math.max(1, columns - 1));
  const full = Math.round(Math.min(1, share) * room);
  return `${label} ${'█'.repeat(full)}${'░'.repeat(room - full)} ${percent}  ${facts}`;
}

function count(n: number): string {
  return n >= 100 || Number.isInteger(n) ? Math.round(n).toLocaleString('en-US') : n.toPrecision(2);
}

function duration(seconds: number): string {
  const s = Math.round(seconds);
  const parts = [Math.floor(s / 3600), Math.floor(s / 60) % 60, s % 60];
  const shown = parts[0] === 0 ? parts.slice(1) : parts;
  return shown.map((p, i) => (i === 0 ? String(p) : String(p).padStart(2, '0'))).join(':');
}
