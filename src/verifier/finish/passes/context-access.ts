import { kernelContext, kernelSocket, uncloneVerdict } from '../../../abi/context/kernel/index.ts';
import type { KernelContext } from '../../../abi/context/kernel/index.ts';
import { helperId, structs } from '../../../abi/index.ts';
import {
  assemble,
  BPF_ALU64,
  BPF_AND,
  BPF_ATOMIC,
  BPF_CALL,
  BPF_EXIT,
  BPF_JA,
  BPF_JEQ,
  BPF_JMP,
  BPF_JMP32,
  BPF_LDX,
  BPF_B,
  BPF_MEM,
  BPF_MEMSX,
  BPF_MOV,
  BPF_RSH,
  BPF_ST,
  BPF_STX,
  BPF_X,
  BPF_XOR,
  classOf,
} from '../../../isa/index.ts';
import { attachModule } from '../../btf/modules.ts';
import { AUX_SANITIZE_STACK_SPILL, type VerifierEnv } from '../../env.ts';
import {
  MEM_ALLOC,
  PTR_TO_ARENA,
  PTR_TO_BTF_ID,
  PTR_TO_CTX,
  PTR_UNTRUSTED,
} from '../../state/layout.ts';
import { accessOf, bytesOf } from '../context/access.ts';
import { convert } from '../context/fields.ts';
import { offsetOf } from '../context/members.ts';
import type { Draft } from '../patch/draft.ts';
import {
  alu32Imm,
  aluImm,
  aluReg,
  exit,
  Insn,
  jumpImm,
  load,
  movReg,
  spill,
} from '../patch/insn.ts';
import {
  BPF_NOSPEC,
  BPF_PROBE_ATOMIC,
  BPF_PROBE_MEM,
  BPF_PROBE_MEM32,
  BPF_PROBE_MEMSX,
} from '../patch/probe.ts';

const MODE_BITS = 0xe0;
const CONTEXT_POINTER = 8;
/** skb->cloned: the one bit of it (CLONED_MASK). */
const CLONED = 1;
const PULL_DATA = helperId('skb_pull_data')!;

/**
 * Loads and stores of what programs see of contexts and sockets become those of the kernel's
 * structs; loads that may fault are marked; a prologue and an epilogue are put around programs that
 * need them. Mirrors convert_ctx_accesses.
 */
export function convertAccesses(draft: Draft): void {
  const { env } = draft;
  const epilogue = moduleCode(env, 'epilogues', -(draft.stackDepths[0]! + CONTEXT_POINTER));
  addPrologue(draft, epilogue !== undefined);
  const context = kernelContext(env.programType);
  const knowsTimestampType = looksAtTimestampType(draft);
  const ends = epilogue && new Epilogue(draft, epilogue);
  draft.rewrite((insn, _, subprog) => {
    if (subprog === 0 && ends && insn.op === (BPF_JMP | BPF_EXIT)) return ends.instead();
    return convertOne(draft, insn, context, knowsTimestampType);
  });
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
class Epilogue {
  readonly #draft: Draft;
  readonly #code: readonly Insn[];
  #placed = false;

  constructor(draft: Draft, code: readonly Insn[]) {
    this.#draft = draft;
    this.#code = code;
  }

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

const TSTAMP_TYPE = structs['__sk_buff']!.fields.find(({ name }) => name === 'tstamp_type')!.offset;

/** A program that reads the kind of a time is given times as they are. */
function looksAtTimestampType({ env, insns }: Draft): boolean {
  if (kernelContext(env.programType)?.fields['tstamp_type'] === undefined) return false;
  return insns.some(
    ({ facts, op, off }) =>
      facts >= 0 &&
      env.aux.pointerType[facts] === PTR_TO_CTX &&
      classOf(op) === BPF_LDX &&
      off === TSTAMP_TYPE,
  );
}

function convertOne(
  draft: Draft,
  insn: Insn,
  context: KernelContext | undefined,
  knowsTimestampType: boolean,
): Insn[] | undefined {
  const { env } = draft;
  if (insn.facts < 0) return undefined;
  const type = env.aux.pointerType[insn.facts]!;
  const kind = accessKind(insn);
  if (kind === 'atomic' && type === PTR_TO_ARENA) setMode(insn, BPF_PROBE_ATOMIC);
  if (kind === undefined || kind === 'atomic') return undefined;
  if (kind === 'write' && env.aux.flags[insn.facts]! & AUX_SANITIZE_STACK_SPILL) {
    return [insn.copy(), new Insn(BPF_ST | BPF_NOSPEC, 0, 0, 0, 0)];
  }
  const target = type === PTR_TO_CTX ? context : kernelSocket(type);
  if (target) return fieldCode(draft, insn, target, knowsTimestampType);
  if (type === PTR_TO_ARENA) setMode(insn, BPF_PROBE_MEM32);
  else if (kind === 'read' && mayFault(type)) {
    setMode(insn, (insn.op & MODE_BITS) === BPF_MEM ? BPF_PROBE_MEM : BPF_PROBE_MEMSX);
  }
  return undefined;
}

function accessKind({ op }: Insn): 'read' | 'write' | 'atomic' | undefined {
  const mode = op & MODE_BITS;
  switch (classOf(op)) {
    case BPF_LDX:
      return 'read';
    case BPF_ST:
      return mode === BPF_MEM ? 'write' : undefined;
    case BPF_STX:
      if (mode === BPF_ATOMIC) return 'atomic';
      return mode === BPF_MEM ? 'write' : undefined;
    default:
      return undefined;
  }
}

function setMode(insn: Insn, mode: number): void {
  insn.op = (insn.op & ~MODE_BITS) | mode;
}

/** Objects that may be gone when they are looked at. */
const mayFault = (type: number): boolean =>
  type === PTR_TO_BTF_ID ||
  type === (PTR_TO_BTF_ID | PTR_UNTRUSTED) ||
  type === (PTR_TO_BTF_ID | MEM_ALLOC | PTR_UNTRUSTED);

/** A part of a field is taken out of the whole. */
function fieldCode(
  { env }: Draft,
  insn: Insn,
  context: KernelContext,
  knowsTimestampType: boolean,
): Insn[] {
  const asked = bytesOf(insn.op);
  const fieldSize = env.aux.contextFieldSize[insn.facts]!;
  const isPart = asked < fieldSize;
  const whole = {
    off: isPart ? insn.off & ~(fieldSize - 1) : insn.off,
    size: isPart ? fieldSize : asked,
    knowsTimestampType,
  };
  const { code, bytes } = convert(context, accessOf(insn, env.profile.btf(), whole));
  if (isPart && asked < bytes) {
    const shift = (insn.off & (fieldSize - 1)) * 8;
    const right = fieldSize <= 4 ? alu32Imm : aluImm;
    if (shift) code.push(right(BPF_RSH, insn.dst, shift));
    code.push(alu32Imm(BPF_AND, insn.dst, asked === 4 ? -1 : (1 << (asked * 8)) - 1));
  }
  if ((insn.op & MODE_BITS) === BPF_MEMSX) {
    code.push(new Insn(BPF_ALU64 | BPF_MOV | BPF_X, insn.dst, insn.dst, asked * 8, 0));
  }
  return code;
}
