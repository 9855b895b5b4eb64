/**
 * Puts instructions into a program and takes some out: jumps, calls, func_info and line_info are
 * led to where their targets went. CO-RE relocations are applied already, so nothing else counts
 * instructions.
 */
import {
  BPF_CALL,
  BPF_JMP,
  BPF_PSEUDO_CALL,
  BPF_PSEUDO_FUNC,
  Code,
  decodeCode,
  encodeCode,
  isJump,
  isLongJump,
  jumpTarget,
  LD_IMM64,
} from '../../../isa/index.ts';
import type { VerifierInput } from '../../types.ts';
import { goTo, type Insn } from './insns.ts';

/** Instructions put in at one place. */
export interface Insertion {
  /** They come before this instruction. */
  readonly at: number;
  /** Slots from `at` on that are taken out. */
  readonly remove?: number;
  readonly insns: readonly Insn[];
  /** Jumps to `at` go through them ('enter'), or only the path that falls in does ('skip'). */
  readonly jumps: 'enter' | 'skip';
}

/** Instructions put on the way from one instruction to another only. */
export interface Detour {
  readonly from: number;
  readonly to: number;
  readonly insns: readonly Insn[];
}

/** Instructions behind the last one of the function that ends at `end`. */
export interface Tail {
  readonly end: number;
  readonly insns: readonly Insn[];
}

export interface Patch {
  readonly insertions?: readonly Insertion[];
  readonly tails?: readonly Tail[];
  readonly detours?: readonly Detour[];
}

export interface Patched {
  readonly input: VerifierInput;
  /** Where the instruction at `insn` is now; what stands in its place if it was taken out. */
  at(insn: number): number;
}

/** The program with the patch; undefined if a jump would get too long. */
export function applyPatch(input: VerifierInput, patch: Patch): Patched | undefined {
  const code = decodeCode(input.insns);
  const plan = planOf(code, functionStarts(code, input), patch);
  const out = new Code(plan.length);
  for (const slot of plan.slots) {
    if (!place(out, slot, plan)) return undefined;
  }
  return {
    input: {
      ...input,
      insns: encodeCode(out),
      functionInfo: input.functionInfo.map((one) => ({ ...one, insn: plan.start[one.insn]! })),
      lineInfo: movedLines(input, plan),
    },
    at: (insn) => plan.own[insn]!,
  };
}

/** A slot of the patched program: an old instruction, or a new one. */
interface Slot {
  readonly at: number;
  readonly insn: Insn;
  /** Old instruction it is, or -1. */
  readonly from: number;
}

interface Plan {
  readonly slots: readonly Slot[];
  readonly length: number;
  /** By old instruction: where it is; where jumps to it lead; where what precedes it begins. */
  readonly own: Int32Array;
  readonly entry: Int32Array;
  readonly start: Int32Array;
  /** Old jumps that take a detour: where it begins. */
  readonly detours: ReadonlyMap<number, number>;
}

function planOf(code: Code, starts: readonly number[], patch: Patch): Plan {
  const { insertions, stubs } = settle(code, starts, patch);
  const count = code.length;
  const plan = {
    slots: [] as Slot[],
    length: 0,
    own: new Int32Array(count + 1),
    entry: new Int32Array(count + 1),
    start: new Int32Array(count + 1),
    detours: new Map<number, number>(),
  };
  const put = (insn: Insn, from: number) => plan.slots.push({ at: plan.slots.length, insn, from });
  let removed = 0;
  for (let i = 0; i <= count; i++) {
    for (const stub of stubs.filter(({ end }) => end === i)) {
      plan.detours.set(stub.from, plan.slots.length);
      for (const one of stub.insns) put(one, -1);
    }
    plan.start[i] = plan.entry[i] = plan.slots.length;
    const here = insertions.filter(({ at }) => at === i);
    for (const { insns, jumps, remove } of here.toSorted(skipFirst)) {
      if (jumps === 'enter') plan.entry[i] = Math.min(plan.entry[i]!, plan.slots.length);
      for (const one of insns) put(one, -1);
      if (jumps === 'skip') plan.entry[i] = plan.slots.length;
      removed = Math.max(removed, i + (remove ?? 0));
    }
    plan.own[i] = plan.slots.length;
    if (here.length > 0 && i < removed) plan.own[i] = plan.entry[i]!;
    if (i < count && i >= removed) put(slotInsn(code, i), i);
  }
  return { ...plan, length: plan.slots.length };
}

/** What only the path that falls in sees comes first. */
const skipFirst = (a: Insertion, b: Insertion): number =>
  Number(a.jumps === 'enter') - Number(b.jumps === 'enter');

function slotInsn(code: Code, i: number): Insn {
  const [op, dst, src] = [code.op[i]!, code.dst[i]!, code.src[i]!];
  return { op, dst, src, off: code.off[i]!, imm: code.imm[i]! };
}

interface Stub {
  readonly from: number;
  /** Old instruction it is put before: the end of the function. */
  readonly end: number;
  readonly insns: readonly Insn[];
}

/** Detours over a jump become stubs at the end of the function; others are insertions. */
function settle(code: Code, starts: readonly number[], patch: Patch) {
  const insertions = [...(patch.insertions ?? [])];
  const stubs: Stub[] = (patch.tails ?? []).map((tail) => ({ ...tail, from: -1 }));
  for (const { from, to, insns } of patch.detours ?? []) {
    if (jumpTarget(code, from) === to) {
      const end = starts.find((start) => start > from) ?? code.length;
      stubs.push({ from, end, insns: [...insns, goTo(to)] });
    } else {
      insertions.push({ at: to, insns, jumps: 'skip' });
    }
  }
  return { insertions, stubs };
}

/** First instructions of the functions, in order. */
export function functionStarts(code: Code, input: VerifierInput): number[] {
  const starts = new Set([0, ...input.functionInfo.map(({ insn }) => insn)]);
  for (let i = 0; i < code.length; i++) {
    if (isLocalCall(code, i) || isCallbackLoad(code, i)) starts.add(i + 1 + code.imm[i]!);
  }
  return [...starts].sort((a, b) => a - b);
}

const isLocalCall = ({ op, src }: Code, i: number): boolean =>
  op[i] === (BPF_JMP | BPF_CALL) && src[i] === BPF_PSEUDO_CALL;

const isCallbackLoad = ({ op, src }: Code, i: number): boolean =>
  op[i] === LD_IMM64 && src[i] === BPF_PSEUDO_FUNC;

/** Writes a slot; false if its target is too far away. */
function place(out: Code, { at, insn, from }: Slot, plan: Plan): boolean {
  let { off, imm } = insn;
  const target = targetOf(insn, from, plan);
  if (target !== undefined) {
    const distance = target - at - 1;
    if (isJump(insn.op) && !isLongJump(insn.op)) {
      if (distance < -0x8000 || distance > 0x7fff) return false;
      off = distance;
    } else {
      imm = distance;
    }
  }
  out.set(at, insn.op, insn.dst, insn.src, off, imm);
  return true;
}

/** New place that the instruction names, if it names one. */
function targetOf(insn: Insn, from: number, plan: Plan): number | undefined {
  if (insn.to !== undefined) return plan.entry[insn.to]!;
  if (from < 0) return undefined;
  const isCall = insn.op === (BPF_JMP | BPF_CALL);
  const named = (isCall && insn.src === BPF_PSEUDO_CALL) || isCallback(insn);
  if (named) return plan.start[from + 1 + insn.imm];
  if (!isJump(insn.op)) return undefined;
  const old = from + 1 + (isLongJump(insn.op) ? insn.imm : insn.off);
  return plan.detours.get(from) ?? plan.entry[old];
}

const isCallback = ({ op, src }: Insn): boolean => op === LD_IMM64 && src === BPF_PSEUDO_FUNC;

/** line_info, without records whose instruction is gone. */
function movedLines(input: VerifierInput, { start }: Plan) {
  const moved = input.lineInfo.map((one) => ({ ...one, insn: start[one.insn]! }));
  return moved.filter((one, i) => one.insn !== moved[i + 1]?.insn);
}
