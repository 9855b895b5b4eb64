/** The first `count` words of two records are the same. */
export function sameWords(
  aw: Int32Array,
  a: number,
  bw: Int32Array,
  b: number,
  count: number,
): boolean {
  for (let i = 0; i < count; i++) {
    if (aw[a + i] !== bw[b + i]) return false;
  }
  return true;
}
