import { constants } from '../../../abi/index.ts';
import {
  BPF_ABS,
  BPF_ADDR_SPACE_CAST,
  BPF_ALU,
  BPF_ALU64,
  BPF_B,
  BPF_CALL,
  BPF_DW,
  BPF_H,
  BPF_IND,
  BPF_JEQ,
  BPF_JMP,
  BPF_JSGE,
  BPF_LD,
  BPF_MOV,
  BPF_PSEUDO_KFUNC_CALL,
  BPF_SUB,
  BPF_W,
  BPF_X,
  BPF_XOR,
  classOf,
} from '../../../isa/index.ts';
import { ARENA_MAP } from '../../load/program-kinds.ts';
import { AUX_NEEDS_ZEXT } from '../../env.ts';
import { inlineHelper, linkHelper } from '../inline/helpers.ts';
import { inlineKfunc, linkKfunc } from '../inline/kfuncs.ts';
import type { Draft } from '../patch/draft.ts';
import {
  addImm,
  alu32Reg,
  aluImm,
  AX,
  callKernel,
  exit,
  fill,
  Insn,
  jumpImm,
  movImm,
  movReg,
  spill,
  storeImm,
} from '../patch/insn.ts';
import { MAX_LOOPS } from './bpf-loop.ts';
import { guardDivision } from './division.ts';
import { maskPointerArithmetic } from './pointer-mask.ts';

const MODE_BITS = 0xe0;
const SIZE_BITS = 0x18;
const CALL = BPF_JMP | BPF_CALL;
const COUNTER = 8;

/** The rewriting of single instructions and calls. Mirrors do_misc_fixups. */
export function fixInstructions(draft: Draft): void {
  const { env } = draft;
  if (env.seenException && env.exceptionCallback < 0) draft.append([movReg(0, 1), exit()]);
  const counted = new Set<number>();
  const depths = [...draft.stackDepths];
  draft.rewrite((insn, subprog) => {
    if (insn.origin < 0) return undefined;
    if (castAddress(draft, insn)) return undefined;
    if (insn.isMayGoto) {
      counted.add(subprog);
      return countedJump(insn, -(depths[subprog]! + COUNTER));
    }
    return fixOne(draft, insn);
  });
  for (const subprog of counted) startCounter(draft, subprog);
}

function fixOne(draft: Draft, insn: Insn): Insn[] | undefined {
  const { env } = draft;
  return (
    guardDivision(insn) ??
    packetLoad(insn) ??
    maskPointerArithmetic(env, insn) ??
    (insn.op === CALL ? fixCall(draft, insn) : undefined)
  );
}

/** Casts between the address spaces of an arena; true if that is all there is to do. */
function castAddress({ env }: Draft, insn: Insn): boolean {
  if (insn.op === (BPF_ALU64 | BPF_MOV | BPF_X) && insn.imm !== 0) {
    const arena = env.maps.find(({ type }) => type === ARENA_MAP);
    const toKernel = insn.off === BPF_ADDR_SPACE_CAST && insn.imm === 1;
    if (toKernel || (arena && arena.flags & constants.BPF_F_NO_USER_CONV)) {
      Object.assign(insn, { op: BPF_ALU | BPF_MOV | BPF_X, off: 0, imm: 0 });
    }
    return true;
  }
  if (insn.facts >= 0 && env.aux.flags[insn.facts]! & AUX_NEEDS_ZEXT) {
    insn.op = BPF_ALU | (insn.op & ~7);
  }
  return false;
}

const LOADERS = new Map([
  [BPF_B, 'bpf_skb_load_helper_8_no_cache'],
  [BPF_H, 'bpf_skb_load_helper_16_no_cache'],
  [BPF_W, 'bpf_skb_load_helper_32_no_cache'],
]);

/** Loads of packet bytes from old times: calls that end the program where there are none. */
function packetLoad({ op, src, imm }: Insn): Insn[] | undefined {
  const mode = op & MODE_BITS;
  if (classOf(op) !== BPF_LD || (mode !== BPF_ABS && mode !== BPF_IND)) return undefined;
  const position = mode === BPF_ABS ? [movImm(2, imm)] : [movReg(2, src)];
  if (mode === BPF_IND && imm !== 0) position.push(addImm(2, imm));
  return [
    ...position,
    movReg(1, 6),
    callKernel(LOADERS.get(op & SIZE_BITS)!),
    jumpImm(BPF_JSGE, 0, 0, 2),
    alu32Reg(BPF_XOR, 0, 0),
    exit(),
  ];
}

/** may_goto: jumps once its counter on the stack has come to 0. */
function countedJump(insn: Insn, at: number): Insn[] {
  const jump = jumpImm(BPF_JEQ, AX, 0, 0);
  jump.target = insn.target;
  return [fill(AX, at), jump, aluImm(BPF_SUB, AX, 1), spill(AX, at)];
}

function startCounter(draft: Draft, subprog: number): void {
  draft.stackDepths[subprog]! += COUNTER;
  const start = draft.starts[subprog]!;
  draft.prepend(start, [storeImm(BPF_DW, 10, -draft.stackDepths[subprog]!, MAX_LOOPS)]);
}

function fixCall({ env }: Draft, insn: Insn): Insn[] | undefined {
  if (insn.subprog >= 0 || insn.symbol !== undefined) return undefined;
  if (insn.src === BPF_PSEUDO_KFUNC_CALL) {
    const made = inlineKfunc(env, insn);
    if (!made) linkKfunc(env, insn, insn.facts);
    return made;
  }
  const made = inlineHelper(env, insn);
  if (!made) linkHelper(env, insn, insn.facts);
  return made;
}
