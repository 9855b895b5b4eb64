import type { VerifierEnv } from '../env.ts';
import { typeText } from '../log/print-state.ts';
import { memMessages } from '../messages/mem.ts';
import {
  baseType,
  CONST_PTR_TO_MAP,
  MEM_SIZE,
  OFF,
  PTR_TO_ARENA,
  PTR_TO_BTF_ID,
  PTR_TO_BUF,
  PTR_TO_CTX,
  PTR_TO_FLOW_KEYS,
  PTR_TO_MAP_KEY,
  PTR_TO_MAP_VALUE,
  PTR_TO_MEM,
  PTR_TO_PACKET,
  PTR_TO_PACKET_META,
  PTR_TO_SOCK_COMMON,
  PTR_TO_SOCKET,
  PTR_TO_STACK,
  PTR_TO_TCP_SOCK,
  PTR_TO_TP_BUFFER,
  PTR_TO_XDP_SOCK,
  REG_SIZE,
  regAt,
  SCALAR_VALUE,
  TYPE,
} from '../state/layout.ts';
import { markUnknown } from '../value/bounds.ts';
import { coerceToSize, coerceToSizeSx } from '../value/coerce.ts';
import { checkAlignment } from './alignment.ts';
import { accessBtfPointer, accessMapPointer } from './btf-pointer.ts';
import { checkBufferAccess, checkTracepointBuffer } from './buffer.ts';
import { accessContext } from './context.ts';
import { accessMapValue, mapAt } from './map-value.ts';
import {
  checkFlowKeysAccess,
  checkPacketAccess,
  checkSocketLoad,
  mayAccessPacket,
} from './packet.ts';
import { isPointerValue, isReadOnly, mayBeNull } from './pointers.ts';
import { checkMemRegionAccess } from './region.ts';
import { checkStackRead, checkStackWrite } from './stack.ts';
import { checkStackBounds } from './stack-bounds.ts';
import { packetMessages } from '../messages/packet.ts';

/** What a memory access does. */
export type Access = 'read' | 'write';

/** The value read is any scalar. */
function markRead(env: VerifierEnv, access: Access, valueRegno: number): void {
  if (access === 'read' && valueRegno >= 0) markUnknown(env, env.regs, regAt(valueRegno));
}

/** A pointer must not get to where others can read it. */
function checkNoLeak(env: VerifierEnv, access: Access, valueRegno: number, into: string): void {
  if (access === 'write' && valueRegno >= 0 && isPointerValue(env, valueRegno)) {
    env.reject('EACCES', memMessages.leaks_address(valueRegno, into));
  }
}

function rejectWrite(env: VerifierEnv, regno: number): never {
  const type = typeText(env.regs[regAt(regno) + TYPE]!);
  env.reject('EACCES', memMessages.no_write(regno, type));
}

/**
 * Accesses `size` bytes at register `regno` + `off` (which includes the register's own fixed
 * offset). What is read goes to `valueRegno`, what is written comes from it.
 */
type Accessor = (
  env: VerifierEnv,
  insn: number,
  regno: number,
  off: number,
  size: number,
  access: Access,
  valueRegno: number,
  isLdsx: boolean,
) => void;

const accessMapKey: Accessor = (env, _insn, regno, off, size, access, valueRegno) => {
  if (access === 'write') env.reject('EACCES', memMessages.key_write(regno));
  const { keySize } = mapAt(env, env.regs, regAt(regno));
  checkMemRegionAccess(env, regno, off, size, keySize, false);
  markRead(env, access, valueRegno);
};

const accessMem: Accessor = (env, _insn, regno, off, size, access, valueRegno) => {
  const w = env.regs;
  const r = regAt(regno);
  if (access === 'write' && isReadOnly(w[r + TYPE]!)) rejectWrite(env, regno);
  checkNoLeak(env, access, valueRegno, 'mem');
  checkMemRegionAccess(env, regno, off, size, w[r + MEM_SIZE]! >>> 0, false);
  markRead(env, access, valueRegno);
};

const accessStack: Accessor = (env, insn, regno, off, size, access, valueRegno) => {
  checkStackBounds(env, regno, off, size, 'direct', access);
  if (access === 'read') checkStackRead(env, regno, off, size, valueRegno);
  else checkStackWrite(env, regno, off, size, valueRegno, insn);
};

const accessPacket: Accessor = (env, _insn, regno, off, size, access, valueRegno) => {
  if (access === 'write' && !mayAccessPacket(env, undefined, access)) {
    env.reject('EACCES', packetMessages.no_write());
  }
  checkNoLeak(env, access, valueRegno, 'packet');
  checkPacketAccess(env, regno, off, size, false);
  markRead(env, access, valueRegno);
};

const accessFlowKeys: Accessor = (env, _insn, _regno, off, size, access, valueRegno) => {
  checkNoLeak(env, access, valueRegno, 'flow keys');
  checkFlowKeysAccess(env, off, size);
  markRead(env, access, valueRegno);
};

const accessSocket: Accessor = (env, insn, regno, off, size, access, valueRegno) => {
  if (access === 'write') rejectWrite(env, regno);
  checkSocketLoad(env, insn, regno, off, size);
  markRead(env, access, valueRegno);
};

const accessTracepoint: Accessor = (env, _insn, regno, off, size, access, valueRegno) => {
  checkTracepointBuffer(env, regno, off, size);
  markRead(env, access, valueRegno);
};

const accessBtf: Accessor = (env, _insn, regno, off, size, access, valueRegno) =>
  accessBtfPointer(env, regno, off, size, access, valueRegno);

const accessMap: Accessor = (env, _insn, regno, off, size, access, valueRegno) =>
  accessMapPointer(env, regno, off, size, access, valueRegno);

const accessBuffer: Accessor = (env, _insn, regno, off, size, access, valueRegno) => {
  if (access === 'write' && isReadOnly(env.regs[regAt(regno) + TYPE]!)) rejectWrite(env, regno);
  checkBufferAccess(env, regno, off, size);
  markRead(env, access, valueRegno);
};

/** Addresses of an arena fault harmlessly: all are fine. */
const accessArena: Accessor = (env, _insn, _regno, _off, _size, access, valueRegno) =>
  markRead(env, access, valueRegno);

/** By exact type: a flag makes another type of it. */
const EXACT: (Accessor | undefined)[] = [];
EXACT[PTR_TO_MAP_KEY] = accessMapKey;
EXACT[PTR_TO_MAP_VALUE] = accessMapValue;
EXACT[PTR_TO_CTX] = accessContext;
EXACT[PTR_TO_STACK] = accessStack;
EXACT[PTR_TO_FLOW_KEYS] = accessFlowKeys;
EXACT[PTR_TO_SOCKET] = accessSocket;
EXACT[PTR_TO_SOCK_COMMON] = accessSocket;
EXACT[PTR_TO_TCP_SOCK] = accessSocket;
EXACT[PTR_TO_XDP_SOCK] = accessSocket;
EXACT[PTR_TO_TP_BUFFER] = accessTracepoint;
EXACT[CONST_PTR_TO_MAP] = accessMap;
EXACT[PTR_TO_ARENA] = accessArena;
EXACT[PTR_TO_PACKET] = accessPacket;
EXACT[PTR_TO_PACKET_META] = accessPacket;
EXACT[PTR_TO_MEM] = accessMem;
EXACT[PTR_TO_BTF_ID] = accessBtf;
EXACT[PTR_TO_BUF] = accessBuffer;

/** Types whose flags (other than "may be NULL") make no difference here. */
function accessorOf(type: number): Accessor | undefined {
  const base = baseType(type);
  if (type === base) return EXACT[base];
  if (mayBeNull(type)) return undefined;
  return base === PTR_TO_MEM || base === PTR_TO_BTF_ID || base === PTR_TO_BUF
    ? EXACT[base]
    : undefined;
}

/**
 * Checks that `size` bytes at register `regno` + `off` may be read or written. What is read goes to
 * register `valueRegno`, what is written comes from it (-1: no register). Mirrors check_mem_access.
 */
export function checkMemAccess(
  env: VerifierEnv,
  insn: number,
  regno: number,
  off: number,
  size: number,
  access: Access,
  valueRegno: number,
  strictOnce: boolean,
  isLdsx: boolean,
): void {
  const r = regAt(regno);
  const type = env.regs[r + TYPE]!;
  checkAlignment(env, env.regs, r, off, size, strictOnce);
  const accessor = accessorOf(type);
  if (!accessor) env.reject('EACCES', memMessages.invalid_access(regno, typeText(type)));
  const at = (off + env.regs[r + OFF]!) | 0;
  accessor(env, insn, regno, at, size, access, valueRegno, isLdsx);
  if (access === 'write' || valueRegno < 0 || size === REG_SIZE) return;
  // The frame's words may be others now: the stack may have grown.
  const w = env.regs;
  const v = regAt(valueRegno);
  if (w[v + TYPE] !== SCALAR_VALUE) return;
  if (isLdsx) coerceToSizeSx(w, v, size);
  else coerceToSize(w, v, size);
}
