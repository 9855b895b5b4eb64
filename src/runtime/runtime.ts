import { helperContract } from '../abi/calls/helpers.ts';
import { kfuncByName } from '../abi/calls/kfunc-sets.ts';
import { BPF_SPIN_LOCK, type FieldRecord } from '../abi/fields/types.ts';
import { mapTypes } from '../abi/maps/index.ts';
import { succeed } from '../abi/succeed.ts';
import type { MapTypeDef, OwnerKind } from '../abi/types.ts';
import { type WildcardField, wildcardDescriptor } from '../abi/wildcard.ts';
import { BugError } from '../base/index.ts';
import { EventQueue } from './events.ts';
import { FunctionTable } from './function-table.ts';
import { sharedWasm, wasm } from './generated/runtime.ts';
import { kernelError } from './host/errno.ts';
import type { CallPlaces } from './host/call-places.ts';
import { GracePeriods } from './host/grace-periods.ts';
import { hostHelpers } from './host/index.ts';
import { checkMapDefinition } from './host/map-check.ts';
import { mapHashNumber } from './host/map-hash.ts';
import { HostMap, readDefinition } from './host/map.ts';
import { wantsModel } from './host/memory-options.ts';
import { ObjectTypes } from './host/objects.ts';
import { MemoryOwner } from './host/owner.ts';
import {
  GLOBALS,
  G_CLOCK,
  G_CPUS,
  MAP_MAGIC,
  M_DESCRIPTOR,
  M_FIELDS,
  M_HASH,
  M_INNER,
  M_MAGIC,
  M_SPIN_LOCK,
  M_TYPE,
} from './layout.ts';
import { bindLast, wrapHostHelper } from './trampoline.ts';
import type {
  HostHelper,
  HostServices,
  MapDefinition,
  OwnerOptions,
  Runtime,
  RuntimeMap,
  RuntimeOptions,
  RuntimeOwner,
} from './types.ts';

const MAX_CPUS = 64;
const INITIAL_PAGES = 32;
const MAX_PAGES = 65536;

type Export = (...args: never[]) => unknown;
type Numeric = (...args: (number | bigint)[]) => number;

interface HelperBody {
  readonly fn: unknown;
  readonly arity: number;
}

/** Bodies that some programs get in place of a kernel function's (`readOnlyFunc`, `kernelFunc`). */
const STAND_INS: ReadonlySet<string> = new Set([
  'bpf_dynptr_from_skb_rdonly',
  'bpf_dynptr_from_kernel_skb',
]);
/** Kernel functions whose last argument, which the verifier writes, is the program's types. */
const NEEDS_TYPES: ReadonlySet<string> = new Set(['bpf_obj_new_impl', 'bpf_percpu_obj_new_impl']);

const modules = new Map<boolean, WebAssembly.Module>();

/** The runtime's module, compiled once per kind of memory. */
function runtimeModule(shared: boolean): WebAssembly.Module {
  let module = modules.get(shared);
  if (!module) {
    const text = atob(shared ? sharedWasm : wasm);
    module = new WebAssembly.Module(Uint8Array.from(text, (c) => c.charCodeAt(0)));
    modules.set(shared, module);
  }
  return module;
}

const factsByType = new Map<number, MapTypeDef>(mapTypes.map((facts) => [facts.id, facts]));

/**
 * Makes a machine's memory (or joins one as another CPU) and puts an instance of the AssemblyScript
 * module over it.
 *
 * @example
 * const runtime = createRuntime({ cpus: 1 }); const map = runtime.createMap({ name: 'm', type: 2,
 * keySize: 4, valueSize: 8, maxEntries: 1, flags: 0 });
 */
export function createRuntime(options: RuntimeOptions): Runtime {
  return new LinearRuntime(options);
}

class LinearRuntime implements Runtime {
  readonly memory: WebAssembly.Memory;
  readonly table: WebAssembly.Table;
  readonly functions: FunctionTable;
  readonly exports: Readonly<Record<string, Export>>;
  readonly options: RuntimeOptions;
  readonly cpu: number;
  readonly cpuBlock: number;
  readonly objects: ObjectTypes = new ObjectTypes(this);
  readonly events: EventQueue = new EventQueue(this);
  readonly gracePeriods: GracePeriods | undefined;
  callPlaces: CallPlaces | undefined;
  readonly host: HostServices = { devices: new Map(), routes: [], neighbours: [] };
  readonly owners: Map<number, RuntimeOwner> = new Map();
  readonly scratch: Set<number> = new Set();
  readonly #maps = new Map<number, RuntimeMap>();
  /** Bodies given by setHostHelper, by helper id; those of host/, wrapped when first asked for. */
  readonly #given = new Map<number, HelperBody>();
  readonly #wrapped = new Map<string, HelperBody>();
  readonly #boundKfuncs = new Map<string, unknown>();
  readonly #givenKfuncs = new Map<string, HelperBody>();
  #u8: Uint8Array = new Uint8Array();
  #i32: Int32Array = new Int32Array();
  #u32: Uint32Array = new Uint32Array();
  #view: DataView = new DataView(new ArrayBuffer(0));

  constructor(options: RuntimeOptions) {
    const { cpus, join } = options;
    if (!(Number.isInteger(cpus) && cpus >= 1 && cpus <= MAX_CPUS)) {
      throw kernelError('EINVAL', `a machine of ${cpus} CPUs (1 to ${MAX_CPUS})`);
    }
    this.memory = join?.memory ?? createMemory(options.shared === true);
    const shared = isShared(this.memory);
    // Who joins gets the number of CPUs from the machine it joins.
    const present = join ? new Uint32Array(this.memory.buffer)[(GLOBALS + G_CPUS) >>> 2]! : cpus;
    this.options = { ...options, cpus: present, shared };
    const imports = {
      env: {
        memory: this.memory,
        abort: () => {
          throw new BugError('runtime abort');
        },
      },
    };
    const instance = new WebAssembly.Instance(runtimeModule(shared), imports);
    this.exports = instance.exports as unknown as Readonly<Record<string, Export>>;
    this.table = instance.exports['table'] as WebAssembly.Table;
    this.functions = new FunctionTable(this.table);
    if (!join)
      succeed(this.#call('runtime_init', cpus, BigInt(options.seed ?? 0)), 'out of memory');
    this.cpu = join?.cpu ?? 0;
    if (!(this.cpu >= 0 && this.cpu < present)) {
      throw kernelError('EINVAL', `CPU ${this.cpu} of a machine of ${present}`);
    }
    this.cpuBlock = this.#call('runtime_enter', this.cpu) >>> 0;
    const model = join ? undefined : options.memoryModel;
    this.gracePeriods = model && wantsModel(model) ? new GracePeriods(this, model) : undefined;
  }

  u8(): Uint8Array {
    if (this.#u8.buffer !== this.memory.buffer) this.#refresh();
    return this.#u8;
  }

  i32(): Int32Array {
    if (this.#i32.buffer !== this.memory.buffer) this.#refresh();
    return this.#i32;
  }

  u32(): Uint32Array {
    if (this.#u32.buffer !== this.memory.buffer) this.#refresh();
    return this.#u32;
  }

  view(): DataView {
    if (this.#view.buffer !== this.memory.buffer) this.#refresh();
    return this.#view;
  }

  #refresh(): void {
    const { buffer } = this.memory;
    this.#u8 = new Uint8Array(buffer);
    this.#i32 = new Int32Array(buffer);
    this.#u32 = new Uint32Array(buffer);
    this.#view = new DataView(buffer);
  }

  allocate(size: number, align = 16): number {
    const address = size > 0xffffffff ? 0 : this.#call('heap_alloc', size, align) >>> 0;
    if (address === 0) throw kernelError('ENOMEM', `no memory for ${size} bytes`);
    return address;
  }

  allocateScratch(size: number, align = 16): number {
    const address = this.allocate(size, align);
    this.scratch.add(address);
    return address;
  }

  release(address: number): void {
    this.scratch.delete(address);
    this.#call('heap_free', address);
  }

  createMap(definition: MapDefinition): RuntimeMap {
    const {
      name,
      type,
      keySize,
      valueSize,
      maxEntries,
      flags,
      extra = 0n,
      inner,
      special,
      spinLock = special?.spinLockOff ?? -1,
      fields,
    } = definition;
    const facts = factsByType.get(type);
    if (!facts?.runtime) throw kernelError('EINVAL', `map '${name}': no map type ${type}`);
    checkMapDefinition(definition, facts);
    const address = this.#call('map_new', type, keySize, valueSize, maxEntries, flags, extra) >>> 0;
    if (address === 0) throw kernelError('ENOMEM', `map '${name}': too many maps`);
    if (inner) this.u32()[(address + M_INNER) >>> 2] = inner.address;
    const members = typeof definition.kernelType === 'object' && definition.kernelType.members;
    this.u32()[(address + M_SPIN_LOCK) >>> 2] = spinLock + 1;
    const record = special ?? (spinLock < 0 ? undefined : onlyLock(spinLock));
    if (record) this.u32()[(address + M_FIELDS) >>> 2] = this.objects.record(record);
    if (facts.hashed) {
      this.u32()[(address + M_HASH) >>> 2] = mapHashNumber(this.options.mapHash ?? 'jhash');
    }
    const descriptor = fields ? this.#describe(address, fields) : 0;
    const result = this.#call(`${facts.runtime}_create`, address);
    if (result !== 0) {
      if (descriptor !== 0) this.release(descriptor);
      this.#call('map_discard', address);
    }
    succeed(result, `map '${name}' (${facts.name})`);
    if (members) this.u8().set(members, this.#call('struct_ops_mask', address) >>> 0);
    try {
      return this.#register(new HostMap(this, facts, definition, address));
    } catch (error) {
      this.#call(`${facts.runtime}_free`, address);
      this.#call('map_discard', address);
      throw error;
    }
  }

  /** Puts what a map's key looks like where its type finds it. */
  #describe(map: number, fields: readonly WildcardField[]): number {
    const words = wildcardDescriptor(fields);
    const block = this.allocate(words.byteLength, 16);
    this.u32().set(words, block >>> 2);
    this.u32()[(map + M_DESCRIPTOR) >>> 2] = block;
    return block;
  }

  mapAt(address: number): RuntimeMap | undefined {
    const words = this.u32();
    if (words[(address + M_MAGIC) >>> 2] !== MAP_MAGIC) {
      this.#maps.delete(address);
      return undefined;
    }
    const known = this.#maps.get(address);
    if (known) return known;
    const facts = factsByType.get(words[(address + M_TYPE) >>> 2]!);
    if (!facts) return undefined;
    return this.#register(
      new HostMap(this, facts, readDefinition(this, address, facts.id), address),
    );
  }

  adoptMap(address: number, definition: MapDefinition): RuntimeMap {
    return this.#register(
      new HostMap(this, factsByType.get(definition.type)!, definition, address),
    );
  }

  get build(): number {
    return buildOf(this.options.shared ? sharedWasm : wasm);
  }

  createOwner(kind: OwnerKind, options: OwnerOptions = {}): RuntimeOwner {
    return MemoryOwner.make(this, kind, options);
  }

  adoptOwner(kind: OwnerKind, address: number): RuntimeOwner {
    return new MemoryOwner(this, kind, address);
  }

  #register(map: RuntimeMap): RuntimeMap {
    this.#maps.set(map.address, map);
    return map;
  }

  addFunction(fn: unknown): number {
    return this.functions.share(fn);
  }

  helperSlot(id: number, programType?: number): number {
    const fn = this.helperFunction(id, programType);
    return fn === undefined ? -1 : this.addFunction(fn);
  }

  helperFunction(id: number, programType?: number): unknown {
    return this.#helper(id, programType)?.fn;
  }

  helperArity(id: number, programType?: number): number {
    return this.#helper(id, programType)?.arity ?? 0;
  }

  /**
   * A body may be named like the helper or, when there is one per kind of context, like Linux's
   * function.
   */
  #helper(id: number, programType: number | undefined): HelperBody | undefined {
    const given = this.#given.get(id);
    const contract = helperContract(id, programType);
    if (given || !contract) return given;
    const { kernelFunc, func, name } = contract;
    return kernelFunc
      ? this.#namedBody(kernelFunc)
      : (this.#namedBody(func!) ?? this.#namedBody(name));
  }

  #namedBody(name: string): HelperBody | undefined {
    const known = this.#wrapped.get(name);
    if (known) return known;
    const host = hostHelpers.get(name);
    const fn = this.exports[name];
    if (!host && !fn) return undefined;
    const body = host
      ? { fn: wrapHostHelper(this, host.arity, host.body), arity: host.arity }
      : { fn, arity: fn!.length };
    this.#wrapped.set(name, body);
    return body;
  }

  kfuncFunction(name: string, objectTypes = 0): unknown {
    return NEEDS_TYPES.has(name) ? this.#bound(name, objectTypes) : this.#kfunc(name)?.fn;
  }

  #bound(name: string, objectTypes: number): unknown {
    const key = `${name} ${objectTypes}`;
    let fn = this.#boundKfuncs.get(key);
    if (!fn) {
      const body = this.#kfunc(name)!;
      this.#boundKfuncs.set(key, (fn = bindLast(body.fn, body.arity, objectTypes)));
    }
    return fn;
  }

  kfuncArity(name: string): number {
    return this.#kfunc(name)?.arity ?? 0;
  }

  /** Exports are bodies of kernel functions only under names of such. */
  #kfunc(name: string): HelperBody | undefined {
    const given = this.#givenKfuncs.get(name);
    if (given) return given;
    const isBody = kfuncByName(name) !== undefined || STAND_INS.has(name);
    return isBody ? this.#namedBody(name) : undefined;
  }

  setHostKfunc(name: string, arity: number, body: HostHelper): void {
    this.#givenKfuncs.set(name, { fn: wrapHostHelper(this, arity, body), arity });
  }

  setHostHelper(id: number, arity: number, body: HostHelper): void {
    this.#given.set(id, { fn: wrapHostHelper(this, arity, body), arity });
  }

  hostSlot(arity: number, body: HostHelper): number {
    return this.addFunction(wrapHostHelper(this, arity, body));
  }

  get clock(): bigint {
    return this.view().getBigUint64(GLOBALS + G_CLOCK, true);
  }

  set clock(ns: bigint) {
    this.view().setBigUint64(GLOBALS + G_CLOCK, ns, true);
  }

  #call(name: string, ...args: (number | bigint)[]): number {
    return (this.exports[name] as Numeric)(...args);
  }
}

/** The special fields of a value that only has a lock. */
function onlyLock(offset: number): FieldRecord {
  const lock = { type: BPF_SPIN_LOCK, offset, size: 4, btf: undefined, btfId: 0 };
  const fields = [{ ...lock, valueBtfId: 0, nodeOffset: 0 }];
  const none = { timerOff: -1, wqOff: -1, refcountOff: -1 };
  return { fields, mask: BPF_SPIN_LOCK, spinLockOff: offset, ...none };
}

const builds = new Map<string, number>();

/** FNV-1a of the module. */
function buildOf(text: string): number {
  let sum = builds.get(text);
  if (sum === undefined) {
    sum = 0x811c9dc5;
    for (let i = 0; i < text.length; i++) sum = Math.imul(sum ^ text.charCodeAt(i), 0x01000193);
    builds.set(text, (sum >>>= 0));
  }
  return sum;
}

function createMemory(shared: boolean): WebAssembly.Memory {
  return shared
    ? new WebAssembly.Memory({ initial: INITIAL_PAGES, maximum: MAX_PAGES, shared: true })
    : new WebAssembly.Memory({ initial: INITIAL_PAGES });
}

function isShared(memory: WebAssembly.Memory): boolean {
  return typeof SharedArrayBuffer !== 'undefined' && memory.buffer instanceof SharedArrayBuffer;
}
