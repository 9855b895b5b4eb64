import { gates } from '../gates.ts';
import {
  BPF_ADD,
  BPF_AND,
  BPF_CMPXCHG,
  BPF_DW,
  BPF_FETCH,
  BPF_OR,
  BPF_W,
  BPF_XCHG,
  BPF_XOR,
} from '../../isa/index.ts';
import type { VerifierEnv } from '../env.ts';
import { typeText } from '../log/print-state.ts';
import { memMessages } from '../messages/mem.ts';
import { checkRegArg } from '../prune/liveness.ts';
import {
  baseType,
  NOT_INIT,
  PTR_TO_ARENA,
  PTR_TO_BTF_ID,
  PTR_TO_CTX,
  PTR_TO_SOCK_COMMON,
  PTR_TO_SOCKET,
  PTR_TO_TCP_SOCK,
  PTR_TO_XDP_SOCK,
  PTR_UNTRUSTED,
  regAt,
  TYPE,
} from '../state/layout.ts';
import { sanityCheckBounds } from '../value/bounds.ts';
import { checkMemAccess } from './access.ts';
import { isContextReg, isFlowKeysReg, isPacketReg, isPointerValue, isSkReg } from './pointers.ts';

const SIZE_MASK = 0x18;
/** By the two size bits of the opcode: W, H, B, DW. */
const SIZES = [4, 2, 1, 8];

/** Bytes a load or store accesses. */
function accessSize(env: VerifierEnv, insn: number): number {
  return SIZES[(env.code.op[insn]! & SIZE_MASK) >> 3]!;
}

const typeOf = (env: VerifierEnv, regno: number) => env.regs[regAt(regno) + TYPE]!;

/** Instructions on these are rewritten by what the pointer is: it must be the same on all paths. */
function mustAgree(type: number): boolean {
  switch (baseType(type)) {
    case PTR_TO_CTX:
    case PTR_TO_SOCKET:
    case PTR_TO_SOCK_COMMON:
    case PTR_TO_TCP_SOCK:
    case PTR_TO_XDP_SOCK:
    case PTR_TO_BTF_ID:
    case PTR_TO_ARENA:
      return true;
    default:
      return false;
  }
}

/**
 * Notes what pointer the instruction goes through; another path must not come with one that needs
 * another rewrite. Mirrors save_aux_ptr_type.
 */
export function savePointerType(env: VerifierEnv, type: number, allowTrustMismatch: boolean): void {
  const saved = env.aux.pointerType;
  const previous = saved[env.insnIdx]!;
  if (previous === NOT_INIT) {
    saved[env.insnIdx] = type;
    return;
  }
  if (type === previous || (!mustAgree(type) && !mustAgree(previous))) return;
  const bothBtf = baseType(type) === PTR_TO_BTF_ID && baseType(previous) === PTR_TO_BTF_ID;
  if (!allowTrustMismatch || !bothBtf) env.reject('EINVAL', memMessages.different_pointers());
  // The untrusted kind of load is fine for both.
  saved[env.insnIdx] = PTR_TO_BTF_ID | PTR_UNTRUSTED;
}

/** A load, or (`context`) what looks like one to the words. Mirrors check_load_mem. */
export function checkLoad(
  env: VerifierEnv,
  insn: number,
  strictOnce: boolean,
  isLdsx: boolean,
  allowTrustMismatch: boolean,
  context = 'ldx',
): void {
  const { src, dst, off } = env.code;
  const from = src[insn]!;
  const to = dst[insn]!;
  checkRegArg(env, from, 'src');
  checkRegArg(env, to, 'dst_no_mark');
  const type = typeOf(env, from);
  const size = accessSize(env, insn);
  checkMemAccess(env, env.insnIdx, from, off[insn]!, size, 'read', to, strictOnce, isLdsx);
  savePointerType(env, type, allowTrustMismatch);
  sanityCheckBounds(env, env.regs, regAt(to), context);
}

/** Mirrors check_store_reg. */
export function checkStoreReg(env: VerifierEnv, insn: number, strictOnce: boolean): void {
  const { src, dst, off } = env.code;
  const value = src[insn]!;
  const to = dst[insn]!;
  checkRegArg(env, value, 'src');
  checkRegArg(env, to, 'src');
  const type = typeOf(env, to);
  const size = accessSize(env, insn);
  checkMemAccess(env, env.insnIdx, to, off[insn]!, size, 'write', value, strictOnce, false);
  savePointerType(env, type, false);
}

/** A store of a constant: the BPF_ST case of do_check. */
export function checkStoreImm(env: VerifierEnv, insn: number): void {
  const to = env.code.dst[insn]!;
  checkRegArg(env, to, 'src');
  const type = typeOf(env, to);
  if (type === PTR_TO_CTX && !gates.contextStoreImm) {
    env.reject('EACCES', memMessages.context_store_imm(to, typeText(type)));
  }
  const size = accessSize(env, insn);
  checkMemAccess(env, env.insnIdx, to, env.code.off[insn]!, size, 'write', -1, false, false);
  savePointerType(env, type, false);
}

/** Atomic operations on what is rewritten or might be a device are not supported. */
function isAtomicTarget(env: VerifierEnv, regno: number): boolean {
  return (
    !isContextReg(env, regno) &&
    !isPacketReg(env, regno) &&
    !isFlowKeysReg(env, regno) &&
    !isSkReg(env, regno)
  );
}

function checkAtomicOperands(env: VerifierEnv, insn: number): void {
  const { op, src, dst, imm } = env.code;
  const size = op[insn]! & SIZE_MASK;
  const to = dst[insn]!;
  if (size !== BPF_W && size !== BPF_DW) env.reject('EINVAL', memMessages.atomic_size());
  checkRegArg(env, src[insn]!, 'src');
  checkRegArg(env, to, 'src');
  if (imm[insn] === BPF_CMPXCHG) {
    checkRegArg(env, 0, 'src');
    if (isPointerValue(env, 0)) env.reject('EACCES', memMessages.leaks_address(0, 'mem'));
  }
  if (isPointerValue(env, src[insn]!)) {
    env.reject('EACCES', memMessages.leaks_address(src[insn]!, 'mem'));
  }
  if (!isAtomicTarget(env, to)) {
    env.reject('EACCES', memMessages.atomic_target(to, typeText(typeOf(env, to))));
  }
}

/** Mirrors check_atomic_rmw. */
function checkReadModifyWrite(env: VerifierEnv, insn: number): void {
  const { src, dst, off, imm } = env.code;
  checkAtomicOperands(env, insn);
  const operation = imm[insn]!;
  const fetches = (operation & BPF_FETCH) !== 0;
  const loadReg = operation === BPF_CMPXCHG ? 0 : src[insn]!;
  if (fetches) checkRegArg(env, loadReg, 'dst');
  const to = dst[insn]!;
  const at = off[insn]!;
  const size = accessSize(env, insn);
  checkMemAccess(env, env.insnIdx, to, at, size, 'read', -1, true, false);
  // Once more, as a load of the old value.
  if (fetches) checkMemAccess(env, env.insnIdx, to, at, size, 'read', loadReg, true, false);
  savePointerType(env, typeOf(env, to), false);
  checkMemAccess(env, env.insnIdx, to, at, size, 'write', -1, true, false);
}

/** Mirrors check_atomic. */
export function checkAtomic(env: VerifierEnv, insn: number): void {
  const operation = env.code.imm[insn]!;
  switch (operation) {
    case BPF_XCHG:
    case BPF_CMPXCHG:
      return checkReadModifyWrite(env, insn);
    default:
  }
  switch (operation & ~BPF_FETCH) {
    case BPF_ADD:
    case BPF_AND:
    case BPF_OR:
    case BPF_XOR:
      return checkReadModifyWrite(env, insn);
    default:
      env.reject('EINVAL', memMessages.atomic_opcode(operation));
  }
}
