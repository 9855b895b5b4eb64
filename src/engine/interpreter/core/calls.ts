/** Frames, calls, tail calls. */
import {
  C_CTX,
  C_DEPTH,
  C_FAULT_ADDRESS,
  C_FAULT_ARGUMENT,
  C_FAULT_HELPER,
  C_FAULT_SIZE,
  C_FAULT_WRITE,
  C_FUEL,
  C_INTERPRETER,
  C_STACK,
  C_STACK_TOP,
  C_TAIL_CALLS,
  CPU_REGIONS,
  FAULT_FUEL,
  FAULT_STACK,
  FRAME_SIZE,
  M_MAGIC,
  M_MAX_ENTRIES,
  M_STRIDE,
  M_TYPE,
  M_VALUES,
  MAP_HEADER_SIZE,
  MAP_MAGIC,
  MAPS,
  MAX_CALL_FRAMES,
  MAX_MAPS,
  MAX_TAIL_CALLS,
  REGION_CTX,
  REGION_F_GUARD,
  REGION_MAP_HANDLE,
  REGION_PACKET,
  REGION_SIZE,
  REGION_STACK,
  R_END,
  R_FLAGS,
  R_GUARD_END,
  R_GUARD_START,
  R_START,
  TAG_BASE,
} from '../../../runtime/layout';
import { check_call } from '../../../runtime/core/contracts';
import { cpu_block } from '../../../runtime/core/instance';
import { packet_load } from '../../../runtime/core/packet_load';
import { tagged } from '../../../runtime/core/regions';
import { faultArgument, faultAt } from './fault';
import {
  FRAMES,
  FRAMES_END,
  FRAMES_USED,
  F_MAY_GOTO,
  F_R0,
  F_R1,
  F_R10,
  F_R2,
  F_R3,
  F_R4,
  F_R5,
  F_RETURN,
  F_SIZE,
  INSN_BYTES,
  I_OFF,
  I_SRC,
  I_TARGET,
  P_CHECKS,
  P_CONTEXT_SIZE,
  P_GUARD_END,
  P_GUARD_START,
  P_PACKET_END,
  P_PACKET_META,
  P_PACKET_NETWORK,
  P_PACKET_START,
  UNCAUGHT,
} from './ops';
import { imm32, src32 } from './registers';

/** BPF_MAX_LOOPS: fall-throughs of may_goto per invocation of a subprogram. */
const MAX_MAY_GOTO: u32 = 8 * 1024 * 1024;
const TAIL_CALL_HELPER: u32 = 12;
const BPF_MAP_TYPE_PROG_ARRAY: u32 = 3;

/** A new frame with its stack, all registers but r10 zero. Faults at `pc` if there is no room. */
export function pushFrame(program: u32, pc: u32): u32 {
  const used = load<u32>(cpu_block, C_INTERPRETER + FRAMES_USED);
  const stack = load<u32>(cpu_block, C_STACK_TOP);
  const room = used + F_SIZE <= <u32>(FRAMES_END - FRAMES);
  if (!room || stack - FRAME_SIZE < cpu_block + C_STACK) faultAt(program, pc, FAULT_STACK);
  const frame = cpu_block + C_INTERPRETER + FRAMES + used;
  memory.fill(frame, 0, F_SIZE);
  store<u64>(frame, tagged(REGION_STACK, stack), F_R10);
  store<u32>(frame, MAX_MAY_GOTO, F_MAY_GOTO);
  store<u32>(cpu_block, used + F_SIZE, C_INTERPRETER + FRAMES_USED);
  store<u32>(cpu_block, stack - FRAME_SIZE, C_STACK_TOP);
  return frame;
}

/** @inline */
export function popFrame(frame: u32): void {
  store<u32>(cpu_block, frame - cpu_block - C_INTERPRETER - FRAMES, C_INTERPRETER + FRAMES_USED);
  store<u32>(cpu_block, load<u32>(frame, F_R10), C_STACK_TOP);
}

/** The frame of the subprogram called at `pc`, with the caller's arguments. */
export function callLocal(program: u32, pc: u32, regs: u32): u32 {
  const frame = pushFrame(program, pc);
  memory.copy(frame + F_R1, regs + F_R1, F_R5 + 8 - F_R1);
  store<u32>(frame, pc + INSN_BYTES, F_RETURN);
  store<u32>(cpu_block, load<u32>(cpu_block, C_DEPTH) + 1, C_DEPTH);
  return frame;
}

/** Leaves a subprogram's frame: r0 goes to the caller's. @inline */
export function leaveLocal(frame: u32): void {
  store<u64>(frame - F_SIZE, load<u64>(frame, F_R0), F_R0);
  store<u32>(cpu_block, load<u32>(cpu_block, C_DEPTH) - 1, C_DEPTH);
  popFrame(frame);
}

/**
 * Gives up the frames above the program's own, `base`, which becomes the exception callback's.
 * Returns false if there is nothing to unwind to: in callbacks of helpers, and in the exception
 * callback.
 */
export function unwind(regs: u32, base: u32, cookie: u64): bool {
  if (load<u32>(base, F_RETURN) == UNCAUGHT) return false;
  for (let frame = regs; frame != base; frame -= F_SIZE) leaveLocal(frame);
  memory.fill(base, 0, F_R10);
  store<u64>(base, cookie, F_R1);
  store<u32>(base, UNCAUGHT, F_RETURN);
  store<u32>(base, MAX_MAY_GOTO, F_MAY_GOTO);
  return true;
}

/** A checked call costs fuel and needs room for one more frame. */
export function checkLocal(program: u32, pc: u32): void {
  payFuel(program, pc);
  if (load<u32>(cpu_block, C_DEPTH) + 1 >= <u32>MAX_CALL_FRAMES) faultAt(program, pc, FAULT_STACK);
}

export function payFuel(program: u32, pc: u32): void {
  const fuel = load<i64>(cpu_block, C_FUEL);
  if (fuel <= 0) faultAt(program, pc, FAULT_FUEL);
  store<i64>(cpu_block, fuel - 1, C_FUEL);
}

export function checkHelper(program: u32, pc: u32, regs: u32): void {
  const contract = load<u32>(pc, I_OFF);
  if (contract == 0) return;
  const refused = check_call(
    contract,
    load<u64>(regs, F_R1),
    load<u64>(regs, F_R2),
    load<u64>(regs, F_R3),
    load<u64>(regs, F_R4),
    load<u64>(regs, F_R5),
  );
  if (refused != 0) faultArgument(program, pc);
}

/** Calls the helper in the function table with as many arguments as it has. */
export function callHelper(pc: u32, regs: u32): u64 {
  const slot = load<u32>(pc, I_TARGET);
  const r1 = load<u64>(regs, F_R1);
  const r2 = load<u64>(regs, F_R2);
  const r3 = load<u64>(regs, F_R3);
  const r4 = load<u64>(regs, F_R4);
  switch (load<u8>(pc, I_SRC)) {
    case 0:
      return call_indirect<u64>(slot);
    case 1:
      return call_indirect<u64>(slot, r1);
    case 2:
      return call_indirect<u64>(slot, r1, r2);
    case 3:
      return call_indirect<u64>(slot, r1, r2, r3);
    case 4:
      return call_indirect<u64>(slot, r1, r2, r3, r4);
    default:
      return call_indirect<u64>(slot, r1, r2, r3, r4, load<u64>(regs, F_R5));
  }
}

/** Table slot of the program that bpf_tail_call(ctx, map, index) goes to, or 0: go on here. */
export function tailTarget(regs: u32): u32 {
  const map = load<u32>(regs, F_R2);
  const index = load<u32>(regs, F_R3);
  if (index >= load<u32>(map, M_MAX_ENTRIES)) return 0;
  const calls = load<u32>(cpu_block, C_TAIL_CALLS);
  if (calls >= <u32>MAX_TAIL_CALLS) return 0;
  const slot = load<u32>(load<u32>(map, M_VALUES) + index * load<u32>(map, M_STRIDE));
  if (slot != 0) store<u32>(cpu_block, calls + 1, C_TAIL_CALLS);
  return slot;
}

/** Runs the target in place of `frame`, which is given up first. Returns the target's r0. */
export function tailCall(frame: u32, slot: u32): u64 {
  popFrame(frame);
  return call_indirect<u64>(slot, load<u32>(frame, F_R1));
}

export function checkTailCall(program: u32, pc: u32, regs: u32): void {
  const context = load<u64>(regs, F_R1);
  if (context != tagged(REGION_CTX, load<u32>(cpu_block, C_CTX))) refuse(program, pc, 1, context);
  const map = load<u64>(regs, F_R2);
  if (!isProgramArray(map)) refuse(program, pc, 2, map);
}

function isProgramArray(map: u64): bool {
  if (map >> 32 != <u64>(<u32>TAG_BASE + REGION_MAP_HANDLE)) return false;
  const offset = <u32>map - MAPS;
  if (offset >= <u32>(MAX_MAPS * MAP_HEADER_SIZE) || offset % MAP_HEADER_SIZE != 0) return false;
  return (
    load<u32>(<u32>map, M_MAGIC) == MAP_MAGIC &&
    load<u32>(<u32>map, M_TYPE) == BPF_MAP_TYPE_PROG_ARRAY
  );
}

function refuse(program: u32, pc: u32, argument: u32, value: u64): void {
  store<u64>(cpu_block, value, C_FAULT_ADDRESS);
  store<u32>(cpu_block, 0, C_FAULT_SIZE);
  store<u32>(cpu_block, 0, C_FAULT_WRITE);
  store<u32>(cpu_block, TAIL_CALL_HELPER, C_FAULT_HELPER);
  store<u32>(cpu_block, argument, C_FAULT_ARGUMENT);
  faultArgument(program, pc);
}

/** Fills the region records of the context and its packet. */
export function openContext(program: u32, context: u32): void {
  const record = cpu_block + CPU_REGIONS + REGION_CTX * REGION_SIZE;
  store<u32>(record, context, R_START);
  store<u32>(record, context + load<u32>(program, P_CONTEXT_SIZE), R_END);
  const guardEnd = load<u32>(program, P_GUARD_END);
  store<u32>(record, guardEnd == 0 ? 0 : REGION_F_GUARD, R_FLAGS);
  store<u32>(record, context + load<u32>(program, P_GUARD_START), R_GUARD_START);
  store<u32>(record, context + guardEnd, R_GUARD_END);
  openPacket(program);
}

/** Packet bounds as the context has them now: from metadata, if there is some, to the end. */
export function openPacket(program: u32): void {
  const startField = load<i32>(program, P_PACKET_START);
  if (startField < 0) return;
  const context = load<u32>(cpu_block, C_CTX);
  let start = load<u32>(context + startField);
  const metaField = load<i32>(program, P_PACKET_META);
  if (metaField >= 0) start = min(start, load<u32>(context + metaField));
  const record = cpu_block + CPU_REGIONS + REGION_PACKET * REGION_SIZE;
  store<u32>(record, start, R_START);
  store<u32>(record, load<u32>(context + load<u32>(program, P_PACKET_END)), R_END);
}

/** @inline */
export function isChecked(program: u32): bool {
  return load<u32>(program, P_CHECKS) != 0;
}

/** ld_abs and ld_ind: the value, or -1 when it lies outside of the packet. */
export function loadPacket(program: u32, pc: u32, regs: u32): i64 {
  const context = load<u32>(cpu_block, C_CTX);
  const start = load<u32>(context + load<u32>(program, P_PACKET_START));
  const end = load<u32>(context + load<u32>(program, P_PACKET_END));
  const field = load<i32>(program, P_PACKET_NETWORK);
  const network: i32 = field < 0 ? -1 : load<i32>(context + field);
  const index: u32 = load<u8>(pc, I_SRC) == 255 ? 0 : src32(pc, regs);
  return packet_load(start, end, network, <i32>(index + imm32(pc)), load<u32>(pc, I_OFF));
}
