/** Instructions as libbpf handed them to the real kernel, in place of our own relocated ones. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const LD_IMM64 = 0x18;

/**
 * A function that takes an input and gives its instructions, with those recorded under
 * FOLDER/OBJECT/PROGRAM.insns; what names maps (file descriptors there) stays ours. Undefined if
 * there is no record.
 */
export function instructionsFrom(folder, { file, program }) {
  const path = join(folder, file, `${program.name.replaceAll('/', '_')}.insns`);
  if (!existsSync(path)) return undefined;
  const theirs = new Uint8Array(readFileSync(path));
  return ({ insns }) => {
    if (theirs.length !== insns.length) return theirs;
    const mixed = theirs.slice();
    for (let at = 0; at < insns.length; at += 8) {
      const source = insns[at + 1] >> 4;
      if (insns[at] === LD_IMM64 && (source === 1 || source === 2)) {
        mixed.set(insns.subarray(at, at + 16), at);
      }
    }
    return mixed;
  };
}
