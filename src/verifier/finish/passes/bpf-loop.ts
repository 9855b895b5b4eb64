import { errnos } from '../../../abi/index.ts';
import {
  BPF_CALL,
  BPF_JEQ,
  BPF_JGE,
  BPF_JLE,
  BPF_JMP,
  BPF_MOV,
  BPF_PSEUDO_CALL,
} from '../../../isa/index.ts';
import type { Draft } from '../patch/draft.ts';
import {
  addImm,
  alu32Imm,
  fill,
  Insn,
  jump,
  jumpImm,
  jumpReg,
  movReg,
  spill,
} from '../patch/insn.ts';

/** Iterations bpf_loop may be asked for (BPF_MAX_LOOPS). */
export const MAX_LOOPS = 8 * 1024 * 1024;
const R0 = 0;
const R1 = 1;
const R2 = 2;
const R3 = 3;
/** Registers of the loop. */
const LIMIT = 6;
const COUNTER = 7;
const CONTEXT = 8;
const SAVED = 3 * 8;

/**
 * Calls of bpf_loop that always have the same callback become a loop around it; its three registers
 * are kept on the stack meanwhile. Mirrors optimize_bpf_loop.
 */
export function inlineLoops(draft: Draft): void {
  const { aux } = draft.env;
  const grown = new Set<number>();
  draft.rewrite((insn, subprog) => {
    if (insn.facts < 0 || aux.loopInline[insn.facts] !== 1) return undefined;
    grown.add(subprog);
    const depth = Math.ceil(draft.stackDepths[subprog]! / 8) * 8 + SAVED;
    return loopCode(aux.loopCallback[insn.facts]!, -depth);
  });
  for (const subprog of grown) {
    draft.stackDepths[subprog] = Math.ceil(draft.stackDepths[subprog]! / 8) * 8 + SAVED;
  }
}

function loopCode(callback: number, base: number): Insn[] {
  const call = new Insn(BPF_JMP | BPF_CALL, 0, BPF_PSEUDO_CALL, 0, 0);
  call.subprog = callback;
  return [
    jumpImm(BPF_JLE, R1, MAX_LOOPS, 2),
    alu32Imm(BPF_MOV, R0, -errnos['E2BIG']!),
    jump(16),
    spill(LIMIT, base),
    spill(COUNTER, base + 8),
    spill(CONTEXT, base + 16),
    movReg(LIMIT, R1),
    alu32Imm(BPF_MOV, COUNTER, 0),
    movReg(CONTEXT, R3),
    jumpReg(BPF_JGE, COUNTER, LIMIT, 5),
    movReg(R1, COUNTER),
    movReg(R2, CONTEXT),
    call,
    addImm(COUNTER, 1),
    jumpImm(BPF_JEQ, R0, 0, -6),
    movReg(R0, COUNTER),
    fill(LIMIT, base),
    fill(COUNTER, base + 8),
    fill(CONTEXT, base + 16),
  ];
}
