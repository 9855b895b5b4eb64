/** The kernel's helper prototypes as call contracts, and which program type may call what. */
import {
  rawProgramTypes,
  rawSelectors,
  type RawAvailability,
} from '../generated/6.12/availability.ts';
import { enums } from '../generated/6.12/enums.ts';
import {
  helperTraits,
  rawPrototypes,
  type RawArgument,
  type RawPrototype,
} from '../generated/6.12/prototypes.ts';
import { helperId, helperName } from '../names.ts';
import { type KernelTables, newestTables } from '../tables.ts';
import type { ArgContract, CallAvailability, CallContract, ReturnContract } from './contract.ts';
import { withHelperTraits } from './traits.ts';

type Writable<T> = { -readonly [K in keyof T]: T[K] };

const ARGUMENT_KINDS: Readonly<Record<string, ArgContract['kind']>> = {
  ARG_CONST_MAP_PTR: 'map',
  ARG_PTR_TO_MAP_KEY: 'map_key',
  ARG_PTR_TO_MAP_VALUE: 'map_value',
  ARG_PTR_TO_MEM: 'mem',
  ARG_PTR_TO_ARENA: 'arena',
  ARG_CONST_SIZE: 'size',
  ARG_CONST_SIZE_OR_ZERO: 'size',
  ARG_PTR_TO_CTX: 'ctx',
  ARG_ANYTHING: 'any',
  ARG_SCALAR: 'scalar',
  ARG_PTR_TO_SPIN_LOCK: 'spin_lock',
  ARG_PTR_TO_SOCK_COMMON: 'sock_common',
  ARG_PTR_TO_SOCKET: 'socket',
  ARG_PTR_TO_BTF_ID: 'btf_object',
  ARG_PTR_TO_RINGBUF_MEM: 'ringbuf_mem',
  ARG_CONST_ALLOC_SIZE_OR_ZERO: 'alloc_size',
  ARG_PTR_TO_BTF_ID_SOCK_COMMON: 'btf_socket',
  ARG_PTR_TO_PERCPU_BTF_ID: 'percpu_object',
  ARG_PTR_TO_FUNC: 'callback',
  ARG_PTR_TO_STACK: 'stack_mem',
  ARG_PTR_TO_CONST_STR: 'const_string',
  ARG_PTR_TO_TIMER: 'timer',
  ARG_KPTR_XCHG_DEST: 'kptr',
  ARG_PTR_TO_DYNPTR: 'dynptr',
};

/** Words that stand for a base type and flags (enum bpf_arg_type, enum bpf_return_type). */
const SHORTHANDS: Readonly<Record<string, readonly string[]>> = {
  ARG_PTR_TO_MAP_VALUE_OR_NULL: ['ARG_PTR_TO_MAP_VALUE', 'PTR_MAYBE_NULL'],
  ARG_PTR_TO_MEM_OR_NULL: ['ARG_PTR_TO_MEM', 'PTR_MAYBE_NULL'],
  ARG_PTR_TO_CTX_OR_NULL: ['ARG_PTR_TO_CTX', 'PTR_MAYBE_NULL'],
  ARG_PTR_TO_SOCKET_OR_NULL: ['ARG_PTR_TO_SOCKET', 'PTR_MAYBE_NULL'],
  ARG_PTR_TO_STACK_OR_NULL: ['ARG_PTR_TO_STACK', 'PTR_MAYBE_NULL'],
  ARG_PTR_TO_BTF_ID_OR_NULL: ['ARG_PTR_TO_BTF_ID', 'PTR_MAYBE_NULL'],
  ARG_PTR_TO_UNINIT_MEM: ['ARG_PTR_TO_MEM', 'MEM_UNINIT', 'MEM_WRITE'],
  ARG_PTR_TO_FIXED_SIZE_MEM: ['ARG_PTR_TO_MEM', 'MEM_FIXED_SIZE'],
  RET_PTR_TO_MAP_VALUE_OR_NULL: ['RET_PTR_TO_MAP_VALUE', 'PTR_MAYBE_NULL'],
  RET_PTR_TO_SOCKET_OR_NULL: ['RET_PTR_TO_SOCKET', 'PTR_MAYBE_NULL'],
  RET_PTR_TO_TCP_SOCK_OR_NULL: ['RET_PTR_TO_TCP_SOCK', 'PTR_MAYBE_NULL'],
  RET_PTR_TO_SOCK_COMMON_OR_NULL: ['RET_PTR_TO_SOCK_COMMON', 'PTR_MAYBE_NULL'],
  RET_PTR_TO_RINGBUF_MEM_OR_NULL: ['RET_PTR_TO_MEM', 'MEM_RINGBUF', 'PTR_MAYBE_NULL'],
  RET_PTR_TO_DYNPTR_MEM_OR_NULL: ['RET_PTR_TO_MEM', 'PTR_MAYBE_NULL'],
  RET_PTR_TO_BTF_ID_OR_NULL: ['RET_PTR_TO_BTF_ID', 'PTR_MAYBE_NULL'],
  RET_PTR_TO_BTF_ID_TRUSTED: ['RET_PTR_TO_BTF_ID', 'PTR_TRUSTED'],
};

const RETURN_KINDS: Readonly<Record<string, ReturnContract['kind']>> = {
  RET_INTEGER: 'integer',
  RET_VOID: 'void',
  RET_PTR_TO_MAP_VALUE: 'map_value',
  RET_PTR_TO_SOCKET: 'socket',
  RET_PTR_TO_TCP_SOCK: 'tcp_sock',
  RET_PTR_TO_SOCK_COMMON: 'sock_common',
  RET_PTR_TO_MEM: 'mem',
  RET_PTR_TO_MEM_OR_BTF_ID: 'mem_or_btf',
  RET_PTR_TO_BTF_ID: 'btf_object',
};

const DYNPTRS: Readonly<Record<string, NonNullable<ArgContract['dynptr']>>> = {
  DYNPTR_TYPE_LOCAL: 'local',
  DYNPTR_TYPE_RINGBUF: 'ringbuf',
  DYNPTR_TYPE_SKB: 'skb',
  DYNPTR_TYPE_XDP: 'xdp',
};

const POINTER_KINDS = new Set<ArgContract['kind']>(['mem', 'fixed_mem', 'map_value', 'map_key']);

const expand = (words: readonly string[]): string[] =>
  words.flatMap((word) => SHORTHANDS[word] ?? [word]);

function argumentOf(proto: RawPrototype, index: number): ArgContract {
  const raw = proto.args[index]!;
  const words = expand(raw.type);
  const has = (word: string): boolean => words.includes(word);
  const base = ARGUMENT_KINDS[words.find((word) => word.startsWith('ARG_'))!]!;
  const arg: Writable<ArgContract> = {
    kind: has('MEM_FIXED_SIZE') ? 'fixed_mem' : base,
    raw: raw.type,
  };
  const param = proto.params?.[index];
  if (param) Object.assign(arg, param);
  if (has('PTR_MAYBE_NULL')) arg.nullable = true;
  if (has('ARG_CONST_SIZE_OR_ZERO')) arg.zeroSizeOk = true;
  if (has('MEM_UNINIT')) arg.uninit = true;
  if (has('OBJ_RELEASE')) arg.release = true;
  if (has('MEM_USER')) arg.user = true;
  if (POINTER_KINDS.has(arg.kind)) arg.access = accessOf(words, arg.kind);
  addSizes(arg, raw, proto, index, has('MEM_ALIGNED'));
  if (arg.kind === 'btf_object') arg.trust = has('PTR_UNTRUSTED') ? 'untrusted' : 'trusted';
  const dynptr = words.map((word) => DYNPTRS[word]).find((kind) => kind !== undefined);
  if (dynptr) arg.dynptr = dynptr;
  return arg;
}

/** Plain ARG_PTR_TO_MEM refuses read-only memory, because its helpers write to it. */
function accessOf(
  words: readonly string[],
  kind: ArgContract['kind'],
): 'read' | 'write' | 'readwrite' {
  if (words.includes('MEM_WRITE') || words.includes('MEM_UNINIT')) {
    return words.includes('MEM_UNINIT') ? 'write' : 'readwrite';
  }
  const plainMemory = kind === 'mem' || kind === 'fixed_mem';
  return plainMemory && !words.includes('MEM_RDONLY') ? 'readwrite' : 'read';
}

function addSizes(
  arg: Writable<ArgContract>,
  raw: RawArgument,
  proto: RawPrototype,
  index: number,
  aligned: boolean,
): void {
  if (raw.btf) arg.btf = raw.btf;
  if (raw.size !== undefined) {
    arg.size = raw.size;
    if (aligned) arg.align = raw.size;
  }
  const next = proto.args[index + 1]?.type[0] ?? '';
  if (arg.kind === 'mem' && next.startsWith('ARG_CONST_SIZE')) arg.sizeFrom = index + 1;
}

function returnOf(proto: RawPrototype, args: readonly ArgContract[], name: string): ReturnContract {
  const words = expand(proto.ret);
  const base = RETURN_KINDS[words.find((word) => word.startsWith('RET_'))!]!;
  const result: Writable<ReturnContract> = { kind: base, raw: proto.ret };
  if (words.includes('MEM_RINGBUF')) result.kind = 'ringbuf_mem';
  if (proto.ret.includes('RET_PTR_TO_DYNPTR_MEM_OR_NULL')) result.kind = 'dynptr_mem';
  if (words.includes('PTR_MAYBE_NULL')) result.nullable = true;
  if (words.includes('PTR_TRUSTED')) result.trust = 'trusted';
  if (proto.retBtf) result.btf = proto.retBtf;
  if (helperTraits.acquires!.includes(name)) result.acquire = true;
  if (helperTraits.casts!.includes(name)) result.keepsReference = true;
  const size = args.findIndex((arg) => arg.kind === 'alloc_size');
  if (size >= 0) result.sizeFrom = size;
  return result;
}

/** The kernel's structs of packets, which tracing programs hand to helpers. */
const PACKET_STRUCTS: readonly unknown[] = ['xdp_buff', 'sk_buff'];

function contractOf(id: number, prototype: string, proto: RawPrototype): CallContract {
  const name = helperNameOf(id);
  const args = proto.args.map((_, index) => argumentOf(proto, index));
  const contract: Writable<CallContract> = {
    callee: 'helper',
    name: `bpf_${name}`,
    id,
    args,
    returns: returnOf(proto, args, name),
    prototype,
    func: proto.func,
  };
  if (proto.gpl_only) contract.gplOnly = true;
  if (proto.might_sleep) contract.maySleep = true;
  if (proto.pkt_access) contract.packetAccess = true;
  if (proto.allow_fastcall) contract.fastcall = true;
  if (helperTraits.changesPacket!.includes(name)) contract.changesPacket = true;
  if (helperTraits.storageGet!.includes(name)) contract.allocatesStorage = true;
  if (PACKET_STRUCTS.includes(contract.args[0]?.btf))
    contract.kernelFunc = `${contract.func}_kernel`;
  return withHelperTraits(contract);
}

const helperNameOf = (id: number): string => helperName(id) ?? `unknown#${id}`;

/** By prototype: older kernels share those that did not change. */
const contracts = new WeakMap<RawPrototype, Map<number, CallContract>>();

function contractFor(id: number, prototype: string, tables = newestTables): CallContract {
  const proto = tables.prototypes[prototype]!;
  let known = contracts.get(proto);
  if (!known) contracts.set(proto, (known = new Map()));
  let contract = known.get(id);
  if (!contract) known.set(id, (contract = contractOf(id, prototype, proto)));
  return contract;
}

/** Prototype names of every helper, the plainest first. */
let candidates: Map<number, string[]> | undefined;

function prototypesOf(id: number): readonly string[] {
  candidates ??= collectCandidates();
  return candidates.get(id) ?? [];
}

function collectCandidates(): Map<number, string[]> {
  const found = new Map<number, Set<string>>();
  for (const selector of Object.values(rawSelectors)) {
    for (const [name, row] of Object.entries(selector.calls)) {
      const id = helperId(name)!;
      if (!found.has(id)) found.set(id, new Set());
      for (const proto of row.protos) if (rawPrototypes[proto]) found.get(id)!.add(proto);
    }
  }
  const plainFirst = (id: number) => (a: string, b: string) => {
    const plain = `bpf_${helperName(id)}_proto`;
    if (a === plain || b === plain) return a === plain ? -1 : 1;
    return a < b ? -1 : 1;
  };
  return new Map([...found].map(([id, set]) => [id, [...set].sort(plainFirst(id))]));
}

/**
 * The contract of helper `id`. Some helpers have one prototype per kind of context; give the
 * program type (BPF_PROG_TYPE_* number) to get the one that type uses, else the plainest is
 * returned. Undefined for ids that Linux 6.12 does not have, and for the two it knows by name only.
 */
export function helperContract(id: number, programType?: number): CallContract | undefined {
  if (programType !== undefined) {
    const row = helperAvailability(programType, id);
    if (row) return row.contract;
  }
  const known = plainContracts[id];
  if (known) return known;
  const [prototype] = prototypesOf(id);
  return prototype === undefined ? undefined : (plainContracts[id] = contractFor(id, prototype));
}

/** By helper id, as far as asked for. */
const plainContracts: (CallContract | undefined)[] = [];

const programNames = new Map<number, string>(
  Object.entries(enums.bpf_prog_type).map(([name, id]) => [id, name]),
);
const availability = new Map<number, ReadonlyMap<number, CallAvailability>>();

/** Helpers that programs of a type may call: helper id → conditions and contract. */
export function helpersOf(programType: number): ReadonlyMap<number, CallAvailability> {
  let rows = availability.get(programType);
  if (!rows) {
    const selector = rawProgramTypes[programNames.get(programType) ?? '']?.selector;
    availability.set(programType, (rows = availabilityRows(selector)));
  }
  return rows;
}

/** One row of `helpersOf`, or undefined if the type may not call the helper. */
export function helperAvailability(programType: number, id: number): CallAvailability | undefined {
  return helpersOf(programType).get(id);
}

function availabilityRows(selector: string | undefined): Map<number, CallAvailability> {
  const rows = new Map<number, CallAvailability>();
  const raw = new Map<string, RawAvailability>();
  const chain: string[] = [];
  for (let name = selector; name !== undefined; name = rawSelectors[name]?.inherits)
    chain.push(name);
  for (const name of chain.reverse()) {
    for (const [helper, row] of Object.entries(rawSelectors[name]?.calls ?? {}))
      raw.set(helper, row);
  }
  for (const [helper, row] of raw) {
    const id = helperId(helper)!;
    const available = availabilityRow(id, row);
    if (available) rows.set(id, available);
  }
  return rows;
}

/** What a row of the kernel's tables says of helper `id`; undefined if it has no prototype. */
export function availabilityRow(id: number, row: RawAvailability): CallAvailability | undefined {
  const prototype = row.protos.find((name) => rawPrototypes[name]);
  if (prototype === undefined) return undefined;
  const result: Writable<CallAvailability> = { contract: contractFor(id, prototype) };
  if (row.capability) result.capability = row.capability;
  if (row.attach) result.attach = row.attach;
  if (row.exceptAttach) result.exceptAttach = row.exceptAttach;
  if (row.config) result.config = row.config;
  if (row.maybe || row.protos.length > 1) result.conditional = true;
  return result;
}

/** The kernel's function that hands out a program type's prototypes, by its C name. */
export function helperSelector(programType: number, tables = newestTables): string | undefined {
  return tables.programTypes[programNames.get(programType) ?? '']?.selector;
}

/** What `selector` says of helper `id`: its prototypes by name and what they depend on. */
export function helperRow(
  selector: string,
  id: number,
  { selectors }: KernelTables = newestTables,
): RawAvailability | undefined {
  const name = helperName(id);
  for (let at: string | undefined = selector; name && at; at = selectors[at]?.inherits) {
    const row = selectors[at]?.calls[name];
    if (row) return row;
  }
  return undefined;
}

/** The contract of helper `id` by one of its prototypes, or undefined if there is no such. */
export function helperPrototypeContract(
  id: number,
  prototype: string,
  tables = newestTables,
): CallContract | undefined {
  return tables.prototypes[prototype] ? contractFor(id, prototype, tables) : undefined;
}
