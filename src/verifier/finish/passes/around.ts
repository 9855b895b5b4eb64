/** What is put before a program, and in the place of its ends. */
import { uncloneVerdict } from '../../../abi/context/kernel/index.ts';
import { helperId } from '../../../abi/index.ts';
import {
  assemble,
  BPF_AND,
  BPF_B,
  BPF_CALL,
  BPF_JA,
  BPF_JEQ,
  BPF_JMP,
  BPF_JMP32,
  BPF_MOV,
  BPF_XOR,
} from '../../../isa/index.ts';
import { attachModule } from '../../btf/modules.ts';
import type { VerifierEnv } from '../../env.ts';
import { offsetOf } from '../context/members.ts';
import type { Draft } from '../patch/draft.ts';
import { alu32Imm, aluReg, exit, Insn, jumpImm, load, movReg, spill } from '../patch/insn.ts';

const CONTEXT_POINTER = 8;
/** skb->cloned: the one bit of it (CLONED_MASK). */
const CLONED = 1;
const PULL_DATA = helperId('skb_pull_data')!;

/**
 * Puts a prologue before the program where it needs one (gen_prologue); the epilogue, if it gets
 * one (gen_epilogue), is left to the caller to place.
 */
export function putAround(draft: Draft): Epilogue | undefined {
  const contextAt = -(draft.stackDepths[0]! + CONTEXT_POINTER);
  const epilogue = moduleCode(draft.env, 'epilogues', contextAt);
  addPrologue(draft, epilogue !== undefined);
  return epilogue && new Epilogue(draft, epilogue);
}

function addPrologue(draft: Draft, keepContext: boolean): void {
  const { env } = draft;
  const made = [...(unclone(env) ?? moduleCode(env, 'prologues', 0) ?? [])];
  if (keepContext) {
    draft.stackDepths[0]! += CONTEXT_POINTER;
    made.push(spill(1, -draft.stackDepths[0]!));
  }
  if (made.length > 0) draft.prepend(draft.insns[0]!, made);
}

/**
 * Before a program writes to a packet that others may look at it gets its own
 * (tc_cls_act_prologue).
 */
function unclone(env: VerifierEnv): Insn[] | undefined {
  const verdict = uncloneVerdict(env.programType);
  if (!env.seenDirectWrite || verdict === undefined) return undefined;
  const cloned = offsetOf(env.profile.btf(), 'sk_buff.__cloned_offset');
  return [
    load(BPF_B, 6, 1, cloned),
    alu32Imm(BPF_AND, 6, CLONED),
    jumpImm(BPF_JEQ, 6, 0, 7),
    movReg(6, 1),
    aluReg(BPF_XOR, 2, 2),
    new Insn(BPF_JMP | BPF_CALL, 0, 0, 0, PULL_DATA),
    jumpImm(BPF_JEQ, 0, 0, 2),
    alu32Imm(BPF_MOV, 0, verdict),
    exit(),
    movReg(1, 6),
  ];
}

/**
 * Instructions a module puts before or behind its programs; CONTEXT stands for where that is kept.
 */
function moduleCode(
  env: VerifierEnv,
  where: 'prologues' | 'epilogues',
  contextAt: number,
): Insn[] | undefined {
  const module = attachModule(env);
  const struct = module?.btf().type(env.input.attachBtfId).name ?? '';
  const found = module?.structOps[struct]?.[where];
  if (!module || !found?.members.includes(env.attachName)) return undefined;
  const types = module.btf();
  const text = found.code.map((line) =>
    line.replace(/\+ (CONTEXT|\w+\.\w+)/, (_, place) =>
      signed(place === 'CONTEXT' ? contextAt : offsetOf(types, place)),
    ),
  );
  const { code } = assemble(text.join('\n'));
  return Array.from(
    code.op,
    (op, i) => new Insn(op, code.dst[i]!, code.src[i]!, code.off[i]!, code.imm[i]!),
  );
}

const signed = (distance: number): string => (distance < 0 ? `- ${-distance}` : `+ ${distance}`);

/** The first way out of a program gets the code; others jump there. */
export class Epilogue {
  readonly #draft: Draft;
  readonly #code: readonly Insn[];
  #placed = false;

  constructor(draft: Draft, code: readonly Insn[]) {
    this.#draft = draft;
    this.#code = code;
  }

  /** What stands in the place of the next end. */
  instead(): Insn[] {
    if (!this.#placed) {
      this.#placed = true;
      return [...this.#code];
    }
    const jump = new Insn(BPF_JMP32 | BPF_JA, 0, 0, 0, 0);
    jump.target = this.#draft.now(this.#code[0]!);
    return [jump];
  }
}
