import { programTypeFacts } from '../../../abi/index.ts';
import {
  BPF_ADD,
  BPF_AND,
  BPF_CALL,
  BPF_DW,
  BPF_JLE,
  BPF_JMP,
  BPF_K,
  BPF_W,
} from '../../../isa/index.ts';
import { helperContract } from '../../../abi/index.ts';
import {
  PTR_TO_CTX,
  PTR_TO_PACKET,
  PTR_TO_PACKET_END,
  PTR_TO_PACKET_META,
} from '../../state/layout.ts';
import { before, type Candidate, type Maker } from './candidate.ts';
import { type Failure, historyOf, said } from './failure.ts';
import { addImm, aluImm, type Insn, jumpReg, load, movReg, store } from './insns.ts';
import { fetch, functionAt, guard, leaveInsns, leaveText } from './leave.ts';
import type { Insertion } from './patch.ts';
import { freeStack, scratchRegisters } from './scratch.ts';
import { heldBy, type Holder, holderOf, type Known, registerIn } from './snapshot.ts';
import { bytes } from '../causes/cause.ts';
import { dereferenced, ifThen, type Source, withoutComments } from './source.ts';

/** Where contexts have the packet's ends: offsets, and the size of the fields. */
const PACKET_FIELDS: Readonly<Record<string, { start: number; end: number; size: number }>> = {
  xdp_md: { start: 0, end: 4, size: BPF_W },
  __sk_buff: { start: 76, end: 80, size: BPF_W },
  sk_msg_md: { start: 0, end: 8, size: BPF_DW },
  sk_reuseport_md: { start: 0, end: 8, size: BPF_DW },
  bpf_sockopt: { start: 8, end: 16, size: BPF_DW },
};

/** Offsets into packets stay below this (MAX_PACKET_OFF). */
const MAX_PACKET_OFF = 0xffff;

/** What ends the memory a pointer leads to: the packet ends metadata. */
const END_OF: Readonly<Record<number, number>> = {
  [PTR_TO_PACKET]: PTR_TO_PACKET_END,
  [PTR_TO_PACKET_META]: PTR_TO_PACKET,
};

const fieldsOf = ({ env }: Failure) =>
  PACKET_FIELDS[programTypeFacts.find(({ id }) => id === env.programType)?.struct ?? ''];

/** `if (p + N > data_end) return …;` before the access. */
export const packetChecks: Maker = (failure, source) => {
  const { state, insn } = failure;
  const bounds = said(failure, 'mem.packet_bounds');
  if (!state || !bounds) return [];
  const [off, size, register] = bounds.args.map(Number) as [number, number, number];
  const pointer = registerIn(state, register);
  const leave = leaveInsns(failure, state);
  if (!END_OF[pointer.base] || !leave) return [];
  const check = checkInsns(failure, register, off + size - pointer.off, leave);
  if (!check) return [];
  const limit = limitMoved(failure, register, pointer, off + size, leave);
  return [
    {
      kind: 'bounds-check',
      title: `Compare with \`data_end\` before the ${bytes(size)} are used.`,
      at: insn,
      patch: { insertions: [...check, ...limit] },
      // Of two changes one text would tell only half.
      source: limit.length === 0 ? checkSource(failure, source, pointer, off + size) : undefined,
    },
  ];
};

/** Compares `register` + `distance` with the end of the packet, before the failing instruction. */
function checkInsns(
  failure: Failure,
  register: number,
  distance: number,
  leave: readonly Insn[],
): Insertion[] | undefined {
  const { insn, state } = failure;
  const lastBase = END_OF[registerIn(state!, register).base]!;
  const isMeta = lastBase === PTR_TO_PACKET;
  const end = holderOf(
    state!,
    ({ base, off, isConstant }) => base === lastBase && (!isMeta || (isConstant && off === 0)),
  );
  const inRegister = end !== undefined && end.register >= 0;
  const keep = [register, ...(inRegister ? [end.register] : [])];
  const context = end || !fieldsOf(failure) ? undefined : contextHolder(failure);
  if (!end && !context) return undefined;
  const scratch = scratchRegisters(failure, insn, inRegister ? 1 : 2, [
    ...keep,
    ...(context && context.holder.register >= 0 ? [context.holder.register] : []),
  ]);
  if (!scratch) return undefined;
  const [sum, last] = [scratch.registers[0]!, scratch.registers[1] ?? end!.register];
  const insns: Insn[] = [...scratch.save];
  if (end && !inRegister) insns.push(fetch(last, end));
  if (context) insns.push(...context.load(last, isMeta ? 'start' : 'end'));
  insns.push(movReg(sum, register), addImm(sum, distance));
  insns.push(...guard((skip) => jumpReg(BPF_JLE, sum, last, skip), leave), ...scratch.restore);
  return [...(context?.keep ?? []), { at: insn, insns, jumps: 'enter' }];
}

export interface ContextHolder {
  readonly holder: Holder;
  readonly keep: readonly Insertion[];
  load(register: number, field: 'start' | 'end'): Insn[];
}

/** Where the context is at the failing instruction; kept on the stack from the start if nowhere. */
export function contextHolder(failure: Failure): ContextHolder | undefined {
  const fields = fieldsOf(failure);
  const state = failure.state!;
  const found = holderOf(
    state,
    ({ base, off, isConstant, value }) =>
      base === PTR_TO_CTX && off === 0 && isConstant && value === 0n,
  );
  const use = (holder: Holder, keep: readonly Insertion[]): ContextHolder => ({
    holder,
    keep,
    load: (register, field) => [
      fetch(register, holder),
      load(fields?.size ?? BPF_W, register, register, fields?.[field] ?? 0),
    ],
  });
  if (found) return use(found, []);
  const start = functionAt(failure, failure.insn);
  // Below what scratch registers may take.
  const off = freeStack(failure, failure.insn, 4);
  if (start !== 0 || state.current !== 0 || off === undefined) return undefined;
  const slot = -off / 8 - 1;
  const insns = [store(BPF_DW, 10, off, 1)];
  return use({ frame: 0, register: -1, slot }, [{ at: 0, insns, jumps: 'skip' }]);
}

/** A moved pointer gets no range if the number may be too large: the number is limited first. */
function limitMoved(
  failure: Failure,
  register: number,
  pointer: Known,
  needed: number,
  leave: readonly Insn[],
): Insertion[] {
  if (pointer.umax + BigInt(needed) <= MAX_PACKET_OFF) return [];
  const moved = historyOf(failure, register).findLast(({ kind }) => kind === 'moved');
  if (!moved || leave.length > 2) return [];
  const number = failure.code.src[moved.insn]!;
  return [{ at: moved.insn, insns: [aluImm(BPF_AND, number, 0x7fff)], jumps: 'enter' }];
}

/** Names of the variables that hold the packet's ends, as the function's lines tell. */
interface EndNames {
  readonly start?: string;
  readonly end?: string;
  /** The variables are bytes or void, so that numbers can be added as they are. */
  readonly bytes: boolean;
}

function endNames(failure: Failure, source: Source): EndNames {
  const start = functionAt(failure, failure.insn);
  const head = source.at(start);
  const own = failure.input.lineInfo
    .filter(({ file, line }) => file === head?.file && line >= head.line)
    .filter(({ insn }) => functionAt(failure, insn) === start)
    .map(({ text }) => withoutComments(text));
  const find = (field: string) => {
    const pattern = new RegExp(`(\\w+)\\s*=[^=].*->${field}\\s*;`);
    return own.map((text) => pattern.exec(text)).find((one) => one !== null);
  };
  const [data, end] = [find('data'), find('data_end')];
  const isMoved =
    data && own.some((text) => new RegExp(`\\b${data[1]}\\s*(\\+=|-=|\\+\\+|--)`).test(text));
  return {
    ...(data && !isMoved ? { start: data[1]! } : {}),
    ...(end ? { end: end[1]! } : {}),
    bytes: [data, end].every((one) => one && /\b(void|__u8|char|uint8_t)\s*\*/.test(one.input)),
  };
}

function checkSource(failure: Failure, source: Source, pointer: Known, needed: number) {
  const { insn, state } = failure;
  const out = leaveText(failure, source, insn, state);
  if (pointer.base !== PTR_TO_PACKET) return undefined;
  const names = endNames(failure, source);
  const text = source.at(insn)?.text ?? '';
  const end = endText(failure, source, names);
  if (!out || !end) return undefined;
  const used = dereferenced(text).filter((name) => name !== names.start);
  const byName = used.length === 1 ? behindName(text, used[0]!) : undefined;
  const isFixed = pointer.isConstant && pointer.value === 0n && pointer.id === 0;
  const bytes = names.bytes && end === names.end;
  const byData = names.start && isFixed ? `${names.start} + ${needed}` : undefined;
  const cast = (one: string) => `(void *)(${one})`;
  const limit = bytes ? end : end.startsWith('(') ? end : `(void *)${end}`;
  if (byName) return source.before(insn, ifThen(`${cast(byName)} > ${limit}`, out));
  if (!byData) return undefined;
  const sum = bytes ? byData : `(void *)${byData}`;
  return source.before(insn, ifThen(`${sum} > ${limit}`, out));
}

/** The end in C: its variable, or the context's field. */
function endText(failure: Failure, source: Source, names: EndNames): string | undefined {
  if (names.end) return names.end;
  const start = functionAt(failure, failure.insn);
  const head = source.at(start);
  const context = head && /(\w+)\s*\*\s*(\w+)\s*\)/.exec(head.text)?.[2];
  return start === 0 && context ? `(void *)(long)${context}->data_end` : undefined;
}

/** What stands behind all that a line uses of `name`: `ip->ttl` → 'ip + 1', `p[3]` → 'p + 4'. */
function behindName(text: string, name: string): string | undefined {
  const bare = withoutComments(text);
  const indexes = [...bare.matchAll(new RegExp(`\\b${name}\\s*\\[([^\\]]*)\\]`, 'g'))];
  if (indexes.length === 0) return `${name} + 1`;
  const inner = [...new Set(indexes.map((one) => one[1]!.trim()))];
  if (inner.every((one) => /^\d+$/.test(one)))
    return `${name} + ${Math.max(...inner.map(Number)) + 1}`;
  return inner.length === 1 && /^[\w.\->]+$/.test(inner[0]!)
    ? `${name} + ${inner[0]} + 1`
    : undefined;
}

/** The pointer died in a call that changes the packet: it is made anew and checked again. */
export function packetReloads(failure: Failure, source: Source, register: number): Candidate[] {
  const { state, insn, path, code } = failure;
  const step = path.insns.findLastIndex(
    (at, i) => i < path.length - 1 && changesPacket(failure, at),
  );
  const fields = fieldsOf(failure);
  if (!state || step < 0 || !fields) return [];
  const before0 = failure.statesAt([step]).get(step);
  const place = placeAt(failure, register, step);
  const old = before0 && place && heldBy(before0, place.holder);
  if (!old || old.base !== PTR_TO_PACKET || !old.isConstant) return [];
  const leave = leaveInsns(failure, state);
  const context = contextHolder(failure);
  if (!leave || !context || context.holder.register === register) return [];
  const size = accessEnd(failure, register);
  const keep = [register, ...(context.holder.register >= 0 ? [context.holder.register] : [])];
  const scratch = scratchRegisters(failure, insn, 2, keep);
  if (!scratch || (code.op[insn]! & 7) === 7) return [];
  const [sum, last] = scratch.registers as [number, number];
  const distance = old.off + Number(old.value) + place.added;
  const insns = [
    ...scratch.save,
    ...context.load(last, 'end'),
    ...context.load(register, 'start'),
    ...(distance === 0 ? [] : [addImm(register, distance)]),
    movReg(sum, register),
    addImm(sum, size),
    ...guard((skip) => jumpReg(BPF_JLE, sum, last, skip), leave),
    ...scratch.restore,
  ];
  return [
    {
      kind: 'reload-packet',
      title: 'Read `data` and `data_end` again behind the call, and check again.',
      at: insn,
      patch: { insertions: [...context.keep, ...before(insn, insns).insertions!] },
      shown: insns,
      source: reloadSource(failure, source),
    },
  ];
}

function changesPacket({ code, env }: Failure, at: number): boolean {
  if (code.op[at] !== (BPF_JMP | BPF_CALL)) return false;
  if (code.src[at] === 0) return helperContract(code.imm[at]!)?.changesPacket === true;
  const called = env.subprogs.find(({ start }) => start === at + 1 + code.imm[at]!);
  return code.src[at] === 1 && called?.changesPacket === true;
}

/** Bytes behind the register that the failing instruction needs. */
function accessEnd({ code, insn }: Failure, register: number): number {
  const isCall = code.op[insn] === (BPF_JMP | BPF_CALL);
  const size = [4, 2, 1, 8][(code.op[insn]! >> 3) & 3]!;
  return isCall ? 8 : Math.max(code.off[insn]! + size, register < 0 ? 0 : 1);
}

/** Where the value of a register was at an earlier step, and what was added since. */
function placeAt(failure: Failure, register: number, step: number) {
  const { code } = failure;
  let holder: Holder = { frame: failure.state!.current, register, slot: 0 };
  let added = 0;
  for (const one of historyOf(failure, register).toReversed()) {
    if (one.step <= step) break;
    if (one.kind === 'copied') holder = { ...holder, register: code.src[one.insn]! };
    else if (one.kind === 'filled') {
      const slot = failure.path.slots[one.step]!;
      holder = { frame: slot >> 6, register: -1, slot: slot & 63 };
    } else if (one.kind === 'spilled') holder = { ...holder, register: code.src[one.insn]! };
    else if (one.kind === 'changed' && code.op[one.insn] === (0x07 | BPF_ADD | BPF_K)) {
      added += code.imm[one.insn]!;
    } else if (one.kind !== 'tested') return undefined;
  }
  return { holder, added };
}

/** The assignments of the packet's variables once more, and the check. */
function reloadSource(failure: Failure, source: Source) {
  const { insn, state } = failure;
  const out = leaveText(failure, source, insn, state);
  const names = endNames(failure, source);
  const text = source.at(insn)?.text ?? '';
  const used = dereferenced(text);
  if (!out || !names.start || !names.end || used.length !== 1) return undefined;
  const name = used[0]!;
  const sum = behindName(text, name);
  const again = [names.start, names.end, name].map((one) => assignmentOf(failure, source, one));
  if (!sum || again.some((one) => one === undefined)) return undefined;
  const lines = [...new Set(again as string[])];
  return source.before(insn, [...lines, ...ifThen(`(void *)(${sum}) > (void *)${names.end}`, out)]);
}

/** The statement that gave a variable its value, without the type of a declaration. */
function assignmentOf({ input, insn }: Failure, source: Source, name: string): string | undefined {
  const head = source.at(0);
  const found = input.lineInfo.find(
    (one) =>
      one.insn < insn &&
      one.file === head?.file &&
      one.line >= head.line &&
      new RegExp(`(^|[\\s*])${name}\\s*=[^=].*;`).test(withoutComments(one.text)),
  );
  const statement = found && new RegExp(`\\b${name}\\s*=[^=].*;`).exec(withoutComments(found.text));
  return statement?.[0];
}
