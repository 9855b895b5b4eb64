const UNITS: Readonly<Record<string, number>> = {
  ns: 1,
  us: 1e3,
  ms: 1e6,
  s: 1e9,
  m: 60e9,
  h: 3600e9,
};

/**
 * Nanoseconds in '10s', '1.5ms', '250us', '2h'; NaN for what is no such text.
 *
 * @example
 * nanosecondsIn('1.5ms'); // 1500000
 */
export function nanosecondsIn(text: string): number {
  const found = /^(\d+(?:\.\d+)?)(ns|us|ms|s|m|h)$/.exec(text.trim());
  return found ? Math.round(Number(found[1]) * UNITS[found[2]!]!) : Number.NaN;
}
