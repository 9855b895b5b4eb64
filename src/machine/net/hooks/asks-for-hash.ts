import { helperId } from '../../../abi/index.ts';
import { decodeCode, CALL } from '../../../isa/index.ts';
import type { MachineProgram } from '../../program.ts';

const RECALC = helperId('get_hash_recalc');
const known = new WeakMap<MachineProgram, boolean>();

/** Whether the program calls bpf_get_hash_recalc. */
export function asksForHash(program: MachineProgram): boolean {
  let asks = known.get(program);
  if (asks === undefined) known.set(program, (asks = callsRecalc(program)));
  return asks;
}

function callsRecalc({ parts }: MachineProgram): boolean {
  const { op, src, imm, length } = decodeCode(parts.adapted.insns);
  for (let i = 0; i < length; i++) {
    if (op[i] === CALL && src[i] === 0 && imm[i] === RECALC) return true;
  }
  return false;
}
