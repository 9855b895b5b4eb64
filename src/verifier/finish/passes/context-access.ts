import { kernelContext, kernelSocket } from '../../../abi/context/kernel/index.ts';
import type { KernelContext } from '../../../abi/context/kernel/index.ts';
import { structs } from '../../../abi/index.ts';
import {
  BPF_ALU64,
  BPF_AND,
  BPF_ATOMIC,
  BPF_EXIT,
  BPF_JMP,
  BPF_LDX,
  BPF_MEM,
  BPF_MEMSX,
  BPF_MOV,
  BPF_RSH,
  BPF_ST,
  BPF_STX,
  BPF_X,
  classOf,
} from '../../../isa/index.ts';
import { AUX_SANITIZE_STACK_SPILL } from '../../env.ts';
import {
  MEM_ALLOC,
  PTR_TO_ARENA,
  PTR_TO_BTF_ID,
  PTR_TO_CTX,
  PTR_UNTRUSTED,
} from '../../state/layout.ts';
import { accessOf, bytesOf } from '../context/access.ts';
import { convert } from '../context/fields.ts';
import type { Draft } from '../patch/draft.ts';
import { alu32Imm, aluImm, Insn } from '../patch/insn.ts';
import {
  BPF_NOSPEC,
  BPF_PROBE_ATOMIC,
  BPF_PROBE_MEM,
  BPF_PROBE_MEM32,
  BPF_PROBE_MEMSX,
} from '../patch/probe.ts';
import { putAround } from './around.ts';

const MODE_BITS = 0xe0;

/**
 * Loads and stores of what programs see of contexts and sockets become those of the kernel's
 * structs; loads that may fault are marked; a prologue and an epilogue are put around programs that
 * need them. Mirrors convert_ctx_accesses.
 */
export function convertAccesses(draft: Draft): void {
  const { env } = draft;
  const epilogue = putAround(draft);
  const context = kernelContext(env.programType);
  const knowsTimestampType = looksAtTimestampType(draft);
  draft.rewrite((insn, subprog) => {
    if (subprog === 0 && epilogue && insn.op === (BPF_JMP | BPF_EXIT)) return epilogue.instead();
    return convertOne(draft, insn, context, knowsTimestampType);
  });
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
