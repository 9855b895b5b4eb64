import { constants } from '../../../abi/index.ts';
import {
  BPF_ALU,
  BPF_ATOMIC,
  BPF_CMPXCHG,
  BPF_LDX,
  BPF_LSH,
  BPF_MOV,
  BPF_OR,
  BPF_STX,
  BPF_X,
  classOf,
} from '../../../isa/index.ts';
import { PTR_TO_CTX } from '../../state/layout.ts';
import { definedRegister, definesWhole } from '../patch/definition.ts';
import type { Draft } from '../patch/draft.ts';
import { aluImm, aluReg, AX, Insn, movImm } from '../patch/insn.ts';
import { BPF_PROBE_ATOMIC } from '../patch/probe.ts';

const MODE_BITS = 0xe0;

/**
 * x86-64 clears upper halves by itself, except of a compare and exchange. With BPF_F_TEST_RND_HI32
 * halves that nobody may look at get a random value instead (here 0). Mirrors
 * opt_subreg_zext_lo32_rnd_hi32.
 */
export function defineUpperHalves(draft: Draft): void {
  const random = (draft.env.input.flags & constants.BPF_F_TEST_RND_HI32) !== 0;
  draft.rewrite((insn) => {
    const register = definedRegister(insn);
    if (insn.zext) return isExchange(insn) ? [insn.copy(), clearUpper(register)] : undefined;
    if (!random || register < 0 || definesWhole(insn) || isContextLoad(draft, insn))
      return undefined;
    return [insn.copy(), movImm(AX, 0), aluImm(BPF_LSH, AX, 32), aluReg(BPF_OR, register, AX)];
  });
}

function isExchange({ op, imm }: Insn): boolean {
  const mode = op & MODE_BITS;
  const isAtomic = mode === BPF_ATOMIC || mode === BPF_PROBE_ATOMIC;
  return classOf(op) === BPF_STX && isAtomic && imm === BPF_CMPXCHG;
}

/** `wX = wX`, marked as one the kernel put in. */
const clearUpper = (register: number): Insn =>
  new Insn(BPF_ALU | BPF_MOV | BPF_X, register, register, 0, 1);

/** It may have become wider than it was. */
function isContextLoad({ env }: Draft, { op, facts }: Insn): boolean {
  return classOf(op) === BPF_LDX && facts >= 0 && env.aux.pointerType[facts] === PTR_TO_CTX;
}
