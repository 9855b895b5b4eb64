import type { FieldRecord, OwningValue } from '../abi/fields/types.ts';
import type { BatchCommand, MapBatch, MapView, MapViewOptions } from '../abi/map-commands.ts';
import type { OwnerKind } from '../abi/types.ts';
import type { WildcardField } from '../abi/wildcard.ts';
import type { EventQueue } from './events.ts';
import type { FunctionTable } from './function-table.ts';
import type { CallPlaces } from './host/call-places.ts';
import type { GracePeriods } from './host/grace-periods.ts';
import type { MemoryModelOptions } from './host/memory-options.ts';
import type { ObjectTypes } from './host/objects.ts';

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
  /** How hash maps hash their keys. Default: as Linux does, 'jhash'. */
  readonly mapHash?: MapHash;
  /** How much of the kernel's allocator is modelled: nothing, unless something is asked for. */
  readonly memoryModel?: MemoryModelOptions;
  /** Join an existing shared memory as CPU `cpu` instead of making one. */
  readonly join?: { readonly memory: WebAssembly.Memory; readonly cpu: number };
}

/**
 * A hash of keys: Linux's jhash, XXH32, XXH3 (64 bits), SipHash-2-4, MurmurHash3 (x86, 32 bits). Of
 * 64 bits the low half is used. The seed comes from the machine's; with BPF_F_ZERO_SEED it is 0.
 */
export type MapHash = 'jhash' | 'xxh32' | 'xxh3' | 'siphash' | 'murmur3';

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
  /** Offset of the bpf_spin_lock in a value: copies leave it alone, BPF_F_LOCK takes it. */
  readonly spinLock?: number;
  /** Special fields of a value, the lock among them: copies leave them alone. */
  readonly special?: FieldRecord;
  /** Of a wildcard map: the fields of its keys. */
  readonly fields?: readonly WildcardField[];
  /** BTF types of key and value; 0 or absent: none. Only local storage insists on them. */
  readonly keyTypeId?: number;
  readonly valueTypeId?: number;
  /** Their sizes in bytes, which must be those of key and value. */
  readonly types?: { readonly key: number; readonly value: number };
  /** struct_ops: the kernel's struct that the value is; 'unknown' if the kernel has none. */
  readonly kernelType?: KernelStruct | 'unknown';
}

/** A struct of the kernel that is a map's value. */
export interface KernelStruct {
  readonly size: number;
  /** A byte per byte of it: 0 in the holes between members, which must stay zero. */
  readonly members?: Uint8Array;
}

/** A kernel object that values of local storage belong to, as the runtime knows it. */
export interface RuntimeOwner extends Disposable {
  readonly kind: OwnerKind;
  /** What bpf(2) names it by, in place of a file descriptor: key of its values. */
  readonly number: number;
  /** Address of its record, and of the object itself, which is what programs point to. */
  readonly address: number;
  readonly object: number;
  readonly alive: boolean;
  /** It dies: its storage is freed, and it leaves the maps it was put into. */
  free(): void;
}

export interface OwnerOptions {
  /** Address of the object in linear memory; default: a block of its own. */
  readonly object?: number;
  /** The cgroup above a cgroup. */
  readonly parent?: RuntimeOwner;
}

/** A map living in a Runtime's memory. All methods are the bpf(2) side: copies, kernel errnos. */
export interface RuntimeMap {
  readonly definition: MapDefinition;
  /** Kernel id, as bpf_map_info.id. */
  readonly id: number;
  /** Address of its header = low half of the handle a program holds. */
  readonly address: number;
  /** Word of abi's MapTypeDef.runtime: prefix of its functions ('hash' → exports.hash_lookup). */
  readonly prefix: string;
  /** Bytes of a value as bpf(2) sees it (per-CPU: round_up(valueSize, 8) * cpus). */
  readonly userValueSize: number;
  /** Copies the value out. Returns 0 or a negative errno. */
  lookup(key: Uint8Array, out: Uint8Array, flags?: number): number;
  update(key: Uint8Array, value: Uint8Array, flags?: number): number;
  /**
   * update for maps whose values are file descriptors: `word` is what the runtime needs (a
   * program's table slot, an inner map's address, the machine's handle; never 0), `id` what lookup
   * answers (for inner maps the map's own id, whatever is given).
   */
  setObject(key: Uint8Array, word: number, id: number, flags?: number): number;
  delete(key: Uint8Array): number;
  lookupAndDelete(key: Uint8Array, out: Uint8Array, flags?: number): number;
  /** A batch command: 0 or a negative errno; `batch.count` says how far it came. */
  batch(command: BatchCommand, batch: MapBatch): number;
  /** First key if `key` is undefined. */
  nextKey(key: Uint8Array | undefined, out: Uint8Array): number;
  /** BPF_MAP_FREEZE: no more updates from outside. Returns 0 or a negative errno. */
  freeze(): number;
  /**
   * Whether anybody besides programs reaches the map. When nobody does any more its timers and
   * works are freed, and programs can make none in it (map_release_uref).
   */
  reach(byUsers: boolean): void;
  /** Throws KernelError as mmap(2) of the map does. `write` default true. */
  mmap(options?: MapViewOptions): MapView;
  /** For globals: live bytes of value 0. Refetch after anything that may grow memory. */
  valueBytes(index: number): Uint8Array;
  /** The number of the owner that is the value of a key; 0: none. */
  owner(key: Uint8Array): number;
  /** The value of a key and what it owns. Undefined: there is no such key, or none can be read. */
  owned(key: Uint8Array): OwningValue | undefined;
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
  /** The map whose header has been put back at an address, with the rest of the memory. */
  adoptMap(address: number, definition: MapDefinition): RuntimeMap;
  /** A number that tells builds of the runtime apart: memory of one is nothing to another. */
  readonly build: number;
  /** A task, inode, socket or cgroup that may own values. Throws KernelError ENOMEM. */
  createOwner(kind: OwnerKind, options?: OwnerOptions): RuntimeOwner;
  /** One whose memory has been put back. */
  adoptOwner(kind: OwnerKind, address: number): RuntimeOwner;
  /** The slots of `table`. */
  readonly functions: FunctionTable;
  /** Those that are alive, by number. */
  readonly owners: Map<number, RuntimeOwner>;
  /** As `allocate`, for what is only known to JavaScript: no saved machine has it. */
  allocateScratch(size: number, align?: number): number;
  /** Addresses of such memory that was not released. */
  readonly scratch: ReadonlySet<number>;
  /** The slot of a function that stays in the table. */
  addFunction(fn: unknown): number;
  /**
   * Slot of a helper: a wasm function of type (i64 x argument count) -> i64, or -1 if there is no
   * body. JavaScript bodies are wrapped: arguments go through C_HOST_ARGS. Some helpers have one
   * body per kind of context (bpf_redirect); `programType` (BPF_PROG_TYPE_*) chooses it.
   */
  helperSlot(id: number, programType?: number): number;
  /** Same function as a value, for import by compiled code. */
  helperFunction(id: number, programType?: number): unknown;
  /** Number of i64 parameters that function takes. */
  helperArity(id: number, programType?: number): number;
  /**
   * Body of a kernel function (kfunc) by its name, like a helper's; undefined: there is none.
   * `objectTypes`: table of the program's types (objects.table), for those that make objects.
   */
  kfuncFunction(name: string, objectTypes?: number): unknown;
  /** Number of i64 parameters it takes. */
  kfuncArity(name: string): number;
  /** Gives or replaces the JavaScript body of a kernel function. */
  setHostKfunc(name: string, arity: number, body: HostHelper): void;
  /** Gives or replaces the JavaScript body of a helper. */
  setHostHelper(id: number, arity: number, body: HostHelper): void;
  /** Slot of a function (i64 x arity) -> i64 in JavaScript, which stays in the table. */
  hostSlot(arity: number, body: HostHelper): number;
  /** Types of the objects that programs allocate. */
  readonly objects: ObjectTypes;
  /** Clock of bpf_ktime_get_ns. */
  clock: bigint;
  /** What will happen when the clock moves on. */
  readonly events: EventQueue;
  /** Readers and grace periods, if this runtime models them. */
  readonly gracePeriods: GracePeriods | undefined;
  /** Who is told of calls that programs make; programs loaded before nobody tells. */
  callPlaces: CallPlaces | undefined;
  /** What helpers in JavaScript ask of the machine around this runtime. */
  readonly host: HostServices;
}

/** The world outside linear memory. The machine fills it in; everything has an empty default. */
export interface HostServices {
  /** Receives what bpf_trace_printk prints, without a newline at the end. */
  trace?: (text: string) => void;
  /** Network devices by ifindex; like routes and neighbours, of the namespace that runs now. */
  devices: Map<number, HostDevice>;
  /** Maps may name devices that are not here: those of the network a capture is from. */
  foreignDevices?: boolean;
  /** Routes and neighbours that bpf_fib_lookup sees. */
  routes: readonly HostRoute[];
  neighbours: readonly HostNeighbour[];
  /** What the device says of the packet that an XDP program bound to it has now. */
  rxMetadata?: RxMetadata | undefined;
  /** Receives a copy of a packet from bpf_clone_redirect; returns 0 or a negative errno. */
  cloneRedirect?: (packet: Uint8Array, ifindex: number, flags: number) => number;
  /**
   * Finds a socket for bpf_sk_lookup_* (see SOCKET_* in layout.ts): address of its record, or 0.
   */
  lookupSocket?: (query: SocketQuery) => number;
  /** bpf_sk_assign of tc: the packet that is with a program goes to this socket; 0 or -errno. */
  assignSocket?: (record: number, flags: bigint) => number;
  /** As `assignSocket` for sk_lookup programs; `context`: of the program, record 0: no socket. */
  steerTo?: (context: number, record: number, flags: bigint) => number;
  /**
   * bpf_msg_{pull,push,pop}_data of the message that an sk_msg program has now: 0 or -errno.
   * `size`: where it ends for `pull`.
   */
  changeMessage?: (
    what: 'pull' | 'push' | 'pop',
    start: number,
    size: number,
    flags: bigint,
  ) => number;
  /** bpf_sk_select_reuseport of the program with that context: 0 or -errno. */
  selectReuseport?: (context: number, map: number, key: number) => number;
  /** The kernel's struct of this name behind a pointer to a socket, or 0 (bpf_skc_to_*). */
  kernelSocket?: (pointer: number, struct: string) => number;
  /** Cookie of the socket at an address, or 0. */
  socketCookie?: (pointer: number) => number;
  /** bpf_setsockopt of the socket whose record is at an address: 0 or a negative errno. */
  setSocketOption?: (record: number, level: number, name: number, value: Uint8Array) => number;
  /** bpf_getsockopt: the value, or a negative errno. */
  getSocketOption?: (record: number, level: number, name: number, room: number) => OptionValue;
  /** bpf_bind: `address` is a struct sockaddr; 0 or a negative errno. */
  bindSocket?: (record: number, address: Uint8Array) => number;
  /** bpf_sock_ops_cb_flags_set: what it returns. */
  sockOpsFlags?: (context: number, flags: number) => number;
  /** Options of TCP headers, for sock_ops programs. */
  headerOptions?: HeaderOptionCalls;
  /** Settings below /proc/sys, for cgroup_sysctl programs. */
  sysctl?: SysctlCalls;
  /** Bytes for the seq_file of an iterator; false: they do not fit. */
  seqWrite?: (bytes: Uint8Array) => boolean;
  /** Pointer to the current task's task_struct. */
  currentTask?: () => bigint;
  /** Pointer to the registers of the task at an address. */
  taskRegisters?: (task: number) => bigint;
}

/**
 * What cgroup_sysctl programs call: a length, 0 or a negative errno. `context` is theirs; `at` and
 * `size` say where in memory the text is, or is to go.
 */
export interface SysctlCalls {
  name(context: number, at: number, size: number, flags: bigint): number;
  current(context: number, at: number, size: number): number;
  next(context: number, at: number, size: number): number;
  setNext(context: number, at: number, size: number): number;
}

/**
 * What sock_ops programs call about TCP headers: a length, 0 or a negative errno. `context` is
 * theirs; `at` and `size` say where in memory the option is, or is to go.
 */
export interface HeaderOptionCalls {
  reserve(context: number, size: number, flags: bigint): number;
  store(context: number, at: number, size: number, flags: bigint): number;
  load(context: number, at: number, size: number, flags: bigint): number;
  /** bpf_getsockopt of TCP_BPF_SYN, TCP_BPF_SYN_IP, TCP_BPF_SYN_MAC; undefined: of others. */
  readSyn(context: number, name: number, at: number, room: number): number | undefined;
}

/**
 * What a device knows of a packet beside its bytes (struct xdp_metadata_ops). Without a function
 * the device cannot say it at all (-EOPNOTSUPP); undefined: not of this packet (-ENODATA).
 */
export interface RxMetadata {
  /** Nanoseconds. */
  timestamp?(): bigint | undefined;
  /** `type`: enum xdp_rss_hash_type. */
  hash?(): { readonly hash: number; readonly type: number } | undefined;
  /** A tag the device took off: EtherType and the 16 bits behind it. */
  vlanTag?(): { readonly protocol: number; readonly tci: number } | undefined;
}

/** An option's bytes, or a negative errno. */
type OptionValue = Uint8Array | number;

export interface HostDevice {
  /** What struct net_device says; default: nothing. */
  readonly name?: string;
  readonly mtu: number;
  /** Bytes of the link layer header (14 for Ethernet). */
  readonly headerSize: number;
  /** Hardware address. */
  readonly address: Uint8Array;
  /** Whether packets may be forwarded that came in here. */
  readonly forwarding: boolean;
}

export interface HostRoute {
  /** Destination, 4 or 16 bytes, and how many bits of it count. */
  readonly destination: Uint8Array;
  readonly prefixLength: number;
  readonly type: 'unicast' | 'local' | 'blackhole' | 'unreachable' | 'prohibit';
  readonly ifindex: number;
  readonly gateway?: Uint8Array;
  /** Source address for packets of this host. */
  readonly source?: Uint8Array;
  readonly metric?: number;
  readonly mtu?: number;
  /** Routing table; main (254) if absent. */
  readonly table?: number;
}

export interface HostNeighbour {
  readonly ifindex: number;
  readonly address: Uint8Array;
  readonly hardware: Uint8Array;
}

export interface SocketQuery {
  readonly protocol: 'tcp' | 'udp';
  readonly source: Uint8Array;
  readonly destination: Uint8Array;
  readonly sourcePort: number;
  readonly destinationPort: number;
  /** Network namespace id, -1 = the program's own. */
  readonly netns: number;
  /** Also sockets that are no full ones: time-wait, requests (bpf_skc_lookup_tcp). */
  readonly any: boolean;
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
