/** Logs of the verifier without what differs from run to run. */

const LOADED = /^(?:mark_precise: .* before )?\d+: \(18\) r\d+ = (0x[0-9a-f]+)/gm;
/** Where the kernel's code is: symbols a program takes the address of. */
const KERNEL_TEXT = /^0xffffffff[89a-f]/;

/** The log without addresses of maps and symbols, and without how long it took. */
export function comparableLog(log: string): string {
  const loaded = new Set(Array.from(log.matchAll(LOADED), ([, address]) => address!));
  const symbols = Array.from(loaded).filter((address) => KERNEL_TEXT.test(address));
  const known = symbols.length > 0 && new RegExp(`=(P?)(?:${symbols.join('|')})\\b`, 'g');
  return (known ? log.replace(known, '=$1ADDRESS') : log)
    .replace(
      /^((?:mark_precise: .* before )?\d+: \(18\) r\d+ = )0x[0-9a-f]+(?: +(?=;))?/gm,
      '$1ADDRESS',
    )
    .replace(/^verification time \d+ usec$/gm, 'verification time');
}
