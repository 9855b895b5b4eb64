/**
 * The interpreter: one switch over the opcode. Registers are in memory, in the frame at `regs`;
 * `pc` is the address of the record to run. What a record holds is in ops.ts.
 */
import { C_INTERPRETER, FAULT_BAD_INSN } from '../../../runtime/layout';
import { cpu_block } from '../../../runtime/core/instance';
import { mem_obtained, watch } from '../../../runtime/core/mem-log';
import { atomic32, atomic64 } from './atomic';
import {
  callHelper,
  callLocal,
  checkHelper,
  checkLocal,
  checkTailCall,
  leaveLocal,
  loadPacket,
  openPacket,
  payFuel,
  tailCall,
  tailTarget,
  unwind,
} from './calls';
import { div32, div64, mod32, mod64, sdiv32, sdiv64, smod32, smod64 } from './divide';
import { check, checkAtomic, faultAt, faultNoHelper, originOf } from './fault';
import {
  ADD32_K,
  ADD32_X,
  ADD64_K,
  ADD64_X,
  AND32_K,
  AND32_X,
  AND64_K,
  AND64_X,
  ARSH32_K,
  ARSH32_X,
  ARSH64_K,
  ARSH64_X,
  ATOMIC_DW,
  ATOMIC_W,
  CALL_HELPER,
  CALL_LOCAL,
  CHECKED_ATOMIC_DW,
  CHECKED_ATOMIC_W,
  CHECKED_CALL_HELPER,
  CHECKED_CALL_LOCAL,
  CHECKED_LDSX_B,
  CHECKED_LDSX_H,
  CHECKED_LDSX_W,
  CHECKED_LDX_B,
  CHECKED_LDX_DW,
  CHECKED_LDX_H,
  CHECKED_LDX_W,
  CHECKED_STX_B,
  CHECKED_STX_DW,
  CHECKED_STX_H,
  CHECKED_STX_W,
  CHECKED_ST_B,
  CHECKED_ST_DW,
  CHECKED_ST_H,
  CHECKED_ST_W,
  CHECKED_TAIL_CALL,
  COUNT,
  DIV32_K,
  DIV32_X,
  DIV64_K,
  DIV64_X,
  EXIT,
  FUEL_JUMP,
  F_MAY_GOTO,
  F_R0,
  F_R1,
  F_RETURN,
  F_SIZE,
  INSN_BYTES,
  I_IMM,
  I_OP,
  I_TARGET,
  JA,
  JEQ32_K,
  JEQ32_X,
  JEQ64_K,
  JEQ64_X,
  JGE32_K,
  JGE32_X,
  JGE64_K,
  JGE64_X,
  JGT32_K,
  JGT32_X,
  JGT64_K,
  JGT64_X,
  JLE32_K,
  JLE32_X,
  JLE64_K,
  JLE64_X,
  JLT32_K,
  JLT32_X,
  JLT64_K,
  JLT64_X,
  JNE32_K,
  JNE32_X,
  JNE64_K,
  JNE64_X,
  JSET32_K,
  JSET32_X,
  JSET64_K,
  JSET64_X,
  JSGE32_K,
  JSGE32_X,
  JSGE64_K,
  JSGE64_X,
  JSGT32_K,
  JSGT32_X,
  JSGT64_K,
  JSGT64_X,
  JSLE32_K,
  JSLE32_X,
  JSLE64_K,
  JSLE64_X,
  JSLT32_K,
  JSLT32_X,
  JSLT64_K,
  JSLT64_X,
  LDSX_B,
  LDSX_H,
  LDSX_W,
  LE64,
  LDX_B,
  LDX_DW,
  LDX_H,
  LDX_W,
  LD_IMM64,
  LD_PACKET,
  LSH32_K,
  LSH32_X,
  LSH64_K,
  LSH64_X,
  MAY_GOTO,
  MOD32_K,
  MOD32_X,
  MOD64_K,
  MOD64_X,
  MOV32_K,
  MOV32_X,
  MOV64_K,
  MOV64_X,
  MOVSX32_16,
  MOVSX32_8,
  MOVSX64_16,
  MOVSX64_32,
  MOVSX64_8,
  MUL32_K,
  MUL32_X,
  MUL64_K,
  MUL64_X,
  NEG32,
  NEG64,
  NO_HELPER,
  OBTAINED,
  OR32_K,
  OR32_X,
  OR64_K,
  OR64_X,
  P_ID,
  P_LISTENER,
  RSH32_K,
  RSH32_X,
  RSH64_K,
  RSH64_X,
  SDIV32_K,
  SDIV32_X,
  SDIV64_K,
  SDIV64_X,
  SMOD32_K,
  SMOD32_X,
  SMOD64_K,
  SMOD64_X,
  STEP,
  STEPS_LEFT,
  WATCH,
  STX_B,
  STX_DW,
  STX_H,
  STX_W,
  ST_B,
  ST_DW,
  ST_H,
  ST_W,
  SUB32_K,
  SUB32_X,
  SUB64_K,
  SUB64_X,
  SWAP16,
  SWAP32,
  SWAP64,
  TAIL_CALL,
  THROW,
  XOR32_K,
  XOR32_X,
  XOR64_K,
  XOR64_X,
  ZEXT16,
  ZEXT32,
} from './ops';
import {
  dst,
  dst32,
  from,
  imm,
  imm32,
  loadAddress,
  next,
  put,
  put32,
  src,
  src32,
  storeAddress,
  to,
} from './registers';

/**
 * The hook in JavaScript: listener, BPF instruction, address of the frame. Throws to stop.
 * @external host step
 */
declare function step(listener: u32, insn: u32, regs: u32): void;

/**
 * Runs from the record at `pc` in the frame `regs` until the frame `base`, which is it or called
 * it, exits; returns its r0.
 */
export function execute(program: u32, pc: u32, base: u32, regs: u32): u64 {
  for (;;) {
    // biome-ignore format: one line per opcode
    switch (<i32>load<u16>(pc, I_OP)) {
      // ---- 64-bit arithmetic
      case ADD64_K: put(pc, regs, dst(pc, regs) + imm(pc)); break;
      case ADD64_X: put(pc, regs, dst(pc, regs) + src(pc, regs)); break;
      case SUB64_K: put(pc, regs, dst(pc, regs) - imm(pc)); break;
      case SUB64_X: put(pc, regs, dst(pc, regs) - src(pc, regs)); break;
      case MUL64_K: put(pc, regs, dst(pc, regs) * imm(pc)); break;
      case MUL64_X: put(pc, regs, dst(pc, regs) * src(pc, regs)); break;
      case DIV64_K: put(pc, regs, div64(dst(pc, regs), imm(pc))); break;
      case DIV64_X: put(pc, regs, div64(dst(pc, regs), src(pc, regs))); break;
      case MOD64_K: put(pc, regs, mod64(dst(pc, regs), imm(pc))); break;
      case MOD64_X: put(pc, regs, mod64(dst(pc, regs), src(pc, regs))); break;
      case OR64_K: put(pc, regs, dst(pc, regs) | imm(pc)); break;
      case OR64_X: put(pc, regs, dst(pc, regs) | src(pc, regs)); break;
      case AND64_K: put(pc, regs, dst(pc, regs) & imm(pc)); break;
      case AND64_X: put(pc, regs, dst(pc, regs) & src(pc, regs)); break;
      case XOR64_K: put(pc, regs, dst(pc, regs) ^ imm(pc)); break;
      case XOR64_X: put(pc, regs, dst(pc, regs) ^ src(pc, regs)); break;
      case LSH64_K: put(pc, regs, dst(pc, regs) << (imm(pc) & 63)); break;
      case LSH64_X: put(pc, regs, dst(pc, regs) << (src(pc, regs) & 63)); break;
      case RSH64_K: put(pc, regs, dst(pc, regs) >> (imm(pc) & 63)); break;
      case RSH64_X: put(pc, regs, dst(pc, regs) >> (src(pc, regs) & 63)); break;
      case ARSH64_K: put(pc, regs, <u64>(<i64>dst(pc, regs) >> (<i64>imm(pc) & 63))); break;
      case ARSH64_X: put(pc, regs, <u64>(<i64>dst(pc, regs) >> (<i64>src(pc, regs) & 63))); break;
      case MOV64_K: put(pc, regs, imm(pc)); break;
      case MOV64_X: put(pc, regs, src(pc, regs)); break;
      case NEG64: put(pc, regs, 0 - dst(pc, regs)); break;
      case SDIV64_K: put(pc, regs, sdiv64(dst(pc, regs), imm(pc))); break;
      case SDIV64_X: put(pc, regs, sdiv64(dst(pc, regs), src(pc, regs))); break;
      case SMOD64_K: put(pc, regs, smod64(dst(pc, regs), imm(pc))); break;
      case SMOD64_X: put(pc, regs, smod64(dst(pc, regs), src(pc, regs))); break;

      // ---- 32-bit arithmetic
      case ADD32_K: put32(pc, regs, dst32(pc, regs) + imm32(pc)); break;
      case ADD32_X: put32(pc, regs, dst32(pc, regs) + src32(pc, regs)); break;
      case SUB32_K: put32(pc, regs, dst32(pc, regs) - imm32(pc)); break;
      case SUB32_X: put32(pc, regs, dst32(pc, regs) - src32(pc, regs)); break;
      case MUL32_K: put32(pc, regs, dst32(pc, regs) * imm32(pc)); break;
      case MUL32_X: put32(pc, regs, dst32(pc, regs) * src32(pc, regs)); break;
      case DIV32_K: put32(pc, regs, div32(dst32(pc, regs), imm32(pc))); break;
      case DIV32_X: put32(pc, regs, div32(dst32(pc, regs), src32(pc, regs))); break;
      case MOD32_K: put32(pc, regs, mod32(dst32(pc, regs), imm32(pc))); break;
      case MOD32_X: put32(pc, regs, mod32(dst32(pc, regs), src32(pc, regs))); break;
      case OR32_K: put32(pc, regs, dst32(pc, regs) | imm32(pc)); break;
      case OR32_X: put32(pc, regs, dst32(pc, regs) | src32(pc, regs)); break;
      case AND32_K: put32(pc, regs, dst32(pc, regs) & imm32(pc)); break;
      case AND32_X: put32(pc, regs, dst32(pc, regs) & src32(pc, regs)); break;
      case XOR32_K: put32(pc, regs, dst32(pc, regs) ^ imm32(pc)); break;
      case XOR32_X: put32(pc, regs, dst32(pc, regs) ^ src32(pc, regs)); break;
      case LSH32_K: put32(pc, regs, dst32(pc, regs) << (imm32(pc) & 31)); break;
      case LSH32_X: put32(pc, regs, dst32(pc, regs) << (src32(pc, regs) & 31)); break;
      case RSH32_K: put32(pc, regs, dst32(pc, regs) >> (imm32(pc) & 31)); break;
      case RSH32_X: put32(pc, regs, dst32(pc, regs) >> (src32(pc, regs) & 31)); break;
      case ARSH32_K: put32(pc, regs, <u32>(<i32>dst32(pc, regs) >> (<i32>imm32(pc) & 31))); break;
      case ARSH32_X: put32(pc, regs, <u32>(<i32>dst32(pc, regs) >> (src32(pc, regs) & 31))); break;
      case MOV32_K: put32(pc, regs, imm32(pc)); break;
      case MOV32_X: put32(pc, regs, src32(pc, regs)); break;
      case NEG32: put32(pc, regs, 0 - dst32(pc, regs)); break;
      case SDIV32_K: put32(pc, regs, sdiv32(dst32(pc, regs), imm32(pc))); break;
      case SDIV32_X: put32(pc, regs, sdiv32(dst32(pc, regs), src32(pc, regs))); break;
      case SMOD32_K: put32(pc, regs, smod32(dst32(pc, regs), imm32(pc))); break;
      case SMOD32_X: put32(pc, regs, smod32(dst32(pc, regs), src32(pc, regs))); break;

      // ---- Sign extension and byte order
      case MOVSX64_8: put(pc, regs, <u64>(<i64>(<i8>src32(pc, regs)))); break;
      case MOVSX64_16: put(pc, regs, <u64>(<i64>(<i16>src32(pc, regs)))); break;
      case MOVSX64_32: put(pc, regs, <u64>(<i64>(<i32>src32(pc, regs)))); break;
      case MOVSX32_8: put32(pc, regs, <u32>(<i32>(<i8>src32(pc, regs)))); break;
      case MOVSX32_16: put32(pc, regs, <u32>(<i32>(<i16>src32(pc, regs)))); break;
      case ZEXT16: put32(pc, regs, dst32(pc, regs) & 0xffff); break;
      case ZEXT32: put32(pc, regs, dst32(pc, regs)); break;
      case LE64: break;
      case SWAP16: put32(pc, regs, <u32>bswap<u16>(<u16>dst32(pc, regs))); break;
      case SWAP32: put32(pc, regs, bswap<u32>(dst32(pc, regs))); break;
      case SWAP64: put(pc, regs, bswap<u64>(dst(pc, regs))); break;

      // ---- Jumps
      case JA: pc = load<u32>(pc, I_TARGET); continue;
      case JEQ64_K: pc = next(pc, dst(pc, regs) == imm(pc)); continue;
      case JEQ64_X: pc = next(pc, dst(pc, regs) == src(pc, regs)); continue;
      case JNE64_K: pc = next(pc, dst(pc, regs) != imm(pc)); continue;
      case JNE64_X: pc = next(pc, dst(pc, regs) != src(pc, regs)); continue;
      case JGT64_K: pc = next(pc, dst(pc, regs) > imm(pc)); continue;
      case JGT64_X: pc = next(pc, dst(pc, regs) > src(pc, regs)); continue;
      case JGE64_K: pc = next(pc, dst(pc, regs) >= imm(pc)); continue;
      case JGE64_X: pc = next(pc, dst(pc, regs) >= src(pc, regs)); continue;
      case JLT64_K: pc = next(pc, dst(pc, regs) < imm(pc)); continue;
      case JLT64_X: pc = next(pc, dst(pc, regs) < src(pc, regs)); continue;
      case JLE64_K: pc = next(pc, dst(pc, regs) <= imm(pc)); continue;
      case JLE64_X: pc = next(pc, dst(pc, regs) <= src(pc, regs)); continue;
      case JSET64_K: pc = next(pc, (dst(pc, regs) & imm(pc)) != 0); continue;
      case JSET64_X: pc = next(pc, (dst(pc, regs) & src(pc, regs)) != 0); continue;
      case JSGT64_K: pc = next(pc, <i64>dst(pc, regs) > <i64>imm(pc)); continue;
      case JSGT64_X: pc = next(pc, <i64>dst(pc, regs) > <i64>src(pc, regs)); continue;
      case JSGE64_K: pc = next(pc, <i64>dst(pc, regs) >= <i64>imm(pc)); continue;
      case JSGE64_X: pc = next(pc, <i64>dst(pc, regs) >= <i64>src(pc, regs)); continue;
      case JSLT64_K: pc = next(pc, <i64>dst(pc, regs) < <i64>imm(pc)); continue;
      case JSLT64_X: pc = next(pc, <i64>dst(pc, regs) < <i64>src(pc, regs)); continue;
      case JSLE64_K: pc = next(pc, <i64>dst(pc, regs) <= <i64>imm(pc)); continue;
      case JSLE64_X: pc = next(pc, <i64>dst(pc, regs) <= <i64>src(pc, regs)); continue;
      case JEQ32_K: pc = next(pc, dst32(pc, regs) == imm32(pc)); continue;
      case JEQ32_X: pc = next(pc, dst32(pc, regs) == src32(pc, regs)); continue;
      case JNE32_K: pc = next(pc, dst32(pc, regs) != imm32(pc)); continue;
      case JNE32_X: pc = next(pc, dst32(pc, regs) != src32(pc, regs)); continue;
      case JGT32_K: pc = next(pc, dst32(pc, regs) > imm32(pc)); continue;
      case JGT32_X: pc = next(pc, dst32(pc, regs) > src32(pc, regs)); continue;
      case JGE32_K: pc = next(pc, dst32(pc, regs) >= imm32(pc)); continue;
      case JGE32_X: pc = next(pc, dst32(pc, regs) >= src32(pc, regs)); continue;
      case JLT32_K: pc = next(pc, dst32(pc, regs) < imm32(pc)); continue;
      case JLT32_X: pc = next(pc, dst32(pc, regs) < src32(pc, regs)); continue;
      case JLE32_K: pc = next(pc, dst32(pc, regs) <= imm32(pc)); continue;
      case JLE32_X: pc = next(pc, dst32(pc, regs) <= src32(pc, regs)); continue;
      case JSET32_K: pc = next(pc, (dst32(pc, regs) & imm32(pc)) != 0); continue;
      case JSET32_X: pc = next(pc, (dst32(pc, regs) & src32(pc, regs)) != 0); continue;
      case JSGT32_K: pc = next(pc, <i32>dst32(pc, regs) > <i32>imm32(pc)); continue;
      case JSGT32_X: pc = next(pc, <i32>dst32(pc, regs) > <i32>src32(pc, regs)); continue;
      case JSGE32_K: pc = next(pc, <i32>dst32(pc, regs) >= <i32>imm32(pc)); continue;
      case JSGE32_X: pc = next(pc, <i32>dst32(pc, regs) >= <i32>src32(pc, regs)); continue;
      case JSLT32_K: pc = next(pc, <i32>dst32(pc, regs) < <i32>imm32(pc)); continue;
      case JSLT32_X: pc = next(pc, <i32>dst32(pc, regs) < <i32>src32(pc, regs)); continue;
      case JSLE32_K: pc = next(pc, <i32>dst32(pc, regs) <= <i32>imm32(pc)); continue;
      case JSLE32_X: pc = next(pc, <i32>dst32(pc, regs) <= <i32>src32(pc, regs)); continue;

      // ---- Memory. A checked form checks, then falls through to the plain one.
      case CHECKED_LDX_B: check(program, pc, loadAddress(pc, regs), 1, 0);
      case LDX_B: put(pc, regs, load<u8>(from(pc, regs))); break;
      case CHECKED_LDX_H: check(program, pc, loadAddress(pc, regs), 2, 0);
      case LDX_H: put(pc, regs, load<u16>(from(pc, regs))); break;
      case CHECKED_LDX_W: check(program, pc, loadAddress(pc, regs), 4, 0);
      case LDX_W: put(pc, regs, load<u32>(from(pc, regs))); break;
      case CHECKED_LDX_DW: check(program, pc, loadAddress(pc, regs), 8, 0);
      case LDX_DW: put(pc, regs, load<u64>(from(pc, regs))); break;
      case CHECKED_LDSX_B: check(program, pc, loadAddress(pc, regs), 1, 0);
      case LDSX_B: put(pc, regs, <u64>(<i64>load<i8>(from(pc, regs)))); break;
      case CHECKED_LDSX_H: check(program, pc, loadAddress(pc, regs), 2, 0);
      case LDSX_H: put(pc, regs, <u64>(<i64>load<i16>(from(pc, regs)))); break;
      case CHECKED_LDSX_W: check(program, pc, loadAddress(pc, regs), 4, 0);
      case LDSX_W: put(pc, regs, <u64>(<i64>load<i32>(from(pc, regs)))); break;
      case CHECKED_ST_B: check(program, pc, storeAddress(pc, regs), 1, 1);
      case ST_B: store<u8>(to(pc, regs), <u8>imm(pc)); break;
      case CHECKED_ST_H: check(program, pc, storeAddress(pc, regs), 2, 1);
      case ST_H: store<u16>(to(pc, regs), <u16>imm(pc)); break;
      case CHECKED_ST_W: check(program, pc, storeAddress(pc, regs), 4, 1);
      case ST_W: store<u32>(to(pc, regs), <u32>imm(pc)); break;
      case CHECKED_ST_DW: check(program, pc, storeAddress(pc, regs), 8, 1);
      case ST_DW: store<u64>(to(pc, regs), <u64>imm(pc)); break;
      case CHECKED_STX_B: check(program, pc, storeAddress(pc, regs), 1, 1);
      case STX_B: store<u8>(to(pc, regs), <u8>src(pc, regs)); break;
      case CHECKED_STX_H: check(program, pc, storeAddress(pc, regs), 2, 1);
      case STX_H: store<u16>(to(pc, regs), <u16>src(pc, regs)); break;
      case CHECKED_STX_W: check(program, pc, storeAddress(pc, regs), 4, 1);
      case STX_W: store<u32>(to(pc, regs), <u32>src(pc, regs)); break;
      case CHECKED_STX_DW: check(program, pc, storeAddress(pc, regs), 8, 1);
      case STX_DW: store<u64>(to(pc, regs), <u64>src(pc, regs)); break;
      case CHECKED_ATOMIC_W: checkAtomic(program, pc, storeAddress(pc, regs), 4);
      case ATOMIC_W: atomic32(pc, regs); break;
      case CHECKED_ATOMIC_DW: checkAtomic(program, pc, storeAddress(pc, regs), 8);
      case ATOMIC_DW: atomic64(pc, regs); break;
      case LD_IMM64:
        put(pc, regs, load<u64>(pc, I_IMM));
        pc += 2 * INSN_BYTES;
        continue;
      case LD_PACKET: {
        const value = loadPacket(program, pc, regs);
        if (value >= 0) {
          store<i64>(regs, value, F_R0);
          break;
        }
        store<u64>(regs, 0, F_R0);
        if (regs == base) return 0;
        pc = load<u32>(regs, F_RETURN);
        leaveLocal(regs);
        regs -= F_SIZE;
        continue;
      }

      // ---- Calls
      case CHECKED_CALL_LOCAL: checkLocal(program, pc);
      case CALL_LOCAL:
        regs = callLocal(program, pc, regs);
        pc = load<u32>(pc, I_TARGET);
        continue;
      case EXIT:
        if (regs == base) return load<u64>(regs, F_R0);
        pc = load<u32>(regs, F_RETURN);
        leaveLocal(regs);
        regs -= F_SIZE;
        continue;
      case CHECKED_CALL_HELPER: checkHelper(program, pc, regs);
        store<u64>(regs, callHelper(pc, regs), F_R0);
        openPacket(program);
        break;
      case CALL_HELPER: store<u64>(regs, callHelper(pc, regs), F_R0); break;
      case CHECKED_TAIL_CALL: checkTailCall(program, pc, regs);
      case TAIL_CALL: {
        const slot = tailTarget(regs);
        if (slot == 0) break;
        pc = load<u32>(regs, F_RETURN);
        const result = tailCall(regs, slot);
        if (regs == base) return result;
        store<u64>(regs, result, F_R0);
        leaveLocal(regs);
        regs -= F_SIZE;
        continue;
      }
      case THROW: {
        const cookie = load<u64>(regs, F_R1);
        if (!unwind(regs, base, cookie)) faultAt(program, pc, FAULT_BAD_INSN);
        pc = load<u32>(pc, I_TARGET);
        if (pc == 0) return cookie;
        regs = base;
        continue;
      }
      case MAY_GOTO: {
        const left = load<u32>(regs, F_MAY_GOTO);
        pc = next(pc, left == 0);
        if (left != 0) store<u32>(regs, left - 1, F_MAY_GOTO);
        continue;
      }

      // ---- Probes
      case FUEL_JUMP:
        payFuel(program, pc);
        pc = load<u32>(pc, I_TARGET);
        continue;
      case COUNT: {
        const counter = load<u32>(pc, I_TARGET);
        store<u64>(counter, load<u64>(counter) + 1);
        break;
      }
      case STEP: {
        const left = load<u32>(cpu_block, C_INTERPRETER + STEPS_LEFT);
        if (left == 0) step(load<u32>(program, P_LISTENER), originOf(program, pc), regs);
        else store<u32>(cpu_block, left - 1, C_INTERPRETER + STEPS_LEFT);
        break;
      }
      case WATCH: watch(load<u32>(program, P_ID), originOf(program, pc)); break;
      case OBTAINED: mem_obtained(load<u64>(regs, F_R0)); break;
      case NO_HELPER: faultNoHelper(program, pc); break;
      default:
        faultAt(program, pc, FAULT_BAD_INSN);
    }
    pc += INSN_BYTES;
  }
  return unreachable();
}
