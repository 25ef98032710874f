/** Numbers for people: at most four characters and a unit, rounded; exact below 10,000. */

const scale = (units: readonly string[], step: number) => (value: number) => {
  let i = 0;
  let scaled = value;
  while (scaled >= 999.5 && i < units.length - 1) {
    scaled /= step;
    i++;
  }
  const digits = i === 0 || scaled >= 99.95 ? 0 : scaled >= 9.995 ? 1 : 2;
  return `${scaled.toFixed(digits)}${units[i]}`;
};

const decimal = scale(['', ' k', ' M', ' G', ' T', ' P', ' E'], 1000);
const binary = scale([' B', ' KiB', ' MiB', ' GiB', ' TiB'], 1024);
const parameter = scale(['', ' K', ' M', ' B', ' T'], 1000);

/** `9,216`, `12.3 k`, `1.62 M`: tokens and documents. */
export function count(value: number): string {
  return value < 10_000 ? grouped(value) : decimal(value);
}
/** `20,736`: exact. */
export function grouped(value: number): string {
  return Math.round(value).toLocaleString('en-US');
}
/** `85.0 K`, `1.62 B`: parameters, as the field writes them. */
export function parameters(value: number): string {
  return value < 1000 ? String(value) : parameter(value);
}
/** `1.86 GiB`. */
export function bytes(value: number): string {
  return binary(value);
}
/** `24.5 GFLOP`. */
export function flops(value: number): string {
  const text = decimal(value);
  return text.includes(' ') ? `${text}FLOP` : `${text} FLOP`;
}
/** `24.0 %`; what is above zero never reads as zero. */
export function percent(part: number, whole: number): string {
  const share = whole === 0 ? 0 : (100 * part) / whole;
  if (share > 0 && share < 0.05) return '<0.1 %';
  return `${share.toFixed(share >= 99.95 ? 0 : 1)} %`;
}
/** `45 s`, `12 min`, `3.4 h`, `2.1 days`. */
export function duration(seconds: number): string {
  if (seconds < 1) return '<1 s';
  if (seconds < 90) return `${Math.round(seconds)} s`;
  if (seconds < 90 * 60) return `${Math.round(seconds / 60)} min`;
  if (seconds < 48 * 3600) return `${(seconds / 3600).toFixed(1)} h`;
  return `${(seconds / 86400).toFixed(1)} days`;
}
