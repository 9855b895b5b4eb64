/** How a run ends that must not go on: the fault record, then a trap. */
import {
  C_FAULT_ADDRESS,
  C_FAULT_ARGUMENT,
  C_FAULT_HELPER,
  C_FAULT_INSN,
  C_FAULT_KIND,
  C_FAULT_PROGRAM,
  C_FAULT_SIZE,
  C_FAULT_WRITE,
  FAULT_HELPER_ARGUMENT,
  FAULT_NO_HELPER,
  FAULT_NONE,
  FAULT_UNALIGNED,
} from '../../../runtime/layout';
import { cpu_block } from '../../../runtime/core/instance';
import { region_check } from '../../../runtime/core/regions';
import { INSN_BYTES, I_IMM, P_CODE, P_ID, P_ORIGINS } from './ops';

/** Number of the BPF instruction that the record at `pc` stands for. */
export function originOf(program: u32, pc: u32): u32 {
  const record = (pc - load<u32>(program, P_CODE)) / INSN_BYTES;
  return load<u32>(load<u32>(program, P_ORIGINS) + record * 4);
}

function record(program: u32, pc: u32, kind: u32): void {
  store<u32>(cpu_block, kind, C_FAULT_KIND);
  store<u32>(cpu_block, originOf(program, pc), C_FAULT_INSN);
  store<u32>(cpu_block, load<u32>(program, P_ID), C_FAULT_PROGRAM);
}

/** Ends the run at `pc` because of an access. */
export function fault(program: u32, pc: u32, kind: u32, address: u64, size: u32, write: u32): void {
  record(program, pc, kind);
  store<u64>(cpu_block, address, C_FAULT_ADDRESS);
  store<u32>(cpu_block, size, C_FAULT_SIZE);
  store<u32>(cpu_block, write, C_FAULT_WRITE);
  store<u32>(cpu_block, 0, C_FAULT_HELPER);
  store<u32>(cpu_block, 0, C_FAULT_ARGUMENT);
  unreachable();
}

/** Ends the run at `pc` for a reason that has no address. */
export function faultAt(program: u32, pc: u32, kind: u32): void {
  fault(program, pc, kind, 0, 0, 0);
}

/** Ends the run at a call of a helper that is not there. */
export function faultNoHelper(program: u32, pc: u32): void {
  record(program, pc, FAULT_NO_HELPER);
  store<u64>(cpu_block, 0, C_FAULT_ADDRESS);
  store<u32>(cpu_block, 0, C_FAULT_SIZE);
  store<u32>(cpu_block, 0, C_FAULT_WRITE);
  store<u32>(cpu_block, load<u32>(pc, I_IMM), C_FAULT_HELPER);
  store<u32>(cpu_block, 0, C_FAULT_ARGUMENT);
  unreachable();
}

/** Ends the run at a call whose argument was refused; check_call has left the details. */
export function faultArgument(program: u32, pc: u32): void {
  record(program, pc, FAULT_HELPER_ARGUMENT);
  unreachable();
}

/** Goes on only if the program may access these bytes. @inline */
export function check(program: u32, pc: u32, address: u64, size: u32, write: u32): void {
  const kind = region_check(address, size, write);
  if (kind != FAULT_NONE) fault(program, pc, kind, address, size, write);
}

export function checkAtomic(program: u32, pc: u32, address: u64, size: u32): void {
  check(program, pc, address, size, 1);
  if ((<u32>address & (size - 1)) != 0) fault(program, pc, FAULT_UNALIGNED, address, size, 1);
}
