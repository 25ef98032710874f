/** The most that a message quotes of a value. */
const longest = 200;

/** A value out of somebody's file, as a message quotes it: JSON, cut where it is long. Never throws. */
export function shown(value: unknown): string {
  try {
    const text = JSON.stringify(value) ?? String(value);
    return text.length > longest ? `${text.slice(0, longest)}…` : text;
  } catch {
    // Lists in lists, more than there is stack for.
    return 'a value that is nested too deeply to be shown';
  }
}
