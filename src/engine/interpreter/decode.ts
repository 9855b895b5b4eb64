import {
  BPF_JA,
  BPF_JMP,
  BPF_JMP32,
  BPF_PSEUDO_FUNC,
  type Code,
  type InsnInfo,
  insnInfo,
  LD_IMM64 as WIDE,
} from '../../isa/index.ts';
import type { Runtime } from '../../runtime/types.ts';
import { REGION_FUNCTION, TAG_BASE } from '../../runtime/layout.ts';
import { calleeOf, readCode } from '../callee.ts';
import { contractAddress } from '../contracts.ts';
import { isExecutable } from '../executable.ts';
import type { ProgramImage } from '../types.ts';
import * as ops from './core/ops.ts';

const TAIL_CALL = 12;
const JUMP = BPF_JMP | BPF_JA;
const LONG_JUMP = BPF_JMP32 | BPF_JA;
/** In place of a register number: ld_abs has no index register. */
const NO_REGISTER = 255;

export interface Probes {
  readonly checks: boolean;
  readonly profile: boolean;
  readonly steps: boolean;
  /** Calls say where they are and what pointer they give. */
  readonly watch: boolean;
}

/** Which record stands for what; made before the records, which hold addresses of each other. */
export interface Plan {
  readonly code: Code;
  readonly probes: Probes;
  /** Start of the function an instruction belongs to, and the end of that function. */
  readonly functionStart: Int32Array;
  readonly functionEnd: Int32Array;
  /** Instructions that some ld_imm64 takes the address of. */
  readonly callbacks: readonly number[];
  /** First record (a probe, if there are any) of each instruction. */
  readonly recordOf: Int32Array;
  /** Number of records of the code itself; those that jumps go through follow. */
  readonly records: number;
  /** All records, with room for one more per jump. */
  readonly capacity: number;
}

/** Calls of helpers and kernel functions, tail calls left out. */
function isHelperCall(code: Code, i: number): boolean {
  if (!isExecutable(code, i)) return false;
  const info = insnInfo(code.op[i]!, code.off[i], code.src[i], code.imm[i]);
  return info?.kind === 'call_helper' && code.imm[i] !== TAIL_CALL;
}

/** Cuts the code into functions and gives every instruction its place. Never fails. */
export function planProgram(image: ProgramImage, probes: Probes): Plan {
  const code = readCode(image);
  const callbacks = targetsOf(code, isCallbackLoad);
  const calls = targetsOf(code, isLocalCall);
  const named = image.functions.map((f) => f.start);
  const starts = [...new Set([0, ...named, ...calls, ...callbacks])]
    .filter((start) => start >= 0 && start < code.length)
    .sort((a, b) => a - b);
  const functionStart = new Int32Array(code.length);
  const functionEnd = new Int32Array(code.length);
  const recordOf = new Int32Array(code.length + 1);
  const perInsn = 1 + (probes.profile ? 1 : 0) + (probes.steps ? 1 : 0);
  let record = 0;
  starts.forEach((start, k) => {
    const end = starts[k + 1] ?? code.length;
    functionStart.fill(start, start, end);
    functionEnd.fill(end, start, end);
    for (let i = start; i < end; i++) {
      recordOf[i] = record;
      if (isSecondSlot(code, i)) record++;
      else if (!isDropped(code, i, end, probes)) {
        record += perInsn + (probes.watch && isHelperCall(code, i) ? 2 : 0);
      }
    }
    // What control that runs off the end of a function finds there.
    record++;
  });
  const capacity = record + code.length;
  return {
    code,
    probes,
    functionStart,
    functionEnd,
    callbacks,
    recordOf,
    records: record,
    capacity,
  };
}

/**
 * A jump to the next instruction, which is what a static branch is while it is off, costs nothing:
 * what comes behind it stands in its place. Those who count or step see it.
 */
function isDropped(code: Code, i: number, end: number, { profile, steps }: Probes): boolean {
  if (profile || steps || i + 1 >= end) return false;
  const isJump = code.op[i] === JUMP || code.op[i] === LONG_JUMP;
  return isJump && code.off[i] === 0 && code.imm[i] === 0 && isExecutable(code, i);
}

function isCallbackLoad(code: Code, i: number): boolean {
  return code.op[i] === WIDE && code.src[i] === BPF_PSEUDO_FUNC;
}

function isLocalCall(code: Code, i: number): boolean {
  return insnInfo(code.op[i]!, code.off[i], code.src[i], code.imm[i])?.kind === 'call_local';
}

function targetsOf(code: Code, matches: (code: Code, i: number) => boolean): number[] {
  const targets = new Set<number>();
  for (let i = 0; i < code.length; i += code.op[i] === WIDE ? 2 : 1) {
    const target = i + 1 + code.imm[i]!;
    if (matches(code, i) && target >= 0 && target < code.length) targets.add(target);
  }
  return [...targets];
}

/** Slots are read in order, so a second slot is one whose predecessor is an ld_imm64's first. */
function isSecondSlot(code: Code, i: number): boolean {
  return i > 0 && code.op[i] === 0 && code.op[i - 1] === WIDE;
}

/** Addresses the records need. */
export interface Places {
  /** First record. */
  readonly records: number;
  /** One u32 per record: the instruction it stands for. */
  readonly origins: number;
  /** One u64 per instruction, when profiling. */
  readonly counters: number;
  /** Table slot of the callback that starts at an instruction. */
  readonly callbackSlots: ReadonlyMap<number, number>;
}

/** Writes all records of a planned program into the runtime's memory. */
export function writeProgram(
  plan: Plan,
  image: ProgramImage,
  runtime: Runtime,
  places: Places,
): void {
  // Contracts and helper slots may allocate: they come before the view is taken.
  const helpers = collectHelpers(plan.code, image, runtime, plan.probes.checks);
  new ProgramWriter(plan, image, runtime.view(), places, helpers).write();
}

interface Helper {
  readonly slot: number;
  readonly arity: number;
  readonly contract: number;
  readonly throws: boolean;
}

function collectHelpers(code: Code, image: ProgramImage, runtime: Runtime, checks: boolean) {
  const helpers = new Map<number, Helper>();
  for (let i = 0; i < code.length; i++) {
    const info = insnInfo(code.op[i]!, code.off[i], code.src[i], code.imm[i]);
    const id = code.imm[i]!;
    if (info?.kind !== 'call_helper' || id === TAIL_CALL || helpers.has(id)) continue;
    const { fn, arity, contract } = calleeOf(image, runtime, id);
    helpers.set(id, {
      slot: fn === undefined ? -1 : runtime.addFunction(fn),
      arity,
      contract: checks ? contractAddress(runtime, id, contract) : 0,
      throws: contract?.throws === true,
    });
  }
  return helpers;
}

/** The checked form of an opcode that has one. */
const CHECKED: ReadonlyMap<number, number> = new Map([
  [ops.LDX_B, ops.CHECKED_LDX_B],
  [ops.LDX_H, ops.CHECKED_LDX_H],
  [ops.LDX_W, ops.CHECKED_LDX_W],
  [ops.LDX_DW, ops.CHECKED_LDX_DW],
  [ops.LDSX_B, ops.CHECKED_LDSX_B],
  [ops.LDSX_H, ops.CHECKED_LDSX_H],
  [ops.LDSX_W, ops.CHECKED_LDSX_W],
  [ops.ST_B, ops.CHECKED_ST_B],
  [ops.ST_H, ops.CHECKED_ST_H],
  [ops.ST_W, ops.CHECKED_ST_W],
  [ops.ST_DW, ops.CHECKED_ST_DW],
  [ops.STX_B, ops.CHECKED_STX_B],
  [ops.STX_H, ops.CHECKED_STX_H],
  [ops.STX_W, ops.CHECKED_STX_W],
  [ops.STX_DW, ops.CHECKED_STX_DW],
  [ops.ATOMIC_W, ops.CHECKED_ATOMIC_W],
  [ops.ATOMIC_DW, ops.CHECKED_ATOMIC_DW],
  [ops.CALL_LOCAL, ops.CHECKED_CALL_LOCAL],
  [ops.CALL_HELPER, ops.CHECKED_CALL_HELPER],
  [ops.TAIL_CALL, ops.CHECKED_TAIL_CALL],
]);

/** Forms that BPF tells apart by other fields than the opcode, by name in the instruction table. */
const FORMS: ReadonlyMap<string, number> = new Map([
  ['sdiv64', ops.SDIV64_X],
  ['sdiv64_k', ops.SDIV64_K],
  ['smod64', ops.SMOD64_X],
  ['smod64_k', ops.SMOD64_K],
  ['sdiv32', ops.SDIV32_X],
  ['sdiv32_k', ops.SDIV32_K],
  ['smod32', ops.SMOD32_X],
  ['smod32_k', ops.SMOD32_K],
  ['movsx64_8', ops.MOVSX64_8],
  ['movsx64_16', ops.MOVSX64_16],
  ['movsx64_32', ops.MOVSX64_32],
  ['movsx32_8', ops.MOVSX32_8],
  ['movsx32_16', ops.MOVSX32_16],
  ['le16', ops.ZEXT16],
  ['le32', ops.ZEXT32],
  ['le64', ops.LE64],
  ['be16', ops.SWAP16],
  ['be32', ops.SWAP32],
  ['be64', ops.SWAP64],
  ['bswap16', ops.SWAP16],
  ['bswap32', ops.SWAP32],
  ['bswap64', ops.SWAP64],
  ['addr_space_cast', ops.MOV64_X],
]);

class ProgramWriter {
  readonly plan: Plan;
  readonly image: ProgramImage;
  readonly view: DataView;
  readonly places: Places;
  readonly helpers: ReadonlyMap<number, Helper>;
  /** Next record to write; next free record after the code's own. */
  next = 0;
  extra: number;

  constructor(
    plan: Plan,
    image: ProgramImage,
    view: DataView,
    places: Places,
    helpers: ReadonlyMap<number, Helper>,
  ) {
    this.plan = plan;
    this.image = image;
    this.view = view;
    this.places = places;
    this.helpers = helpers;
    this.extra = plan.records;
  }

  write(): void {
    const { code, functionEnd } = this.plan;
    for (let i = 0; i < code.length; i++) {
      if (isSecondSlot(code, i)) this.record(i, ops.BAD_INSN);
      else this.insn(i);
      if (functionEnd[i] === i + 1) this.record(i + 1, ops.BAD_INSN);
    }
  }

  private insn(i: number): void {
    const { code, probes, functionEnd } = this.plan;
    if (isDropped(code, i, functionEnd[i]!, probes)) return;
    if (probes.steps) this.record(i, ops.STEP);
    if (probes.profile) this.record(i, ops.COUNT, { target: this.places.counters + i * 8 });
    const info = isExecutable(code, i)
      ? insnInfo(code.op[i]!, code.off[i], code.src[i], code.imm[i])
      : undefined;
    if (info === undefined) this.record(i, ops.BAD_INSN);
    else this.executable(i, info);
  }

  private executable(i: number, info: InsnInfo): void {
    switch (info.kind) {
      case 'ja':
        return this.jump(i, ops.JA, info.imm === 'jump' ? this.plan.code.imm[i]! : undefined);
      case 'jump':
      case 'may_goto':
        return this.jump(i, info.op);
      case 'call_local':
        return this.callLocal(i);
      case 'call_helper':
        return this.callHelper(i);
      case 'ld_imm64':
        return this.wide(i);
      case 'ld_abs':
      case 'ld_ind':
        return this.packetLoad(i, info);
      default:
        this.record(i, this.checked(FORMS.get(info.name) ?? info.op));
    }
  }

  private checked(op: number): number {
    return this.plan.probes.checks ? (CHECKED.get(op) ?? op) : op;
  }

  private addressOf(record: number): number {
    return this.places.records + record * ops.INSN_BYTES;
  }

  private jump(i: number, op: number, distance = this.plan.code.off[i]!): void {
    this.record(i, op, { target: this.addressOf(this.landing(i, i + 1 + distance)) });
  }

  /** Record a jump goes to: not the target's own if the jump is bad, or costs fuel. */
  private landing(i: number, target: number): number {
    const { functionStart, functionEnd, recordOf, probes } = this.plan;
    const inside = target >= functionStart[i]! && target < functionEnd[i]!;
    if (inside && !(probes.checks && target <= i)) return recordOf[target]!;
    const landing = this.extra++;
    if (!inside) this.recordAt(landing, i, ops.BAD_INSN);
    else this.recordAt(landing, i, ops.FUEL_JUMP, { target: this.addressOf(recordOf[target]!) });
    return landing;
  }

  private callLocal(i: number): void {
    const { code, recordOf } = this.plan;
    const target = i + 1 + code.imm[i]!;
    if (target < 0 || target >= code.length) return this.record(i, ops.BAD_INSN);
    const op = this.checked(ops.CALL_LOCAL);
    this.record(i, op, { target: this.addressOf(recordOf[target]!) });
  }

  private callHelper(i: number): void {
    const id = this.plan.code.imm[i]!;
    if (id === TAIL_CALL) return this.record(i, this.checked(ops.TAIL_CALL));
    const helper = this.helpers.get(id)!;
    const { watch } = this.plan.probes;
    if (watch) this.record(i, ops.WATCH);
    if (helper.throws) this.record(i, ops.THROW, { target: this.exceptionCallback() });
    else if (helper.slot < 0) this.record(i, ops.NO_HELPER);
    else {
      this.record(i, this.checked(ops.CALL_HELPER), {
        off: helper.contract,
        target: helper.slot,
        src: helper.arity,
      });
    }
    if (watch) this.record(i, ops.OBTAINED);
  }

  private exceptionCallback(): number {
    const { exceptionCallback: insn } = this.image;
    return insn === undefined ? 0 : this.addressOf(this.plan.recordOf[insn]!);
  }

  private wide(i: number): void {
    const { code } = this.plan;
    if (!isCallbackLoad(code, i)) {
      return this.record(i, ops.LD_IMM64, { target: code.imm[i + 1]! });
    }
    const slot = this.places.callbackSlots.get(i + 1 + code.imm[i]!);
    if (slot === undefined) return this.record(i, ops.BAD_INSN);
    this.record(i, ops.LD_IMM64, { imm: slot, target: TAG_BASE + REGION_FUNCTION });
  }

  private packetLoad(i: number, info: InsnInfo): void {
    if (!this.image.context.packet) return this.record(i, ops.BAD_INSN);
    const src = info.kind === 'ld_abs' ? NO_REGISTER : undefined;
    this.record(i, ops.LD_PACKET, { off: info.bits / 8, src });
  }

  private record(i: number, op: number, fields: Fields = {}): void {
    this.recordAt(this.next++, i, op, fields);
  }

  private recordAt(record: number, i: number, op: number, fields: Fields = {}): void {
    const { code } = this.plan;
    const { view } = this;
    const at = this.addressOf(record);
    view.setUint16(at + ops.I_OP, op, true);
    view.setUint8(at + ops.I_DST, (code.dst[i] ?? 0) * 8);
    view.setUint8(at + ops.I_SRC, fields.src ?? (code.src[i] ?? 0) * 8);
    view.setInt32(at + ops.I_OFF, fields.off ?? code.off[i] ?? 0, true);
    view.setInt32(at + ops.I_IMM, fields.imm ?? code.imm[i] ?? 0, true);
    view.setInt32(at + ops.I_TARGET, fields.target ?? 0, true);
    view.setUint32(this.places.origins + record * 4, i, true);
  }
}

/** Fields of a record that are not simply the instruction's own. */
interface Fields {
  readonly src?: number | undefined;
  readonly off?: number;
  readonly imm?: number;
  readonly target?: number;
}
