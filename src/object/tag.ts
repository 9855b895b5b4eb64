import { sha1, hexBytes } from '../base/index.ts';
import { BPF_PSEUDO_MAP_FD, BPF_PSEUDO_MAP_VALUE, INSN_SIZE, LD_IMM64 } from '../isa/index.ts';

const TAG_SIZE = 8;

/**
 * The tag Linux gives a program: the first 8 bytes of the SHA-1 of its instructions, in which the
 * maps' file descriptors and offsets are 0 (bpf_prog_calc_tag). `insns` is what BPF_PROG_LOAD gets,
 * in wire format, with CO-RE and externs resolved (`relocateProgram`).
 *
 * @example
 * programTag(relocateProgram(object, program, kernel).insns); // 'a04f5eef06a7f555'
 */
export function programTag(insns: Uint8Array): string {
  const stable = insns.slice();
  for (let at = 0; at + INSN_SIZE <= stable.length; at += INSN_SIZE) {
    if (!isMapLoad(stable, at)) continue;
    stable.fill(0, at + 4, at + INSN_SIZE);
    const next = at + INSN_SIZE;
    if (stable.subarray(next, next + 4).every((byte) => byte === 0)) {
      stable.fill(0, next + 4, next + INSN_SIZE);
    }
    at = next;
  }
  const digest = sha1(stable).subarray(0, TAG_SIZE);
  return hexBytes(digest);
}

function isMapLoad(insns: Uint8Array, at: number): boolean {
  const source = insns[at + 1]! >> 4;
  return (
    insns[at] === LD_IMM64 && (source === BPF_PSEUDO_MAP_FD || source === BPF_PSEUDO_MAP_VALUE)
  );
}
