/**
 * Checks of helper arguments for code nobody has verified. A contract record says for each of the
 * five arguments what must hold; engine/contracts.ts makes the records from abi's call contracts.
 */
import {
  CPU_REGIONS,
  C_CTX,
  C_FAULT_ADDRESS,
  C_FAULT_ARGUMENT,
  C_FAULT_HELPER,
  C_FAULT_SIZE,
  C_FAULT_WRITE,
  CONTRACT_ARGUMENT_SIZE,
  CONTRACT_CALLBACK,
  CONTRACT_CTX,
  CONTRACT_F_NULLABLE,
  CONTRACT_F_WRITE,
  CONTRACT_F_ZERO_OK,
  CONTRACT_FIXED,
  CONTRACT_HELPER,
  CONTRACT_KEY,
  CONTRACT_MAP,
  CONTRACT_MEM,
  CONTRACT_NONE,
  CONTRACT_POINTER,
  CONTRACT_SCALAR,
  CONTRACT_STRING,
  CONTRACT_VALUE,
  FAULT_NONE,
  M_KEY_SIZE,
  M_MAGIC,
  M_VALUE_SIZE,
  MAP_HEADER_SIZE,
  MAP_MAGIC,
  MAPS,
  MAX_MAPS,
  REGION_CTX,
  REGION_FUNCTION,
  REGION_MAP_HANDLE,
  REGION_SIZE,
  R_ELEMENT,
  R_OWNER,
  TAG_BASE,
} from '../layout';
import { cpu_block } from './instance';
import { region_check, tagged } from './regions';

/** Largest length a helper takes; a longer one is a negative number or garbage. */
const MAX_LENGTH: u64 = 0x1fffffff;

/**
 * Number of the first argument (1..5) that breaks the contract at `contract`, or 0. The details are
 * then in the CPU block's fault record; the caller adds kind, instruction and program, and traps.
 */
export function check_call(contract: u32, a1: u64, a2: u64, a3: u64, a4: u64, a5: u64): u32 {
  let map: u32 = 0;
  for (let i: u32 = 0; i < 5; i++) {
    const argument = contract + i * CONTRACT_ARGUMENT_SIZE;
    const kind = load<u8>(argument);
    if (kind == CONTRACT_NONE) break;
    if (kind == CONTRACT_SCALAR) continue;
    const value = pick(i, a1, a2, a3, a4, a5);
    if (value == 0 && load<u8>(argument, 1) & CONTRACT_F_NULLABLE && kind != CONTRACT_MEM) continue;
    if (kind == CONTRACT_MAP) {
      if (!isMap(value)) return refuse(contract, i, value, 0, 0);
      map = <u32>value;
      continue;
    }
    const length = pick(load<u8>(argument, 2), a1, a2, a3, a4, a5);
    const refused = checkArgument(contract, argument, i, value, length, map);
    if (refused != 0) return refused;
  }
  return 0;
}

function checkArgument(
  contract: u32,
  argument: u32,
  i: u32,
  value: u64,
  length: u64,
  map: u32,
): u32 {
  switch (<i32>load<u8>(argument)) {
    case CONTRACT_CTX:
      return value == tagged(REGION_CTX, load<u32>(cpu_block, C_CTX))
        ? 0
        : refuse(contract, i, value, 0, 0);
    case CONTRACT_KEY:
      return memory_(contract, argument, i, value, map == 0 ? 0 : load<u32>(map, M_KEY_SIZE));
    case CONTRACT_VALUE:
      return memory_(contract, argument, i, value, map == 0 ? 0 : load<u32>(map, M_VALUE_SIZE));
    case CONTRACT_FIXED:
      return memory_(contract, argument, i, value, load<u32>(argument, 4));
    case CONTRACT_MEM:
      return sized(contract, argument, i, value, length);
    case CONTRACT_STRING:
      return text(contract, i, value);
    case CONTRACT_CALLBACK:
      return isCallback(value) ? 0 : refuse(contract, i, value, 0, 0);
    case CONTRACT_POINTER:
      return memory_(contract, argument, i, value, 1);
    default:
      return 0;
  }
}

/** Memory whose length is another argument. Nothing need be behind a pointer to zero bytes. */
function sized(contract: u32, argument: u32, i: u32, value: u64, length: u64): u32 {
  const flags = load<u8>(argument, 1);
  const lengthArgument = load<u8>(argument, 2);
  if (length > MAX_LENGTH) return refuse(contract, lengthArgument, length, 0, 0);
  if (length == 0) {
    return flags & CONTRACT_F_ZERO_OK ? 0 : refuse(contract, lengthArgument, length, 0, 0);
  }
  return memory_(contract, argument, i, value, <u32>length);
}

function memory_(contract: u32, argument: u32, i: u32, value: u64, size: u32): u32 {
  const write: u32 = load<u8>(argument, 1) & CONTRACT_F_WRITE ? 1 : 0;
  if (region_check(value, size, write) == FAULT_NONE) return 0;
  return refuse(contract, i, value, size, write);
}

/** A string is right when its NUL comes before the end of its region. */
function text(contract: u32, i: u32, value: u64): u32 {
  let at = value;
  while (region_check(at, 1, 0) == FAULT_NONE) {
    if (load<u8>(<u32>at) == 0) return 0;
    at++;
  }
  return refuse(contract, i, at, 1, 0);
}

function isMap(value: u64): bool {
  if (value >> 32 != <u64>(<u32>TAG_BASE + REGION_MAP_HANDLE)) return false;
  const offset = <u32>value - MAPS;
  if (offset >= <u32>(MAX_MAPS * MAP_HEADER_SIZE) || offset % MAP_HEADER_SIZE != 0) return false;
  return load<u32>(<u32>value, M_MAGIC) == MAP_MAGIC;
}

function isCallback(value: u64): bool {
  if (value >> 32 != <u64>(<u32>TAG_BASE + REGION_FUNCTION)) return false;
  const record = cpu_block + CPU_REGIONS + REGION_FUNCTION * REGION_SIZE;
  const slot = <u32>value;
  if (slot >= load<u32>(record, R_ELEMENT)) return false;
  return ((load<u8>(load<u32>(record, R_OWNER) + (slot >> 3)) >> <u8>(slot & 7)) & 1) != 0;
}

function pick(i: u32, a1: u64, a2: u64, a3: u64, a4: u64, a5: u64): u64 {
  if (i == 0) return a1;
  if (i == 1) return a2;
  if (i == 2) return a3;
  return i == 3 ? a4 : a5;
}

function refuse(contract: u32, i: u32, address: u64, size: u32, write: u32): u32 {
  store<u64>(cpu_block, address, C_FAULT_ADDRESS);
  store<u32>(cpu_block, size, C_FAULT_SIZE);
  store<u32>(cpu_block, write, C_FAULT_WRITE);
  store<u32>(cpu_block, load<u32>(contract, CONTRACT_HELPER), C_FAULT_HELPER);
  store<u32>(cpu_block, i + 1, C_FAULT_ARGUMENT);
  return i + 1;
}
