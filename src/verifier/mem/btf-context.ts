/** Contexts that are the arguments of a kernel (or BPF) function: BTF says what each is. */
import { gates } from '../gates.ts';
import { constants, inBtfSet } from '../../abi/index.ts';
import { rawTracepointNulls } from '../../abi/generated/6.12/btf-sets.ts';
import type { Btf, BtfFuncProto, BtfType } from '../../btf/index.ts';
import { isContextType, kernelContextType } from '../btf/context-type.ts';
import { kindText } from '../btf/kind-text.ts';
import { KERNEL_BTF, type VerifierEnv } from '../env.ts';
import { contextMessages } from '../messages/context.ts';
import {
  baseType,
  MEM_PERCPU,
  MEM_USER,
  PTR_MAYBE_NULL,
  PTR_TO_BTF_ID,
  PTR_TO_BUF,
  PTR_TRUSTED,
  SCALAR_VALUE,
} from '../state/layout.ts';
import type { Message } from '../messages/message.ts';
import { structOpsName } from './btf-write.ts';
import { mayBeNull, TRUSTED_MODIFIERS, typeFlags } from './pointers.ts';

/** Arguments that fit registers (MAX_BPF_FUNC_REG_ARGS): what a function without BTF has. */
const REGISTER_ARGS = 5;
const NO_NAME = '(anon)';

/** What a load from the context gives. One object serves every load. */
export class ContextValue {
  /** enum bpf_reg_type with flags. */
  type = SCALAR_VALUE;
  /** BTF word and id, for PTR_TO_BTF_ID. */
  btf = 0;
  btfId = 0;
  /** It is the return value of the function the program is attached behind. */
  isReturnValue = false;

  /** A number. */
  reset(): void {
    this.type = SCALAR_VALUE;
    this.btf = this.btfId = 0;
    this.isReturnValue = false;
  }
}

function refuse(env: VerifierEnv, message: Message): false {
  env.say(message);
  return false;
}

/** Bytes a type takes as an argument: whole words. */
function wordsOf(btf: Btf, id: number): number {
  const type = btf.resolved(id);
  if (type.kind === 'ptr') return 8;
  return 'size' in type ? (type.size + 7) & ~7 : 0;
}

/** Which argument is at `off`; the count stands for the return value (get_ctx_arg_idx). */
function argumentAt(btf: Btf, proto: BtfFuncProto | undefined, off: number): number {
  if (!proto) return off >>> 3;
  let end = 0;
  for (const [i, param] of proto.params.entries()) {
    end += wordsOf(btf, param.type);
    if (off >= 0 && off < end) return i;
  }
  end += wordsOf(btf, proto.returns);
  return off >= 0 && off < end ? proto.params.length : proto.params.length + 1;
}

function isSmallInt(type: BtfType): boolean {
  return type.kind === 'int' && type.size <= 8;
}

function isScalarArgument(type: BtfType): boolean {
  return isSmallInt(type) || ['enum', 'enum64', 'struct'].includes(type.kind);
}

/** Arguments are pointers the kernel vouches for (prog_args_trusted). */
function hasTrustedArguments(env: VerifierEnv): boolean {
  if (!gates.trustedPointers) return false;
  const attach = env.expectedAttachType;
  const type = env.programType;
  if (type === constants.BPF_PROG_TYPE_TRACING) {
    return attach === constants.BPF_TRACE_RAW_TP || attach === constants.BPF_TRACE_ITER;
  }
  if (type === constants.BPF_PROG_TYPE_LSM) {
    return !inBtfSet('untrusted_lsm_hooks', env.attachName, env.profile.tables);
  }
  return type === constants.BPF_PROG_TYPE_STRUCT_OPS;
}

/** Digit `arg` of a raw tracepoint's mask: 1 may be NULL, 2 may be an error (raw_tp_null_args). */
function rawTracepointDigit(env: VerifierEnv, arg: number): number {
  if (env.expectedAttachType !== constants.BPF_TRACE_RAW_TP) return 0;
  const mask = rawTracepointNulls[env.attachName];
  // Nothing is known of tracepoints of modules.
  if (mask === undefined) return env.attachBtf === KERNEL_BTF ? 0 : 1;
  return Math.floor(mask / 16 ** arg) % 16;
}

/** One access to one argument. */
class ArgumentAccess {
  readonly env: VerifierEnv;
  readonly btf: Btf;
  readonly arg: number;
  readonly off: number;
  readonly value: ContextValue;

  constructor(env: VerifierEnv, btf: Btf, arg: number, off: number, value: ContextValue) {
    this.env = env;
    this.btf = btf;
    this.arg = arg;
    this.off = off;
    this.value = value;
  }

  /** The argument (or return value) has type `id`; `name` is the parameter's. */
  access(id: number, size: number, name: string): boolean {
    const { env, btf, arg } = this;
    const type = btf.resolved(id);
    if (isScalarArgument(type)) return true;
    const func = env.attachName;
    if (type.kind !== 'ptr') {
      const typeName = type.name || NO_NAME;
      return refuse(env, contextMessages.not_pointer(func, arg, typeName, kindText(type)));
    }
    if (size !== 8 && gates.wholePointerArguments) {
      return refuse(env, contextMessages.argument_size(func, size));
    }
    if (this.isDeclaredBuffer()) return true;
    // Pointers to void and to numbers are numbers: nobody may walk on from them.
    if (type.type === 0 || btf.resolved(type.type).kind === 'int') return true;
    return this.declaredPointer() ?? this.structPointer(type.type, name);
  }

  isDeclaredBuffer(): boolean {
    for (const arg of this.env.contextArgs) {
      if (arg.offset !== this.off || baseType(arg.type) !== PTR_TO_BUF) continue;
      if (!mayBeNull(arg.type)) continue;
      this.value.type = arg.type;
      return true;
    }
    return false;
  }

  /** The kernel declares what the argument is (ctx_arg_info). */
  declaredPointer(): boolean | undefined {
    const arg = this.env.contextArgs.find(({ offset }) => offset === this.off);
    if (!arg) return undefined;
    if (arg.btfId === 0) return refuse(this.env, contextMessages.no_btf_id(this.off));
    this.value.type = gates.trustedPointers ? arg.type : arg.type & ~PTR_TRUSTED;
    this.value.btf = arg.btf;
    this.value.btfId = arg.btfId;
    return true;
  }

  structPointer(pointee: number, name: string): boolean {
    const { env, btf, arg, value } = this;
    value.type = PTR_TO_BTF_ID | (hasTrustedArguments(env) ? PTR_TRUSTED : 0);
    if (name.endsWith('__nullable')) value.type |= PTR_MAYBE_NULL;
    const digit = rawTracepointDigit(env, arg);
    if (digit & 1) value.type |= PTR_MAYBE_NULL;
    if (env.input.attachProgram) return this.programArgument(pointee);
    const tag = btf.type(pointee);
    if (tag.kind === 'type_tag') {
      if (tag.name === 'user') value.type |= MEM_USER;
      if (tag.name === 'percpu') value.type |= MEM_PERCPU;
    }
    const target = btf.resolved(pointee);
    value.btf = env.attachBtf;
    value.btfId = target.id;
    const kind = kindText(target);
    const func = env.attachName;
    if (target.kind !== 'struct' && target.kind !== 'union') {
      return refuse(env, contextMessages.not_struct(func, arg, kind));
    }
    const targetName = target.name || NO_NAME;
    if (env.talking) env.say(contextMessages.argument(func, arg, target.id, kind, targetName));
    if (digit & 2) {
      if (env.talking) env.say(contextMessages.may_be_error(arg));
      value.type = SCALAR_VALUE;
    }
    return true;
  }

  /** An argument of a BPF program: only its context has a type in the kernel. */
  programArgument(pointee: number): boolean {
    const { env, btf, value } = this;
    const type = targetProgramType(env);
    if (!isContextType(env, btf, pointee, type)) return false;
    value.btf = KERNEL_BTF;
    value.btfId = kernelContextType(env.profile.btf(), type).id;
    return true;
  }
}

/** Type of the program this one is attached to; an extension counts as what it extends. */
function targetProgramType(env: VerifierEnv): number {
  let target = env.input.attachProgram?.input;
  while (target?.type === constants.BPF_PROG_TYPE_EXT && target.attachProgram) {
    target = target.attachProgram.input;
  }
  return target?.type ?? 0;
}

/** The return value is behind the arguments, for programs that run after the function. */
function accessReturnValue(
  env: VerifierEnv,
  access: ArgumentAccess,
  proto: BtfFuncProto | undefined,
  size: number,
): boolean {
  const name = env.attachName;
  switch (env.expectedAttachType) {
    case constants.BPF_LSM_MAC:
      access.value.isReturnValue = true;
      break;
    case constants.BPF_LSM_CGROUP:
    case constants.BPF_TRACE_FEXIT:
      break;
    case constants.BPF_MODIFY_RETURN: {
      if (!proto) return false;
      const type = access.btf.resolved(proto.returns);
      if (isSmallInt(type)) break;
      return refuse(env, contextMessages.fmod_ret_type(kindText(type)));
    }
    default:
      return refuse(env, contextMessages.no_argument(name, access.arg + 1));
  }
  return proto ? access.access(proto.returns, size, '') : true;
}

/**
 * True if the program may load `size` bytes at `off` of its arguments; `value` tells what they are.
 * Mirrors btf_ctx_access.
 */
export function btfContextAccess(
  env: VerifierEnv,
  off: number,
  size: number,
  value: ContextValue,
): boolean {
  const name = env.attachName;
  if (off % 8 !== 0) return refuse(env, contextMessages.unaligned_argument(name, off));
  const btf = env.btfAt(env.attachBtf);
  const type = env.attachProto === 0 ? undefined : btf.type(env.attachProto);
  const proto = type?.kind === 'func_proto' ? type : undefined;
  const arg = argumentAt(btf, proto, off);
  // The first parameter of a raw tracepoint is not handed to programs.
  const params = env.attachBtfTrace ? proto?.params.slice(1) : proto?.params;
  const count = params?.length ?? REGISTER_ARGS;
  if (arg > count) return refuse(env, contextMessages.no_argument(name, arg + 1));
  const access = new ArgumentAccess(env, btf, arg, off, value);
  if (arg === count) return accessReturnValue(env, access, proto, size);
  const param = params?.[arg];
  if (!param) return true;
  return access.access(param.type, size, param.name) && promoteSocket(env, value);
}

/** Congestion control is handed a TCP socket where the kernel declares any (bpf_tcp_ca). */
function promoteSocket(env: VerifierEnv, value: ContextValue): boolean {
  if (env.programType !== constants.BPF_PROG_TYPE_STRUCT_OPS) return true;
  if (baseType(value.type) !== PTR_TO_BTF_ID || typeFlags(value.type) & ~TRUSTED_MODIFIERS) {
    return true;
  }
  if (structOpsName(env) !== 'tcp_congestion_ops') return true;
  const btf = env.profile.btf();
  if (value.btfId === btf.find('struct', 'sock')) {
    value.btfId = btf.find('struct', 'tcp_sock') ?? value.btfId;
  }
  return true;
}
