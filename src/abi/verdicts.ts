/** Words for what programs return. */

/** enum xdp_action, by number. */
export const XDP_VERDICTS = ['aborted', 'drop', 'pass', 'tx', 'redirect'] as const;

/** TCX_* and TC_ACT_* in direct-action mode, which are the same numbers. */
export const TC_VERDICTS = {
  [-1]: 'next',
  0: 'pass',
  1: 'reclassify',
  2: 'drop',
  3: 'pipe',
  4: 'stolen',
  5: 'queued',
  7: 'redirect',
  8: 'trap',
} as const;

const wordOfTc = (code: number): string | undefined =>
  (TC_VERDICTS as Readonly<Record<number, string>>)[code];

/** What a program of a type says with a return value: 'pass'; of other types the number. */
export function verdictWord(type: string | undefined, code: number): string {
  if (type === 'xdp') return XDP_VERDICTS[code] ?? `unknown ${code >>> 0}`;
  if (type === 'sched_cls' || type === 'sched_act') return wordOfTc(code) ?? `unknown ${code}`;
  return `${code}`;
}
