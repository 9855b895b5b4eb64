/** Pointers that lost their upper half, were moved, or came from where the verifier cannot see. */
import {
  BPF_ADD,
  BPF_ALU,
  BPF_ALU64,
  BPF_B,
  BPF_CALL,
  BPF_DW,
  BPF_H,
  BPF_JMP,
  BPF_LDX,
  BPF_MEM,
  BPF_STX,
  BPF_W,
  classOf,
} from '../../../isa/index.ts';
import { PTR_TO_STACK } from '../../state/layout.ts';
import { before, type Candidate, instead, type Maker } from './candidate.ts';
import { argument, type Failure, historyOf } from './failure.ts';
import { addImm, aluImm, callHelper, type Insn, insnOf, load, movImm, movReg } from './insns.ts';
import { packetReloads } from './packet-check.ts';
import { freeStack, savedAround } from './scratch.ts';
import { registerIn } from './snapshot.ts';
import { mayBeRead } from './uses.ts';

const PROBE_READ_KERNEL = 113;
const SIZES = [4, 2, 1, 8];

/** Arithmetic that cuts or bends a pointer: in 64 bits, or not at all. */
export const pointerArithmetic: Maker = (failure) => {
  const { code, insn } = failure;
  const wide = { ...insnOf(code, insn), op: (code.op[insn]! & 0xf8) | BPF_ALU64 };
  const is32 = classOf(code.op[insn]!) === BPF_ALU;
  const candidates: Candidate[] = [];
  if (is32) {
    candidates.push({
      kind: 'widen',
      title: 'Compute with all 64 bits of the pointer.',
      at: insn,
      patch: instead(insn, [{ ...wide, off: 0 }]),
      removes: true,
    });
  }
  const isNeeded = failure.reason.code !== 'alu.partial_copy';
  if (isNeeded) {
    candidates.push({
      kind: 'remove',
      title: 'Leave this operation on the pointer out.',
      at: insn,
      patch: instead(insn, [movReg(code.dst[insn]!, code.dst[insn]!)]),
      removes: true,
    });
  }
  return candidates;
};

/** A number is used as a pointer. */
export const numberAsPointer: Maker = (failure, source) => {
  const register = argument(failure, 0);
  return [
    ...packetReloads(failure, source, register),
    ...widened(failure, register),
    ...probeReads(failure, register),
  ];
};

/** 32-bit copies and spills on the way of the value, in 64 bits. */
function widened(failure: Failure, register: number): Candidate[] {
  const { code } = failure;
  const insertions = historyOf(failure, register).flatMap(({ insn }) => {
    const op = code.op[insn]!;
    const one = insnOf(code, insn);
    if (classOf(op) === BPF_ALU) {
      return instead(insn, [{ ...one, op: (op & 0xf8) | BPF_ALU64, off: 0 }]).insertions!;
    }
    const isNarrow = (op & 0xe0) === BPF_MEM && (op & 0x18) !== BPF_DW;
    const isStack = isNarrow && (one.dst === 10 || one.src === 10);
    const isMemory = classOf(op) === BPF_LDX || classOf(op) === BPF_STX;
    if (!isStack || !isMemory) return [];
    return instead(insn, [{ ...one, op: (op & 0xe7) | BPF_DW }]).insertions!;
  });
  if (insertions.length === 0) return [];
  return [
    {
      kind: 'widen',
      title: 'Keep the pointer in 64 bits all the way.',
      at: insertions[0]!.at,
      patch: { insertions },
    },
  ];
}

/** The memory is read with bpf_probe_read_kernel(), which may fail. */
export function probeReads(failure: Failure, register: number): Candidate[] {
  const { code, insn, state } = failure;
  const op = code.op[insn]!;
  if (!state || (op & 0xe7) !== (BPF_LDX | BPF_MEM) || register > 9) return [];
  const dst = code.dst[insn]!;
  const saved = savedAround(failure, insn + 1, state, [dst]);
  const buffer = freeStack(failure, insn, (saved?.save.length ?? 0) + 1);
  if (!saved || buffer === undefined) return [];
  const size = SIZES[(op >> 3) & 3]!;
  const call = [
    movReg(3, register),
    ...(code.off[insn] === 0 ? [] : [addImm(3, code.off[insn]!)]),
    movImm(2, size),
    movReg(1, 10),
    aluImm(BPF_ADD, 1, buffer),
    callHelper(PROBE_READ_KERNEL),
  ];
  const insns: Insn[] = [
    ...saved.save,
    { ...load(BPF_DW, 0, 0, 0), op: 0x7a, dst: 10, off: buffer },
    ...call,
    load(op & 0x18, dst, 10, buffer),
    ...saved.restore,
  ];
  return [
    {
      kind: 'probe-read',
      title: `Read the ${size} bytes with bpf_probe_read_kernel().`,
      at: insn,
      patch: instead(insn, insns),
      shown: call,
    },
  ];
}

/** A pointer that must not be moved was: the constant goes into the access instead. */
export const unmovedPointers: Maker = (failure) => {
  const { code, insn, state } = failure;
  const [, register, moved] = failure.reason.args.map(Number) as [number, number, number];
  if (!state || !Number.isFinite(moved) || register > 9) return [];
  const cls = classOf(code.op[insn]!);
  const one = insnOf(code, insn);
  const back = addImm(register, -moved);
  const isCall = code.op[insn] === (BPF_JMP | BPF_CALL);
  const off = one.off + moved;
  const known = registerIn(state, register);
  if (known.base === PTR_TO_STACK) return [];
  const title = 'Access the field at its offset from the pointer as it was given.';
  if (isCall) return [{ kind: 'unmove', title, at: insn, patch: before(insn, [back]) }];
  const isOverwritten = cls === BPF_LDX && one.dst === register;
  const isDead = isOverwritten || !mayBeRead(code, insn + 1, register);
  const insns = [back, { ...one, off }, ...(isDead ? [] : [addImm(register, moved)])];
  return [{ kind: 'unmove', title, at: insn, patch: instead(insn, insns) }];
};

/** A field of the context, in a size that it may be accessed with. */
export const contextSizes: Maker = ({ code, insn }) => {
  const op = code.op[insn]!;
  if (classOf(op) !== BPF_LDX && classOf(op) !== BPF_STX) return [];
  return [BPF_W, BPF_DW, BPF_H, BPF_B]
    .filter((size) => size !== (op & 0x18))
    .map((size) => ({
      kind: 'access-size',
      title: `Access the field with ${SIZES[(size >> 3) & 3]} bytes.`,
      at: insn,
      patch: instead(insn, [{ ...insnOf(code, insn), op: (op & 0xe7) | size }]),
    }));
};

/** A division by the constant 0 gives 0. */
export const divisions: Maker = ({ code, insn }) => [
  {
    kind: 'remove',
    title: 'Leave the division by 0 out.',
    at: insn,
    patch: instead(insn, [movImm(code.dst[insn]!, 0)]),
    removes: true,
  },
];
