/** Atomic operations (RFC 9669 section 5.3). Plain accesses unless other CPUs share the memory. */
import { I_SRC, F_R0 } from './ops';
import { imm32, src, src32, to } from './registers';

const FETCH: u32 = 0x01;
const ADD: u32 = 0x00;
const OR: u32 = 0x40;
const AND: u32 = 0x50;
const XOR: u32 = 0xa0;
const CMPXCHG: u32 = 0xf1;

/** STX | ATOMIC of 64 bits. */
export function atomic64(pc: u32, regs: u32): void {
  const operation = imm32(pc);
  if (operation == CMPXCHG) {
    const expected = load<u64>(regs, F_R0);
    store<u64>(regs, compareExchange<u64>(to(pc, regs), expected, src(pc, regs)), F_R0);
    return;
  }
  const old = change<u64>(to(pc, regs), operation, src(pc, regs));
  if (operation & FETCH) store<u64>(regs + load<u8>(pc, I_SRC), old);
}

/** STX | ATOMIC of 32 bits; what is fetched is zero-extended. */
export function atomic32(pc: u32, regs: u32): void {
  const operation = imm32(pc);
  if (operation == CMPXCHG) {
    const expected = load<u32>(regs, F_R0);
    store<u64>(regs, compareExchange<u32>(to(pc, regs), expected, src32(pc, regs)), F_R0);
    return;
  }
  const old = change<u32>(to(pc, regs), operation, src32(pc, regs));
  if (operation & FETCH) store<u64>(regs + load<u8>(pc, I_SRC), old);
}

/** Returns what was there. */
function change<T>(at: u32, operation: u32, value: T): T {
  if (SHARED) return changeShared<T>(at, operation, value);
  const old = load<T>(at);
  switch (operation & ~FETCH) {
    case ADD:
      store<T>(at, old + value);
      break;
    case OR:
      store<T>(at, old | value);
      break;
    case AND:
      store<T>(at, old & value);
      break;
    case XOR:
      store<T>(at, old ^ value);
      break;
    default:
      store<T>(at, value);
  }
  return old;
}

function changeShared<T>(at: u32, operation: u32, value: T): T {
  switch (operation & ~FETCH) {
    case ADD:
      return atomic.add<T>(at, value);
    case OR:
      return atomic.or<T>(at, value);
    case AND:
      return atomic.and<T>(at, value);
    case XOR:
      return atomic.xor<T>(at, value);
    default:
      return atomic.xchg<T>(at, value);
  }
}

function compareExchange<T>(at: u32, expected: T, value: T): T {
  if (SHARED) return atomic.cmpxchg<T>(at, expected, value);
  const old = load<T>(at);
  if (old == expected) store<T>(at, value);
  return old;
}
