/** Logs without what differs from run to run: addresses, times. */
import { createHash } from 'node:crypto';

/** Where our copy of a kernel's log was cut in the middle. */
export const CUT = /\n\[\.\.\. \d+ bytes left out \.\.\.\]\n/;

const LOADED = /^(?:mark_precise: .* before )?\d+: \(18\) r\d+ = (0x[0-9a-f]+)/gm;

/** Where the kernel's code is: symbols a program takes the address of. */
const KERNEL_TEXT = /^0xffffffff[89a-f]/;

export function normalized(log) {
  const loaded = new Set([...log.matchAll(LOADED)].map(([, address]) => address));
  const symbols = [...loaded].filter((address) => KERNEL_TEXT.test(address));
  const known = symbols.length > 0 && new RegExp(`=(P?)(?:${symbols.join('|')})\\b`, 'g');
  return (known ? log.replace(known, '=$1ADDRESS') : log)
    .replace(
      /^((?:mark_precise: .* before )?\d+: \(18\) r\d+ = )0x[0-9a-f]+(?: +(?=;))?/gm,
      '$1ADDRESS',
    )
    .replace(/^verification time \d+ usec$/gm, 'verification time');
}

/** What two equal logs have in common: 16 digits of the SHA-256 of the normalised text. */
export function logHash(log) {
  return createHash('sha256').update(normalized(log)).digest('hex').slice(0, 16);
}
