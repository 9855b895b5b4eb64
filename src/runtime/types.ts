/**
 * The host side of the runtime, as the engine and the machine see it. One Runtime is one linear
 * memory with one instance of the AssemblyScript module per CPU worker. Layout: ./layout.ts.
 */
export interface RuntimeOptions {
  /** Possible CPUs: number of CPU blocks and of per-CPU values. 1 to 64. */
  readonly cpus: number;
  /** Shared memory, for several workers on one machine. */
  readonly shared?: boolean;
  /** Seed of bpf_get_prandom_u32 and of hash maps without BPF_F_ZERO_SEED. */
  readonly seed?: number;
  /** Join an existing shared memory as CPU `cpu` instead of making one. */
  readonly join?: { readonly memory: WebAssembly.Memory; readonly cpu: number };
}

export interface MapDefinition {
  readonly name: string;
  /** BPF_MAP_TYPE_* */
  readonly type: number;
  readonly keySize: number;
  readonly valueSize: number;
  readonly maxEntries: number;
  readonly flags: number;
  readonly extra?: bigint;
  /** Template for map-in-map. */
  readonly inner?: RuntimeMap;
  /** Program may only read (BPF_F_RDONLY_PROG semantics for .rodata come through flags). */
}

/** A map living in a Runtime's memory. All methods are the bpf(2) side: copies, kernel errnos. */
export interface RuntimeMap {
  readonly definition: MapDefinition;
  /** Address of its header = low half of the handle a program holds. */
  readonly address: number;
  /** Word of abi's MapTypeDef.runtime: prefix of its functions ('hash' → exports.hash_lookup). */
  readonly prefix: string;
  /** Bytes of a value as bpf(2) sees it (per-CPU: round_up(valueSize, 8) * cpus). */
  readonly userValueSize: number;
  /** Copies the value out. Returns 0 or a negative errno. */
  lookup(key: Uint8Array, out: Uint8Array): number;
  update(key: Uint8Array, value: Uint8Array, flags?: number): number;
  delete(key: Uint8Array): number;
  lookupAndDelete(key: Uint8Array, out: Uint8Array): number;
  /** First key if `key` is undefined. */
  nextKey(key: Uint8Array | undefined, out: Uint8Array): number;
  /** For globals: live bytes of value 0. Refetch after anything that may grow memory. */
  valueBytes(index: number): Uint8Array;
  free(): void;
}

export interface Runtime {
  readonly memory: WebAssembly.Memory;
  /** Function table shared by the runtime, compiled programs and helpers. */
  readonly table: WebAssembly.Table;
  /** Functions of the AssemblyScript module: helpers by their Linux name, `<map>_lookup`, … */
  readonly exports: Readonly<Record<string, (...args: never[]) => unknown>>;
  readonly options: RuntimeOptions;
  /** CPU this instance works for and the address of its block. */
  readonly cpu: number;
  readonly cpuBlock: number;
  /** The only way to look at memory from JavaScript: growing it makes old views useless. */
  u8(): Uint8Array;
  i32(): Int32Array;
  u32(): Uint32Array;
  view(): DataView;
  /** Zeroed memory; throws KernelError ENOMEM. */
  allocate(size: number, align?: number): number;
  release(address: number): void;
  /** Throws KernelError with the kernel's errno. */
  createMap(definition: MapDefinition): RuntimeMap;
  mapAt(address: number): RuntimeMap | undefined;
  /** Puts a function into the table, returns its slot. */
  addFunction(fn: unknown): number;
  /**
   * Slot of a helper: a wasm function of type (i64 x argument count) -> i64, or -1 if there is no
   * body. JavaScript bodies are wrapped: arguments go through C_HOST_ARGS.
   */
  helperSlot(id: number): number;
  /** Same function as a value, for import by compiled code. */
  helperFunction(id: number): unknown;
  /** Number of i64 parameters that function takes. */
  helperArity(id: number): number;
  /** Gives or replaces the JavaScript body of a helper. */
  setHostHelper(id: number, arity: number, body: HostHelper): void;
  /** Clock of bpf_ktime_get_ns. */
  clock: bigint;
}

/** A helper body in JavaScript: reads its arguments from and leaves its result in linear memory. */
export type HostHelper = (call: HostCall) => void;

export interface HostCall {
  readonly runtime: Runtime;
  /** Low 32 bits of argument i (0-based), unsigned: an address, a size, flags. */
  u32(i: number): number;
  i32(i: number): number;
  u64(i: number): bigint;
  /** Result as a sign-extended 32-bit number (errno, length). */
  returnInt(value: number): void;
  returnU64(value: bigint): void;
}
