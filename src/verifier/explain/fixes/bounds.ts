/** Indexes and lengths that nothing limits enough. */
import {
  BPF_ADD,
  BPF_ALU64,
  BPF_AND,
  BPF_CALL,
  BPF_JGE,
  BPF_JLE,
  BPF_JMP,
  BPF_JNE,
  BPF_LDX,
  BPF_LSH,
  BPF_MUL,
  BPF_ST,
  BPF_STX,
  BPF_X,
  classOf,
} from '../../../isa/index.ts';
import { helperName } from '../../../abi/index.ts';
import {
  PTR_TO_MAP_KEY,
  PTR_TO_MAP_VALUE,
  PTR_TO_MEM,
  PTR_TO_PACKET,
  PTR_TO_STACK,
  SCALAR_VALUE,
} from '../../state/layout.ts';
import { before, type Candidate, type Maker } from './candidate.ts';
import { argument, type Failure, historyOf, said } from './failure.ts';
import { aluImm, type Insn, jumpImm, movImm } from './insns.ts';
import { guard, leaveInsns, leaveText } from './leave.ts';
import { type Known, registerIn, type Snapshot } from './snapshot.ts';
import { argumentsOf, ifThen, isPlainName, type Source, withoutComments } from './source.ts';

/** Offsets into packets stay below this. */
const PACKET_LIMIT = 0x7fff;

/** Makes candidates for an access through a pointer that was moved by a number. */
export const indexLimits: Maker = (failure, source) => {
  const { state } = failure;
  if (!state) return [];
  const register = argument(failure, failure.reason.code.startsWith('stack.') ? 1 : 0);
  const length = lengthRegister(failure, state, register);
  if (length !== undefined) return lengthLimits(failure, source, length);
  const added = whereAdded(failure, register);
  if (!added) return [];
  const pointer = registerIn(state, register);
  const [access, size] = accessOf(failure);
  const total = memoryEnd(failure, state, pointer);
  const { number } = added;
  // A constant went into the fixed part.
  const off = pointer.off - (number.isConstant ? Number(number.value) : 0) + access;
  const most = total - size - off - otherMoves(pointer, number);
  return limitsFor(failure, source, added, most, pointer.base === PTR_TO_STACK ? 0 : -off);
};

/** Makes candidates for a number without limits that is added to a pointer. */
export const offsetLimits: Maker = (failure, source) => {
  const { state, code, insn } = failure;
  if (!state || !((code.op[insn] ?? 0) & BPF_X)) return [];
  const [dst, src] = [code.dst[insn]!, code.src[insn]!];
  const isNumber = (n: number) => registerIn(state, n).type === SCALAR_VALUE;
  const register = isNumber(src) ? src : dst;
  const pointer = registerIn(state, isNumber(src) ? dst : src);
  const next = nextAccess(failure, dst);
  const total = memoryEnd(failure, state, pointer);
  const added = { insn, register, number: registerIn(state, register), state, step: -1 };
  return limitsFor(failure, source, added, total - next - pointer.off);
};

/** Bytes behind the sum that the next access through it needs. */
function nextAccess({ code, insn }: Failure, register: number): number {
  for (let i = insn + 1; i < Math.min(code.length, insn + 16); i++) {
    const cls = classOf(code.op[i]!);
    const base = cls === BPF_LDX ? code.src[i] : code.dst[i];
    const isMemory = cls === BPF_LDX || cls === BPF_ST || cls === BPF_STX;
    if (isMemory && base === register) return code.off[i]! + sizeOf(code.op[i]!);
  }
  return 8;
}

const sizeOf = (op: number): number => [4, 2, 1, 8][(op >> 3) & 3]!;

/** A number that was added to a pointer, where that was. */
interface Added {
  readonly insn: number;
  readonly register: number;
  readonly number: Known;
  /** The state before the addition. */
  readonly state: Snapshot;
  readonly step: number;
}

function whereAdded(failure: Failure, register: number): Added | undefined {
  const { code } = failure;
  const history = historyOf(failure, register).filter(
    ({ insn }) => code.op[insn] === (BPF_ALU64 | BPF_ADD | BPF_X),
  );
  const states = failure.statesAt(history.map(({ step }) => step));
  const all = history.toReversed().flatMap((one) => addedAt(failure, one.insn, one.step, states));
  return all.find(({ number }) => !number.isConstant) ?? all[0];
}

function addedAt(
  { code }: Failure,
  insn: number,
  step: number,
  states: ReadonlyMap<number, Snapshot>,
): Added[] {
  const state = states.get(step);
  if (!state) return [];
  const [dst, src] = [code.dst[insn]!, code.src[insn]!];
  const isNumber = (n: number) => registerIn(state, n).type === SCALAR_VALUE;
  if (isNumber(dst) === isNumber(src)) return [];
  const register = isNumber(src) ? src : dst;
  return [{ insn, register, number: registerIn(state, register), state, step }];
}

/** Offset and size of the access within what the pointer points at. */
function accessOf(failure: Failure): [offset: number, size: number] {
  const { code, insn } = failure;
  const op = code.op[insn]!;
  const bounds = said(failure, 'mem.value_bounds') ?? said(failure, 'mem.region_bounds');
  const stackSize = failure.reason.code.startsWith('stack.variable') ? failure.reason.args[4] : 0;
  if (op === (BPF_JMP | BPF_CALL)) return [0, Number(bounds?.args[2] ?? stackSize) || 1];
  return [code.off[insn]!, sizeOf(op)];
}

/** Offset of the first byte behind the memory, counted as the pointer's own offset is. */
function memoryEnd(failure: Failure, state: Snapshot, pointer: Known): number {
  const { maps } = failure.env;
  switch (pointer.base) {
    case PTR_TO_MAP_VALUE:
      return maps[pointer.detail - 1]?.valueSize ?? 0;
    case PTR_TO_MAP_KEY:
      return maps[pointer.detail - 1]?.keySize ?? 0;
    case PTR_TO_MEM:
      return pointer.detail;
    case PTR_TO_STACK:
      return stackEnd(failure, state, pointer);
    case PTR_TO_PACKET:
      return PACKET_LIMIT;
    default:
      return 0;
  }
}

/** Where the object on the stack that begins at the pointer ends: where something else is used. */
function stackEnd(failure: Failure, state: Snapshot, { off, frame }: Known): number {
  const { code, env } = failure;
  const subprog = state.frames[frame]?.subprog ?? 0;
  const start = env.subprogs[subprog]?.start ?? 0;
  const end = env.subprogs.find((one) => one.start > start)?.start ?? code.length;
  let found = 0;
  for (let i = start; i < end; i++) {
    const cls = classOf(code.op[i]!);
    const base = cls === BPF_LDX ? code.src[i] : code.dst[i];
    const isMemory = cls === BPF_LDX || cls === BPF_STX;
    const isSpill = isMemory && base === 10 && sizeOf(code.op[i]!) === 8;
    if (isSpill && code.off[i]! > off) found = Math.min(found, code.off[i]!);
  }
  return found;
}

/** What else of unknown size is in the pointer, besides the number. */
function otherMoves(pointer: Known, number: Known): number {
  const rest = pointer.umax - number.umax;
  return rest > 0n && rest < 1n << 30n ? Number(rest) : 0;
}

/** Limits a number to `most` where it is added: by leaving, or by a mask. */
function limitsFor(
  failure: Failure,
  source: Source,
  { insn, register, state, step }: Added,
  most: number,
  least = 0,
): Candidate[] {
  if (most < 0 || most > 0x7fff_ffff) return [];
  const element = step < 0 ? 1 : elementSize(failure, register, step);
  const count = Math.floor(most / element) + 1;
  const name = indexName(source, failure.insn) ?? indexName(source, insn);
  const what = name ? `\`${name}\`` : 'the index';
  const leave = leaveInsns(failure, state);
  const candidates: Candidate[] = [];
  if (leave) {
    const below = guard((skip) => jumpImm(BPF_JGE, register, least, skip), leave);
    const above = guard((skip) => jumpImm(BPF_JLE, register, most, skip), leave);
    const first = Math.ceil(least / element);
    candidates.push({
      kind: 'bounds-check',
      title:
        least > 0
          ? `Leave if ${what} is less than ${first}, or ${count} or more.`
          : `Leave if ${what} is ${count} or more.`,
      at: insn,
      patch: before(insn, least > 0 ? [...below, ...above] : above),
      source:
        name && least <= 0 ? checkSource(failure, source, insn, name, count, state) : undefined,
    });
  }
  const mask = (2 ** Math.floor(Math.log2(count)) - 1) * element;
  const limit = [aluImm(BPF_AND, register, mask)];
  if (mask > 0 && least <= 0)
    candidates.push(maskOf(failure, source, insn, name, mask / element, limit));
  return candidates;
}

function checkSource(
  failure: Failure,
  source: Source,
  insn: number,
  name: string,
  count: number,
  state: Snapshot,
) {
  const place = indexName(source, failure.insn) === name ? failure.insn : insn;
  const out = leaveText(failure, source, place, state);
  const value = source.asUnsigned(place, name);
  return out ? source.before(place, ifThen(`${value} >= ${count}`, out)) : undefined;
}

function maskOf(
  failure: Failure,
  source: Source,
  insn: number,
  name: string | undefined,
  mask: number,
  insns: readonly Insn[],
): Candidate {
  const place = name && indexName(source, failure.insn) === name ? failure.insn : insn;
  return {
    kind: 'mask',
    title: `Mask ${name ? `\`${name}\`` : 'the index'} with ${mask}.`,
    at: insn,
    patch: before(insn, insns),
    source: name ? maskSource(source, place, name, mask) : undefined,
  };
}

/** The subscript is masked, not the variable: that may count a loop. */
function maskSource(source: Source, insn: number, name: string, mask: number) {
  const text = source.at(insn)?.text.trim() ?? '';
  if (!text.includes(`[${name}]`)) return undefined;
  return source.instead(insn, [text.replaceAll(`[${name}]`, `[${name} & ${mask}]`)]);
}

/** Bytes of an element: what the index was multiplied with on its way. */
function elementSize(failure: Failure, register: number, step: number): number {
  const { code, path } = failure;
  for (let i = step - 1; i >= Math.max(0, step - 24); i--) {
    const insn = path.insns[i]!;
    if (code.dst[insn] !== register || classOf(code.op[insn]!) !== BPF_ALU64) continue;
    const op = code.op[insn]!;
    if (op === (BPF_ALU64 | BPF_LSH))
      return wasSignExtension(failure, i) ? 1 : 2 ** code.imm[insn]!;
    if (op === (BPF_ALU64 | BPF_MUL)) return Math.max(code.imm[insn]!, 1);
  }
  return 1;
}

/** A shift by 32 to the left is half of a sign extension. */
const wasSignExtension = ({ code, path }: Failure, step: number): boolean =>
  code.imm[path.insns[step]!]! >= 16;

/** The one index in a line: `a->b[i]` → 'i'. */
function indexName(source: Source, insn: number): string | undefined {
  const text = withoutComments(source.at(insn)?.text ?? '');
  const names = [...text.matchAll(/\[([^[\]]+)\]/g)]
    .map((one) => one[1]!.trim())
    .filter((one) => !/^\d+$/.test(one));
  const unique = [...new Set(names)];
  if (unique.length === 1 && isPlainName(unique[0]!)) return unique[0];
  const sums = [...text.matchAll(/[\w)]\s*\+=?\s*([A-Za-z_]\w*)\s*[;)]/g)].map((one) => one[1]!);
  return unique.length === 0 && sums.length === 1 ? sums[0] : undefined;
}

/** The length that goes with the pointer in `register`, if it is what varies. */
function lengthRegister(
  { code, insn }: Failure,
  state: Snapshot,
  register: number,
): number | undefined {
  if (code.op[insn] !== (BPF_JMP | BPF_CALL) || register >= 5) return undefined;
  const length = registerIn(state, register + 1);
  return length.type === SCALAR_VALUE && registerIn(state, register).isConstant
    ? register + 1
    : undefined;
}

/** Makes candidates for a length that may be negative, zero or too large. */
export const lengths: Maker = (failure, source) =>
  lengthLimits(failure, source, argument(failure, 0));

function lengthLimits(failure: Failure, source: Source, register: number): Candidate[] {
  const { state, insn } = failure;
  const leave = state && leaveInsns(failure, state);
  if (!state || !leave || register < 1 || register > 5) return [];
  const pointer = registerIn(state, register - 1);
  const room = memoryEnd(failure, state, pointer) - pointer.off;
  const most = room > 0 ? Math.min(room, 0x7fff) : 0xff;
  const notZero = guard((skip) => jumpImm(BPF_JNE, register, 0, skip), leave);
  const atMost = guard((skip) => jumpImm(BPF_JLE, register, most, skip), leave);
  const clamp = [jumpImm(BPF_JLE, register, most, 1), movImm(register, most)];
  const isConstant = registerIn(state, register).isConstant;
  const mask = [aluImm(BPF_AND, register, 2 ** Math.floor(Math.log2(most + 1)) - 1)];
  const name = lengthName(failure, source, register);
  const say = name ? `\`${name}\`` : 'the length';
  const make = (kind: string, title: string, insns: readonly Insn[], check?: string) => ({
    kind,
    title,
    at: insn,
    patch: before(insn, insns),
    source: check && name ? lengthSource(failure, source, state, check) : undefined,
  });
  const value = name && source.asUnsigned(insn, name);
  if (isConstant) {
    const less = [movImm(register, most)];
    return room > 0 ? [make('clamp', `Ask for no more than ${most} bytes.`, less)] : [];
  }
  return [
    // In C both ends are checked: the compiler may compute the length once more.
    make('length-check', `Leave if ${say} is 0.`, notZero, `!${name} || ${value} > ${most}`),
    make('length-check', `Leave if ${say} is more than ${most}.`, atMost, `${value} > ${most}`),
    make(
      'length-check',
      `Leave if ${say} is 0 or more than ${most}.`,
      [...notZero, ...atMost],
      `!${name} || ${value} > ${most}`,
    ),
    make('clamp', `Cut ${say} to ${most}.`, clamp),
    make('mask', `Mask ${say} with ${2 ** Math.floor(Math.log2(most + 1)) - 1}.`, mask),
  ];
}

function lengthSource(failure: Failure, source: Source, state: Snapshot, check: string) {
  const out = leaveText(failure, source, failure.insn, state);
  return out ? source.before(failure.insn, ifThen(check, out)) : undefined;
}

/** The variable that is handed over as the length. */
function lengthName(failure: Failure, source: Source, register: number): string | undefined {
  const { code, insn } = failure;
  const text = source.at(insn)?.text ?? '';
  const name = code.src[insn] === 0 ? helperName(code.imm[insn]!) : undefined;
  const given = name ? argumentsOf(text, `bpf_${name}`)?.[register - 1] : undefined;
  return given && isPlainName(given) ? given : undefined;
}
