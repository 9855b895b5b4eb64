import { gates } from '../gates.ts';
import type { VerifierEnv } from '../env.ts';
import { typeText } from '../log/print-state.ts';
import { btfIdsMatch } from '../mem/btf-struct-access.ts';
import { checkKptrMatch } from '../mem/kptr.ts';
import { isAlloc } from '../mem/pointers.ts';
import { callMessages } from '../messages/call.ts';
import {
  BTF,
  BTF_ID,
  baseType,
  CONST_PTR_TO_DYNPTR,
  CONST_PTR_TO_MAP,
  MEM_ALLOC,
  MEM_PERCPU,
  MEM_RCU,
  MEM_RDONLY,
  MEM_RINGBUF,
  OFF,
  PTR_MAYBE_NULL,
  PTR_TO_BTF_ID,
  PTR_TO_BUF,
  PTR_TO_CTX,
  PTR_TO_FUNC,
  PTR_TO_MAP_KEY,
  PTR_TO_MAP_VALUE,
  PTR_TO_MEM,
  PTR_TO_PACKET,
  PTR_TO_PACKET_META,
  PTR_TO_SOCK_COMMON,
  PTR_TO_SOCKET,
  PTR_TO_STACK,
  PTR_TO_TCP_SOCK,
  PTR_TO_XDP_SOCK,
  PTR_TRUSTED,
  regAt,
  SCALAR_VALUE,
  TYPE,
} from '../state/layout.ts';
import * as arg from './arg-types.ts';
import type { CallMeta } from './meta.ts';

const SOCKETS = [PTR_TO_SOCK_COMMON, PTR_TO_SOCKET, PTR_TO_TCP_SOCK, PTR_TO_XDP_SOCK];
const MEMORY = [
  PTR_TO_STACK,
  PTR_TO_PACKET,
  PTR_TO_PACKET_META,
  PTR_TO_MAP_KEY,
  PTR_TO_MAP_VALUE,
  PTR_TO_MEM,
  PTR_TO_MEM | MEM_RINGBUF,
  PTR_TO_BUF,
  PTR_TO_BTF_ID | PTR_TRUSTED,
];
const NEWER_FLAGS = PTR_TRUSTED | MEM_RCU | MEM_ALLOC;
const SCALARS = [SCALAR_VALUE];
const VALUE_OR_OBJECT = [PTR_TO_MAP_VALUE, PTR_TO_BTF_ID | MEM_ALLOC];
const PERCPU = PTR_TO_BTF_ID | MEM_PERCPU;

/** By argument type: what a register may be, in the order the message names it. */
const COMPATIBLE: readonly (readonly number[] | undefined)[] = compatibleTypes();

function compatibleTypes(): (readonly number[] | undefined)[] {
  const table: (readonly number[] | undefined)[] = [];
  table[arg.ARG_PTR_TO_MAP_KEY] = MEMORY;
  table[arg.ARG_PTR_TO_MAP_VALUE] = MEMORY;
  table[arg.ARG_PTR_TO_MEM] = MEMORY;
  table[arg.ARG_CONST_SIZE] = SCALARS;
  table[arg.ARG_CONST_SIZE_OR_ZERO] = SCALARS;
  table[arg.ARG_CONST_ALLOC_SIZE_OR_ZERO] = SCALARS;
  table[arg.ARG_SCALAR] = SCALARS;
  table[arg.ARG_CONST_MAP_PTR] = [CONST_PTR_TO_MAP];
  table[arg.ARG_PTR_TO_CTX] = [PTR_TO_CTX];
  table[arg.ARG_PTR_TO_SOCK_COMMON] = SOCKETS;
  table[arg.ARG_PTR_TO_BTF_ID_SOCK_COMMON] = [
    ...SOCKETS,
    PTR_TO_BTF_ID,
    PTR_TO_BTF_ID | PTR_TRUSTED,
  ];
  table[arg.ARG_PTR_TO_SOCKET] = [PTR_TO_SOCKET];
  table[arg.ARG_PTR_TO_BTF_ID] = [
    PTR_TO_BTF_ID,
    PTR_TO_BTF_ID | PTR_TRUSTED,
    PTR_TO_BTF_ID | MEM_RCU,
  ];
  table[arg.ARG_PTR_TO_SPIN_LOCK] = VALUE_OR_OBJECT;
  table[arg.ARG_KPTR_XCHG_DEST] = VALUE_OR_OBJECT;
  table[arg.ARG_PTR_TO_RINGBUF_MEM] = [PTR_TO_MEM | MEM_RINGBUF];
  table[arg.ARG_PTR_TO_PERCPU_BTF_ID] = [PERCPU, PERCPU | MEM_RCU, PERCPU | PTR_TRUSTED];
  table[arg.ARG_PTR_TO_FUNC] = [PTR_TO_FUNC];
  table[arg.ARG_PTR_TO_STACK] = [PTR_TO_STACK];
  table[arg.ARG_PTR_TO_CONST_STR] = [PTR_TO_MAP_VALUE];
  table[arg.ARG_PTR_TO_TIMER] = [PTR_TO_MAP_VALUE];
  table[arg.ARG_PTR_TO_DYNPTR] = [PTR_TO_STACK, CONST_PTR_TO_DYNPTR];
  return table;
}

/** Keys and values of maps were in less places. */
const OLDER_MAP_DATA = MEMORY.slice(0, MEMORY.indexOf(PTR_TO_MEM));

/** The same before pointers were trusted or not, and before programs had objects of their own. */
const OLDER_COMPATIBLE = COMPATIBLE.map((types, argType) => {
  if (argType === arg.ARG_PTR_TO_MAP_KEY || argType === arg.ARG_PTR_TO_MAP_VALUE) {
    return OLDER_MAP_DATA;
  }
  return types?.filter((type) => !(type & NEWER_FLAGS));
});

/** A register's type without the flags that this argument does not mind. */
function foldedType(type: number, argType: number, meta: CallMeta): number {
  let folded = type;
  if (argType & MEM_RDONLY) folded &= ~MEM_RDONLY;
  if (argType & PTR_MAYBE_NULL) folded &= ~PTR_MAYBE_NULL;
  if (baseType(argType) === arg.ARG_PTR_TO_MEM) folded &= ~arg.DYNPTR_TYPE_FLAG_MASK;
  // Objects of the program's own may be exchanged into a kptr.
  if (meta.kptrField && isAlloc(folded)) {
    folded &= ~(MEM_ALLOC | MEM_PERCPU);
  }
  return folded;
}

/**
 * Does the register hold what the argument wants? `argBtfId`: type id in the kernel's BTF that the
 * contract names, 0 for none (check_reg_type).
 */
export function checkRegType(
  env: VerifierEnv,
  regno: number,
  argType: number,
  argBtfId: number,
  meta: CallMeta,
): void {
  const type = env.regs[regAt(regno) + TYPE]!;
  const compatible = (gates.trustedPointers ? COMPATIBLE : OLDER_COMPATIBLE)[baseType(argType)];
  if (!compatible) env.reject('EFAULT', callMessages.unsupported_arg(argType));
  if (!compatible.includes(foldedType(type, argType, meta))) {
    const expected = compatible.map(typeText);
    env.reject('EACCES', callMessages.reg_type(regno, typeText(type), expected));
  }
  if (baseType(type) !== PTR_TO_BTF_ID) return;
  if (compatible === MEMORY) {
    if (argType & MEM_RDONLY) return;
    env.reject('EACCES', callMessages.may_write(meta.proto!.name, regno, typeText(type)));
  }
  checkBtfPointer(env, regno, argType, argBtfId, meta);
}

/** Types whose struct must be the one the argument names. */
const NAMED_STRUCT = new Set([
  PTR_TO_BTF_ID,
  PTR_TO_BTF_ID | PTR_TRUSTED,
  PTR_TO_BTF_ID | PTR_TRUSTED | PTR_MAYBE_NULL,
  PTR_TO_BTF_ID | MEM_RCU,
  PTR_TO_BTF_ID | PTR_MAYBE_NULL,
  PTR_TO_BTF_ID | PTR_MAYBE_NULL | MEM_RCU,
]);
const OWN_OBJECT = new Set([PTR_TO_BTF_ID | MEM_ALLOC, PTR_TO_BTF_ID | MEM_PERCPU | MEM_ALLOC]);
const PERCPU_TYPES = new Set([PERCPU, PERCPU | MEM_RCU, PERCPU | PTR_TRUSTED]);

function checkBtfPointer(
  env: VerifierEnv,
  regno: number,
  argType: number,
  argBtfId: number,
  meta: CallMeta,
): void {
  const type = env.regs[regAt(regno) + TYPE]!;
  if (NAMED_STRUCT.has(type)) {
    if (type & PTR_MAYBE_NULL && (!(argType & PTR_MAYBE_NULL) || arg.isRelease(argType))) {
      env.reject('EACCES', callMessages.possibly_null(regno));
    }
    checkStruct(env, regno, argType, argBtfId, meta);
  } else if (OWN_OBJECT.has(type)) {
    if (meta.kptrField) checkKptrMatch(env, meta.kptrField, regno);
  } else if (!PERCPU_TYPES.has(type)) {
    env.reject('EFAULT', callMessages.btf_match_type());
  }
}

function checkStruct(
  env: VerifierEnv,
  regno: number,
  argType: number,
  argBtfId: number,
  meta: CallMeta,
): void {
  if (meta.kptrField) {
    checkKptrMatch(env, meta.kptrField, regno);
    return;
  }
  const w = env.regs;
  const r = regAt(regno);
  const kernel = env.profile.btf();
  const wanted = argBtfId || kernel.find('struct', 'sock_common')!;
  const btf = env.btfAt(w[r + BTF]!);
  const id = w[r + BTF_ID]!;
  // Sockets of all kinds are fine where any socket is: their first member is a sock_common.
  const anySocket = baseType(argType) === arg.ARG_PTR_TO_BTF_ID_SOCK_COMMON;
  const strict = arg.isRelease(argType) && !anySocket;
  const walk = !isAlloc(w[r + TYPE]!);
  if (!btfIdsMatch(env, btf, id, w[r + OFF]!, kernel, wanted, strict, walk)) {
    const names = [btf.type(id).name, kernel.type(wanted).name] as const;
    env.reject('EACCES', callMessages.btf_type(regno, ...names));
  }
}
