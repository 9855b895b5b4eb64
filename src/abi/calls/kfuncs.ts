/**
 * Contracts of kernel functions, read from their BTF prototypes, what the names of parameters end
 * in (`__sz`, `__nullable`, …; Documentation/bpf/kfuncs.rst) and the KF_* flags of their sets.
 */
import type { Btf, BtfParam, BtfType } from '../../btf/index.ts';
import {
  BPF_PROG_TYPE_LSM,
  BPF_PROG_TYPE_TRACING,
  BPF_TRACE_ITER,
} from '../generated/6.12/constants.ts';
import { KFUNC_TAG } from '../define/tag.ts';
import { isContextStruct } from '../context/types.ts';
import type { ArgContract, ArgKind, CallContract, ReturnContract, Trust } from './contract.ts';
import { type KfuncDef, kfuncFlags } from './kfunc-sets.ts';
import {
  isScalarStruct,
  isScalarType,
  isStructOrUnion,
  protoOf,
  sizeOrNone,
  typeText,
} from './prototype.ts';
import { withKfuncTraits } from './traits.ts';

type Writable<T> = { -readonly [K in keyof T]: T[K] };

/** Structs that get a treatment of their own when a pointer to them is a parameter. */
const SPECIAL_STRUCTS: Readonly<Record<string, ArgKind>> = {
  bpf_list_head: 'list_head',
  bpf_list_node: 'list_node',
  bpf_rb_root: 'rb_root',
  bpf_rb_node: 'rb_node',
};

const METADATA_SET = 'xdp_metadata_kfunc_ids';

/** A suffix counts only if something stands before it. */
const endsIn = (name: string, suffix: string): boolean =>
  name.length > suffix.length && name.endsWith(suffix);

/** What is asked of every pointer of a function: its flags are of the call, not of arguments. */
function trustOf(flags: number): Trust | undefined {
  if (flags & kfuncFlags.RCU) return 'rcu';
  return flags & (kfuncFlags.TRUSTED_ARGS | kfuncFlags.RELEASE) ? 'trusted' : undefined;
}

function iteratorRole(flags: number): CallContract['iterator'] {
  if (flags & kfuncFlags.ITER_NEW) return 'new';
  if (flags & kfuncFlags.ITER_NEXT) return 'next';
  return flags & kfuncFlags.ITER_DESTROY ? 'destroy' : undefined;
}

/** Kinds that a pointer's name or pointee decides, in the kernel's order. */
function kindByName(name: string, pointee: BtfType, iterates: boolean): ArgKind | undefined {
  const struct = pointee.kind === 'struct' ? pointee.name : '';
  if (endsIn(name, '__alloc')) return 'allocated_object';
  if (endsIn(name, '__refcounted_kptr')) return 'refcounted_object';
  if (struct === 'bpf_dynptr') return 'dynptr';
  if (iterates) return 'iterator';
  if (Object.hasOwn(SPECIAL_STRUCTS, struct)) return SPECIAL_STRUCTS[struct];
  if (endsIn(name, '__str')) return 'const_string';
  if (endsIn(name, '__map')) return 'map';
  return struct === 'bpf_wq' ? 'workqueue' : undefined;
}

function kindByType(pointee: BtfType): ArgKind {
  if (pointee.kind === 'func_proto') return 'callback';
  if (!isStructOrUnion(pointee)) return 'mem';
  return isContextStruct(pointee.name) ? 'ctx' : 'btf_object';
}

function addScalar(arg: Writable<ArgContract>): void {
  const name = arg.name!;
  if (endsIn(name, '__szk')) Object.assign(arg, { kind: 'size', constant: true });
  else if (endsIn(name, '__sz')) arg.kind = 'size';
  else if (endsIn(name, '__k')) arg.constant = true;
  else if (name === 'rdonly_buf_size') Object.assign(arg, { kind: 'alloc_size', access: 'read' });
  else if (name === 'rdwr_buf_size') {
    Object.assign(arg, { kind: 'alloc_size', access: 'readwrite' });
  }
}

/** A pointer parameter while it is read. */
interface Pointer {
  readonly btf: Btf;
  readonly pointee: BtfType;
  readonly flags: number;
  readonly index: number;
  /** The parameter behind it. */
  readonly next: BtfParam | undefined;
}

/** Kfuncs may read and write memory they are given, whatever `const` says. */
function addMemory(arg: Writable<ArgContract>, { btf, pointee, index, next }: Pointer): void {
  arg.access = 'readwrite';
  const size = sizeOrNone(btf, pointee.id);
  if (next && /.__szk?$/.test(next.name) && isScalarType(btf.resolved(next.type))) {
    arg.sizeFrom = index + 1;
  } else if (size !== undefined) {
    arg.size = size;
  }
  if (endsIn(arg.name!, '__opt')) arg.optional = true;
}

function addPointer(arg: Writable<ArgContract>, pointer: Pointer): void {
  const { btf, pointee, flags, index } = pointer;
  const name = arg.name!;
  const role = iteratorRole(flags);
  const iterates = role ? index === 0 : endsIn(name, '__iter');
  arg.kind = kindByName(name, pointee, iterates) ?? kindByType(pointee);
  const trust = trustOf(flags);
  if (trust) arg.trust = trust;
  if (endsIn(name, '__nullable')) arg.nullable = true;
  if (endsIn(name, '__uninit') || (role === 'new' && arg.kind === 'iterator')) arg.uninit = true;
  if (isStructOrUnion(pointee)) arg.btf = pointee.name;
  if (arg.kind === 'btf_object' && isScalarStruct(btf, pointee, () => undefined)) {
    arg.memoryOk = true;
  }
  if (arg.kind === 'iterator') arg.size = btf.sizeOf(pointee.id);
  if (arg.kind === 'mem' || arg.memoryOk) addMemory(arg, pointer);
  if (flags & kfuncFlags.RELEASE && arg.kind.endsWith('object')) arg.release = true;
}

function argumentOf(
  btf: Btf,
  params: readonly BtfParam[],
  index: number,
  flags: number,
): ArgContract {
  const { name, type } = params[index]!;
  const arg: Writable<ArgContract> = { kind: 'scalar', name, type: typeText(btf, type) };
  const resolved = btf.resolved(type);
  if (endsIn(name, '__ign')) arg.ignored = true;
  if (isScalarType(resolved)) addScalar(arg);
  if (resolved.kind === 'ptr') {
    const pointee = btf.resolved(resolved.type);
    addPointer(arg, { btf, pointee, flags, index, next: params[index + 1] });
  }
  return arg;
}

function returnOf(
  btf: Btf,
  type: number,
  flags: number,
  args: readonly ArgContract[],
): ReturnContract {
  const result: Writable<ReturnContract> = { kind: 'integer', type: typeText(btf, type) };
  const resolved = btf.resolved(type);
  if (resolved.kind === 'void') result.kind = 'void';
  if (resolved.kind === 'ptr') {
    const pointee = btf.resolved(resolved.type);
    if (pointee.kind === 'struct') Object.assign(result, { kind: 'btf_object', btf: pointee.name });
    else if (pointee.kind !== 'void') addReturnedMemory(result, btf, pointee, args);
  }
  if (flags & kfuncFlags.ACQUIRE) result.acquire = true;
  if (flags & kfuncFlags.RET_NULL) result.nullable = true;
  return result;
}

function addReturnedMemory(
  result: Writable<ReturnContract>,
  btf: Btf,
  pointee: BtfType,
  args: readonly ArgContract[],
): void {
  result.kind = 'mem';
  const sizeFrom = args.findIndex((arg) => arg.kind === 'alloc_size');
  const access = args[sizeFrom]?.access === 'readwrite' ? 'readwrite' : 'read';
  result.access = access;
  const size = sizeOrNone(btf, pointee.id);
  if (sizeFrom >= 0) result.sizeFrom = sizeFrom;
  if (size !== undefined) result.size = size;
}

function addFlags(contract: Writable<CallContract>, flags: number): void {
  if (flags & kfuncFlags.SLEEPABLE) contract.maySleep = true;
  if (flags & kfuncFlags.RELEASE) contract.release = true;
  if (flags & kfuncFlags.DESTRUCTIVE) contract.destructive = true;
  if (flags & kfuncFlags.RCU_PROTECTED) contract.rcuProtected = true;
  const role = iteratorRole(flags);
  if (role) contract.iterator = role;
}

/** Tags `kfunc:…` of one's own kernel functions (define/), by parameter; -1 is the function. */
function ownTags(btf: Btf, id: number): ReadonlyMap<number, readonly string[]> {
  const found = new Map<number, string[]>();
  for (let at = btf.firstOwnId; at < btf.count; at++) {
    const tag = btf.type(at);
    if (tag.kind !== 'decl_tag' || tag.type !== id || !tag.name.startsWith(KFUNC_TAG)) continue;
    const names = found.get(tag.component) ?? [];
    found.set(tag.component, [...names, tag.name.slice(KFUNC_TAG.length)]);
  }
  return found;
}

/** What suffixes and flags cannot say of one argument. */
function withTags(arg: ArgContract, tags: readonly string[] | undefined): ArgContract {
  if (!tags) return arg;
  const release = tags.includes('release');
  const trust = release || tags.includes('trusted') ? 'trusted' : 'rcu';
  return { ...arg, trust, ...(release && { release }) };
}

const IN = 'in:';

function readContract(btf: Btf, def: KfuncDef, module: string | undefined): CallContract {
  const proto = protoOf(btf, def.id)!;
  const tags = module === undefined ? undefined : ownTags(btf, def.id);
  const args = proto.params.map((_, i) =>
    withTags(argumentOf(btf, proto.params, i, def.flags), tags?.get(i)),
  );
  const contract: Writable<CallContract> = {
    callee: 'kfunc',
    name: def.name,
    id: def.id,
    args,
    returns: returnOf(btf, proto.returns, def.flags, args),
    gplOnly: true,
  };
  addFlags(contract, def.flags);
  if (def.set === METADATA_SET) contract.deviceBound = true;
  if (module === undefined) return withKfuncTraits(contract);
  if (tags!.size > 0) contract.extension = true;
  const operations = tags!.get(-1)?.filter((tag) => tag.startsWith(IN));
  if (operations) contract.operations = operations.map((tag) => tag.slice(IN.length));
  return { ...contract, module };
}

const known = new WeakMap<Btf, Map<KfuncDef, CallContract>>();

/**
 * The contract of a kernel function. `btf`: the BTF that has it, the kernel's or, with its name,
 * that of a module. Read once per definition.
 *
 * @example
 * kfuncContract(kernel.btf(), kfuncByName('bpf_task_release')!).args[0];
 * // { kind: 'btf_object', name: 'p', type: 'struct task_struct *', trust: 'trusted', … }
 */
export function kfuncContract(btf: Btf, def: KfuncDef, module?: string): CallContract {
  let contracts = known.get(btf);
  if (!contracts) known.set(btf, (contracts = new Map()));
  let contract = contracts.get(def);
  if (!contract) contracts.set(def, (contract = readContract(btf, def, module)));
  return contract;
}

/** What of a program decides whether it may call certain kfuncs. */
export interface KfuncCaller {
  readonly programType: number;
  readonly attachType: number;
  /** It may sleep where the call stands. */
  readonly sleepable: boolean;
}

/**
 * Iterators over the tasks of a cgroup: other programs could deadlock on css_set_lock
 * (check_css_task_iter_allowlist).
 */
function mayIterateTasks({ programType, attachType, sleepable }: KfuncCaller): boolean {
  if (programType === BPF_PROG_TYPE_LSM || sleepable) return true;
  return programType === BPF_PROG_TYPE_TRACING && attachType === BPF_TRACE_ITER;
}

const ALLOWED: Readonly<Record<string, (caller: KfuncCaller) => boolean>> = {
  bpf_iter_css_task_new: mayIterateTasks,
};

/** A kfunc with `onlyIn` may be called by some of the programs that know it only. */
export function isKfuncAllowedHere(contract: CallContract, caller: KfuncCaller): boolean {
  return contract.onlyIn === undefined || ALLOWED[contract.name]!(caller);
}
