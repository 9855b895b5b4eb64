/** Words for what programs return. */

/** enum xdp_action */
const XDP = ['aborted', 'drop', 'pass', 'tx', 'redirect'] as const;

/** TCX_* and TC_ACT_*, by number. */
const TC: Readonly<Record<number, string>> = {
  [-1]: 'next',
  0: 'pass',
  1: 'reclassify',
  2: 'drop',
  3: 'pipe',
  4: 'stolen',
  5: 'queued',
  7: 'redirect',
  8: 'trap',
};

/** What a program of a type says with a return value: 'pass'; of other types the number. */
export function verdictWord(type: string | undefined, code: number): string {
  if (type === 'xdp') return XDP[code] ?? `unknown ${code >>> 0}`;
  if (type === 'sched_cls' || type === 'sched_act') return TC[code] ?? `unknown ${code}`;
  return `${code}`;
}
