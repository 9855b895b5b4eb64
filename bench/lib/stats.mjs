export function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** Geometric mean; undefined without values. */
export function geomean(values) {
  if (values.length === 0) return undefined;
  return Math.exp(values.reduce((sum, value) => sum + Math.log(value), 0) / values.length);
}

/** Best sample, and the median over rounds of each round's best. */
export function summarise(rounds) {
  const bests = rounds.map((samples) => Math.min(...samples));
  return { best: Math.min(...bests), median: median(bests), rounds: bests };
}
