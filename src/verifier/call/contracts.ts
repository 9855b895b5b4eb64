/** Contracts of `abi` compiled into the numbers the walk checks by. */
import {
  constants,
  helperContractFor,
  type ArgContract,
  type CallContract,
  type HelperCaller,
  type ReturnContract,
} from '../../abi/index.ts';
import { BugError } from '../../base/index.ts';
import type { Btf } from '../../btf/index.ts';
import { attachKernelBtf, attachModule } from '../btf/modules.ts';
import type { VerifierEnv } from '../env.ts';
import * as layout from '../state/layout.ts';
import * as types from './arg-types.ts';

/** A helper's contract in the form the walk checks it by (struct bpf_func_proto). */
export interface HelperPrototype {
  readonly contract: CallContract;
  readonly id: number;
  /** 'bpf_map_lookup_elem'. */
  readonly name: string;
  readonly gplOnly: boolean;
  readonly mightSleep: boolean;
  readonly packetAccess: boolean;
  readonly changesPacket: boolean;
  readonly allocatesStorage: boolean;
  /** The rewriting passes want to know its map, and the constant index it is called with. */
  readonly recordsMap: boolean;
  readonly recordsIndex: boolean;
  readonly changesMap: CallContract['changesMap'];
  readonly peeks: boolean;
  readonly takesLock: boolean;
  readonly callback: CallContract['callback'];
  readonly acquires: CallContract['returns']['acquire'];
  readonly keepsReference: boolean;
  readonly returnsLength: boolean;
  readonly returnsCpu: boolean;
  /** The result is part of a dynptr. */
  readonly returnsSlice: boolean;
  /** ARG_* with flags of five arguments; the unused ones are ARG_DONTCARE. */
  readonly argTypes: readonly number[];
  /** Type ids in the kernel's BTF, 0 for none. */
  readonly argBtfIds: readonly number[];
  /** Bytes of arguments of fixed size, else 0. */
  readonly argSizes: readonly number[];
  /** RET_* with flags. */
  readonly retType: number;
  readonly retBtfId: number;
}

/** The kernel's words for types and flags that `arg-types.ts` and `layout.ts` call otherwise. */
const WORDS: Readonly<Record<string, number>> = {
  RET_PTR_TO_MAP_VALUE_OR_NULL: layout.PTR_MAYBE_NULL | types.RET_PTR_TO_MAP_VALUE,
  RET_PTR_TO_SOCKET_OR_NULL: layout.PTR_MAYBE_NULL | types.RET_PTR_TO_SOCKET,
  RET_PTR_TO_TCP_SOCK_OR_NULL: layout.PTR_MAYBE_NULL | types.RET_PTR_TO_TCP_SOCK,
  RET_PTR_TO_SOCK_COMMON_OR_NULL: layout.PTR_MAYBE_NULL | types.RET_PTR_TO_SOCK_COMMON,
  RET_PTR_TO_RINGBUF_MEM_OR_NULL: layout.PTR_MAYBE_NULL | layout.MEM_RINGBUF | types.RET_PTR_TO_MEM,
  RET_PTR_TO_DYNPTR_MEM_OR_NULL: layout.PTR_MAYBE_NULL | types.RET_PTR_TO_MEM,
  RET_PTR_TO_BTF_ID_OR_NULL: layout.PTR_MAYBE_NULL | types.RET_PTR_TO_BTF_ID,
  RET_PTR_TO_BTF_ID_TRUSTED: layout.PTR_TRUSTED | types.RET_PTR_TO_BTF_ID,
  DYNPTR_TYPE_LOCAL: layout.DYNPTR_TYPE_LOCAL_FLAG,
  DYNPTR_TYPE_RINGBUF: layout.DYNPTR_TYPE_RINGBUF_FLAG,
  DYNPTR_TYPE_SKB: layout.DYNPTR_TYPE_SKB_FLAG,
  DYNPTR_TYPE_XDP: layout.DYNPTR_TYPE_XDP_FLAG,
};
const tables: readonly Readonly<Record<string, unknown>>[] = [WORDS, types, layout];

function wordValue(word: string): number {
  for (const table of tables) if (typeof table[word] === 'number') return table[word];
  throw new BugError(`no number for ${word}`);
}

const combined = (words: readonly string[] | undefined): number =>
  (words ?? []).reduce((type, word) => type | wordValue(word), 0);

/** A name that stands for no struct: what the call checks is found otherwise (BPF_PTR_POISON). */
const ANY_STRUCT = 'BPF_PTR_POISON';
/** Variables of the kernel that hold a type id, by the struct's name. */
const STRUCT_ALIASES: Readonly<Record<string, string>> = { tcp_sock_id: 'tcp_sock' };

function structId(kernel: () => Btf, name: string | undefined): number {
  if (name === undefined || name === ANY_STRUCT) return 0;
  return kernel().find('struct', STRUCT_ALIASES[name] ?? name) ?? 0;
}

const FIVE = [0, 1, 2, 3, 4];

function compile(contract: CallContract, kernel: () => Btf): HelperPrototype {
  const argAt = (index: number): ArgContract | undefined => contract.args[index];
  return {
    contract,
    id: contract.id!,
    name: contract.name,
    ...propertiesOf(contract),
    ...resultOf(contract.returns),
    argTypes: FIVE.map((i) => combined(argAt(i)?.raw)),
    argBtfIds: FIVE.map((i) => structId(kernel, argAt(i)?.btf)),
    argSizes: FIVE.map((i) => argAt(i)?.size ?? 0),
    retType: combined(contract.returns.raw),
    retBtfId: structId(kernel, contract.returns.btf),
  };
}

function propertiesOf(contract: CallContract) {
  return {
    gplOnly: contract.gplOnly ?? false,
    mightSleep: contract.maySleep ?? false,
    packetAccess: contract.packetAccess ?? false,
    changesPacket: contract.changesPacket ?? false,
    allocatesStorage: contract.allocatesStorage ?? false,
    recordsMap: contract.specialised !== undefined,
    recordsIndex: contract.specialised === 'map_and_index',
    changesMap: contract.changesMap,
    peeks: contract.peeks ?? false,
    takesLock: contract.enters === 'spin_lock',
    callback: contract.callback,
  };
}

function resultOf(returns: ReturnContract) {
  return {
    acquires: returns.acquire,
    keepsReference: returns.keepsReference ?? false,
    returnsLength: returns.range === 'length',
    returnsCpu: returns.range === 'cpu',
    returnsSlice: returns.kind === 'dynptr_mem',
  };
}

function callerOf(env: VerifierEnv): HelperCaller {
  const { input, capabilities } = env;
  return {
    type: input.type,
    programType: env.programType,
    attachType: env.expectedAttachType,
    sleepable: env.sleepable,
    attachName: env.attachName,
    structOps: structOpsMember(env),
    tracesProgram: input.attachProgram !== undefined,
    bpf: env.bpfCapable,
    perfmon: capabilities.perfmon || capabilities.sysAdmin,
    sysAdmin: capabilities.sysAdmin,
    tables: env.profile.tables,
    kconfig: (name) => env.profile.kconfig(name),
  };
}

/** The expected attach type of struct_ops programs is the member's number. */
function structOpsMember(env: VerifierEnv): HelperCaller['structOps'] {
  const id = env.input.attachBtfId;
  if (env.programType !== constants.BPF_PROG_TYPE_STRUCT_OPS || id === 0) return undefined;
  const type = attachKernelBtf(env).type(id);
  if (type.kind !== 'struct') return undefined;
  const { helpers } = attachModule(env)?.structOps[type.name] ?? {};
  return { name: type.name, member: type.members[env.expectedAttachType]?.name ?? '', helpers };
}

const compiled = new WeakMap<object, Map<CallContract, HelperPrototype>>();

/** What a program gets, once what it attaches to is known. */
interface Chosen {
  readonly caller: HelperCaller;
  /** By helper id; null: refused. */
  readonly prototypes: (HelperPrototype | null | undefined)[];
}
const choices = new WeakMap<VerifierEnv, Chosen>();

function choicesOf(env: VerifierEnv): Chosen {
  let chosen = choices.get(env);
  if (!chosen) choices.set(env, (chosen = { caller: callerOf(env), prototypes: [] }));
  return chosen;
}

/** What of the program decides which helpers it may call; asked after the attach check. */
export function helperCaller(env: VerifierEnv): HelperCaller {
  return choicesOf(env).caller;
}

/** The prototype of helper `id` for this program, or undefined if it may not call it. */
export function helperPrototype(env: VerifierEnv, id: number): HelperPrototype | undefined {
  if (id < 0 || id >= env.profile.tables.helperCount) return undefined;
  const { caller, prototypes } = choicesOf(env);
  const known = prototypes[id];
  if (known !== undefined) return known ?? undefined;
  const contract = helperContractFor(caller, id);
  const prototype = contract && compileOnce(env, contract);
  prototypes[id] = prototype ?? null;
  return prototype;
}

function compileOnce(env: VerifierEnv, contract: CallContract): HelperPrototype {
  let known = compiled.get(env.profile);
  if (!known) compiled.set(env.profile, (known = new Map()));
  let prototype = known.get(contract);
  if (!prototype) {
    prototype = compile(contract, () => env.profile.btf());
    known.set(contract, prototype);
  }
  return prototype;
}
