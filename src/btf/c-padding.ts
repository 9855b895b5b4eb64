/** Types to pad with, widest first. */
const PADS = [
  ['long', 64],
  ['int', 32],
  ['short', 16],
  ['char', 8],
] as const;

const roundUp = (value: number, to: number): number => Math.ceil(value / to) * to;

/**
 * Unnamed bitfields that move the compiler from bit `from` to bit `to`, where a member of alignment
 * `align` bytes follows. Nothing where the compiler goes there by itself.
 *
 * The gap is filled with the widest type that has a boundary in it; up to that boundary the
 * compiler is told to go (`long: 0`, inside bitfields the exact width) unless the rest makes it go
 * anyway.
 */
export function padding(from: number, to: number, align: number, inBitfield: boolean): string[] {
  if (from >= to) return [];
  const [name, width] = PADS.find(([, bits]) => roundUp(from, bits) <= to) ?? PADS[3];
  const boundary = roundUp(from, width);
  if (boundary > to) return fill(name, width, from, to);
  const skipped = boundary - from;
  const reached = boundary === to && roundUp(from, align * 8) === boundary;
  const implied = boundary !== to && to - boundary > skipped;
  const marker = skipped > 0 && (inBitfield || !(reached || implied));
  const first = marker ? [`${name}: ${inBitfield ? skipped : 0}`] : [];
  return [...first, ...fill(name, width, boundary, to)];
}

function fill(name: string, width: number, from: number, to: number): string[] {
  const whole = Math.floor((to - from) / width);
  const rest = to - from - whole * width;
  const [narrow] = PADS.findLast(([, bits]) => bits >= rest) ?? PADS[0];
  const fields = Array.from({ length: whole }, () => `${name}: ${width}`);
  return rest > 0 ? [...fields, `${narrow}: ${rest}`] : fields;
}
