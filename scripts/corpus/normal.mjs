/** Logs without what differs from run to run: addresses, times. */
import { createHash } from 'node:crypto';
import { load } from './source.mjs';

const { comparableLog } = await load('src/tools/diff/log.ts');

export const normalized = comparableLog;

/** Where our copy of a kernel's log was cut in the middle. */
export const CUT = /\n\[\.\.\. \d+ bytes left out \.\.\.\]\n/;

/** What two equal logs have in common: 16 digits of the SHA-256 of the normalised text. */
export function logHash(log) {
  return createHash('sha256').update(normalized(log)).digest('hex').slice(0, 16);
}
