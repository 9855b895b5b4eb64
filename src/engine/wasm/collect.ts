import type { ArgContract, CallContract } from '../../abi/index.ts';
import { BPF_PSEUDO_MAP_FD, BPF_PSEUDO_MAP_VALUE, type Code, LD_IMM64 } from '../../isa/index.ts';
import {
  H_BUCKETS,
  H_EXTRA,
  H_INIT,
  H_MASK,
  H_STRIDE,
  H_VALUE,
  HASH_JHASH,
  HASH_KEY,
  LRU_KEY,
  LRU_REFERENCED,
  M_CPU_STRIDE,
  M_FIELDS,
  M_HASH,
  M_KEY_SIZE,
  M_MAX_ENTRIES,
  M_STRIDE,
  M_TYPE,
  M_VALUE_SIZE,
  M_VALUE_TAG,
  M_VALUES,
  MAX_REGIONS,
  PERCPU_HASH_HOME,
  PERCPU_HASH_KEY,
  R_ELEMENT,
  R_END,
  R_FLAGS,
  R_OWNER,
  R_START,
  R_STRIDE,
  REGION_F_READ_ONLY,
  REGION_F_WRITE_ONLY,
  REGION_SIZE,
  REGIONS,
  RB_BASE,
  TAG_BASE,
} from '../../runtime/layout.ts';
import type { Runtime } from '../../runtime/types.ts';
import { calleeOf, readCode, takesTimer } from '../callee.ts';
import type { ProgramImage } from '../types.ts';
import {
  type ArgumentFacts,
  type Facts,
  functionNames,
  type HashFacts,
  type HelperFacts,
  type MapFacts,
  type RingFacts,
  type TableFacts,
} from './facts.ts';
import { isShortKey } from './hash-lookup.ts';
import { CALL, following } from './insn.ts';
import { MAP_OPERATIONS } from './imports.ts';

/** Map types whose look-up is the formula of runtime/core/array.ts. */
const ARRAY_TYPES: ReadonlySet<string> = new Set(['array', 'percpu_array']);
/** Offsets in the nodes of types whose look-up is the walk of runtime/core/hash.ts. */
const HASH_NODES: Readonly<Record<string, Pick<HashFacts, 'key' | 'home' | 'referenced'>>> = {
  hash: { key: HASH_KEY },
  percpu_hash: { key: PERCPU_HASH_KEY, home: PERCPU_HASH_HOME },
  lru_hash: { key: LRU_KEY, referenced: LRU_REFERENCED },
};
/** Map types whose look-up by a program gives no pointer to a value. */
const OTHER_LOOKUPS: ReadonlySet<string> = new Set(['array_of_maps', 'hash_of_maps']);

/** Gathers from a runtime what compiling `image` for it depends on. */
export function collectFacts(image: ProgramImage, runtime: Runtime): Facts {
  const code = readCode(image);
  const maps = new Map<number, MapFacts>();
  const helpers: Record<number, HelperFacts> = {};
  const functions = new Set<string>();
  for (let i = 0; i < code.length; i = following(code, i)) {
    const op = code.op[i];
    if (op === LD_IMM64) addMap(runtime, mapOfConstant(runtime, code, i), maps);
    if (op === CALL && code.src[i] === 0) {
      helpers[code.imm[i]] ??= helperFacts(image, runtime, code.imm[i]) as HelperFacts;
    }
  }
  for (const id of Object.keys(helpers)) if (!helpers[Number(id)]) delete helpers[Number(id)];
  for (const map of maps.values()) {
    for (const { name: operation } of Object.values(MAP_OPERATIONS)) {
      for (const name of functionNames(map, operation)) {
        if (runtime.exports[name] !== undefined) functions.add(name);
      }
    }
  }
  return {
    shared: runtime.options.shared === true,
    maps: [...maps.values()],
    helpers,
    functions: [...functions],
    tailCalls: hasTailCalls(),
  };
}

/** Header of the map that the ld_imm64 at `i` names or points into, or 0. */
function mapOfConstant(runtime: Runtime, code: Code, i: number): number {
  if (code.src[i] === BPF_PSEUDO_MAP_FD) return code.imm[i] >>> 0;
  if (code.src[i] !== BPF_PSEUDO_MAP_VALUE || i + 1 >= code.length) return 0;
  const region = code.imm[i + 1] - TAG_BASE;
  if (region <= 0 || region >= MAX_REGIONS) return 0;
  return runtime.view().getUint32(REGIONS + region * REGION_SIZE + R_OWNER, true);
}

function addMap(runtime: Runtime, address: number, maps: Map<number, MapFacts>): void {
  if (address === 0 || maps.has(address)) return;
  const map = runtime.mapAt(address);
  if (map !== undefined) maps.set(address, mapFacts(runtime, address, map.prefix));
}

/** Shared memory needs more care with links than compiled code takes. */
function hashFacts(
  runtime: Runtime,
  prefix: string,
  field: (offset: number) => number,
): HashFacts | undefined {
  const node = HASH_NODES[prefix];
  const usual = field(M_HASH) === HASH_JHASH && isShortKey(field(M_KEY_SIZE));
  if (node === undefined || !usual || runtime.options.shared === true) return undefined;
  return {
    ...node,
    buckets: field(H_BUCKETS),
    mask: field(H_MASK) | 0,
    init: field(H_INIT) | 0,
    value: field(H_VALUE),
    table: prefix === 'hash' ? tableFacts(field) : undefined,
    lru: prefix === 'lru_hash' && field(M_FIELDS) === 0,
  };
}

/** Values with special fields, and nodes that are not the table's own, are the runtime's. */
function tableFacts(field: (offset: number) => number): TableFacts | undefined {
  const spare = field(H_EXTRA);
  if (spare === 0 || field(M_FIELDS) !== 0) return undefined;
  return { spare, stride: field(H_STRIDE) };
}

/** In shared memory records take a lock. */
function ringFacts(
  runtime: Runtime,
  prefix: string,
  field: (offset: number) => number,
): RingFacts | undefined {
  if (prefix !== 'ringbuf' || runtime.options.shared === true) return undefined;
  return { pages: field(RB_BASE) | 0 };
}

function mapFacts(runtime: Runtime, address: number, prefix: string): MapFacts {
  const view = runtime.view();
  const field = (offset: number) => view.getUint32(address + offset, true);
  const valueTag = view.getInt32(address + M_VALUE_TAG, true);
  const region = REGIONS + (valueTag - TAG_BASE) * REGION_SIZE;
  const record = (offset: number) => (valueTag === 0 ? 0 : view.getUint32(region + offset, true));
  const flags = record(R_FLAGS);
  return {
    address,
    type: field(M_TYPE),
    prefix,
    keySize: field(M_KEY_SIZE),
    usualHash: field(M_HASH) === HASH_JHASH,
    valueSize: field(M_VALUE_SIZE),
    maxEntries: field(M_MAX_ENTRIES),
    valueTag,
    values: field(M_VALUES) | 0,
    stride: field(M_STRIDE),
    cpuStride: field(M_CPU_STRIDE),
    isArray: ARRAY_TYPES.has(prefix),
    hash: hashFacts(runtime, prefix, field),
    ring: ringFacts(runtime, prefix, field),
    region: {
      start: record(R_START) | 0,
      end: record(R_END) | 0,
      stride: record(R_STRIDE),
      element: record(R_ELEMENT),
    },
    holdsValues: valueTag !== 0 && !OTHER_LOOKUPS.has(prefix),
    writable: (flags & REGION_F_READ_ONLY) === 0,
    readable: (flags & REGION_F_WRITE_ONLY) === 0,
  };
}

function helperFacts(image: ProgramImage, runtime: Runtime, id: number): HelperFacts | undefined {
  const { fn, arity, contract } = calleeOf(image, runtime, id);
  if (fn === undefined) return undefined;
  const args = contract?.args ?? [];
  // JavaScript bodies may run programs; runtime functions only call back when they take a callback.
  const isRuntime = isExport(runtime, fn);
  return {
    arity,
    changesPacket: contract === undefined || contract.changesPacket === true,
    isRuntime,
    callsBack: !isRuntime || args.some((argument) => argument.kind === 'callback'),
    armsTimers: contract !== undefined && takesTimer(contract),
    throws: contract?.throws === true,
    args: args.map(argumentFacts),
    releases: args.some((argument) => argument.release === true),
    keepsPointers: contract === undefined || keepsPointers(contract),
    checked: contract !== undefined,
  };
}

/** What a kernel function does with a pointer (give it back, keep it) its contract does not say. */
function keepsPointers({ callee, args }: CallContract): boolean {
  return callee === 'kfunc' || args.some(({ kind }) => KEPT_KINDS.has(kind));
}

/** Helpers with such arguments hand pointers on to callbacks, or keep them. */
const KEPT_KINDS: ReadonlySet<string> = new Set([
  'callback',
  'stack_mem',
  'dynptr',
  'timer',
  'kptr',
]);

const SCALAR_KINDS: ReadonlySet<string> = new Set(['scalar', 'any', 'size', 'alloc_size', 'none']);
const SIMPLE_KINDS: Readonly<Record<string, ArgumentFacts['kind']>> = {
  ctx: 'ctx',
  map: 'map',
  map_key: 'key',
  map_value: 'value',
};

function argumentFacts(argument: ArgContract): ArgumentFacts {
  const { kind, size, sizeFrom, access } = argument;
  const write = access === 'write' || access === 'readwrite';
  if (SCALAR_KINDS.has(kind)) return { kind: 'scalar', write };
  if (SIMPLE_KINDS[kind]) return { kind: SIMPLE_KINDS[kind], write };
  const isMemory = kind === 'mem' || kind === 'fixed_mem';
  if (isMemory && sizeFrom !== undefined) return { kind: 'memory', sizeFrom, write };
  if (isMemory && size !== undefined) return { kind: 'memory', size, write };
  return { kind: 'other', write };
}

function isExport(runtime: Runtime, fn: unknown): boolean {
  return Object.values(runtime.exports).includes(fn as never);
}

let tailCalls: boolean | undefined;

/** Whether this engine has wasm tail calls: asks it to validate a function that makes one. */
export function hasTailCalls(): boolean {
  tailCalls ??= WebAssembly.validate(
    Uint8Array.from(
      [
        [0, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
        [1, 4, 1, 0x60, 0, 0],
        [3, 2, 1, 0],
        [10, 6, 1, 4, 0, 0x12, 0, 0x0b],
      ].flat(),
    ),
  );
  return tailCalls;
}
