/**
 * The shapes of the kernel's facts. Tables of them are in `programs/`, `maps/` (one file per type),
 * `calls/` and `generated/`; behaviour is in `runtime` and `machine`.
 */

/** One field of a context struct as a program sees it (`struct xdp_md`, `struct __sk_buff`). */
export interface ContextField {
  readonly name: string;
  readonly offset: number;
  readonly size: number;
  readonly writable?: boolean;
}

/** A program type: what the loader, the verifier and the engine must know of it. */
export interface ProgramTypeDef {
  /** bpftool's word: 'xdp', 'sched_cls', … */
  readonly name: string;
  /** BPF_PROG_TYPE_* */
  readonly id: number;
  readonly context: {
    readonly struct: string;
    /** Bytes a program may address. */
    readonly size: number;
    /** Bytes one context occupies in linear memory (public part + ours). */
    readonly allocated: number;
    readonly fields: readonly ContextField[];
    /** Where the packet's bounds are (offsets of u32 fields), for types that see packets. */
    readonly packet?: { readonly start: number; readonly end: number; readonly meta?: number };
  };
  /** Words for return values, by number: XDP 2 → 'pass'. */
  readonly verdicts?: Readonly<Record<number, string>>;
}

/** A map type's facts: what BPF_MAP_CREATE checks and who may use it. */
export interface MapTypeDef {
  /** bpftool's word: 'hash', 'lru_percpu_hash', … */
  readonly name: string;
  /** BPF_MAP_TYPE_* */
  readonly id: number;
  /**
   * Prefix of the runtime's functions for this type: `<runtime>_create`, `<runtime>_lookup`, …
   * Undefined while the type has no implementation.
   */
  readonly runtime?: string;
  /** Flags BPF_MAP_CREATE takes. */
  readonly flags: number;
  /** Allowed sizes; a number means exactly that. */
  readonly keySize: number | { readonly min: number; readonly max: number };
  readonly valueSize: number | { readonly min: number; readonly max: number };
  readonly maxEntries: number | { readonly min: number; readonly max: number; readonly powerOfTwo?: boolean };
  /** Values exist once per CPU (bpf(2) copies them all, each rounded up to 8 bytes). */
  readonly perCpu?: boolean;
  /** The value is a file descriptor: of a map, a program, a perf event, a cgroup, a socket. */
  readonly valueIs?: 'map' | 'program' | 'perf_event' | 'cgroup' | 'socket';
  /** Names of the flag bits it takes, for messages: value → BPF_F_* name. */
  readonly notes?: string;
}

/**
 * THE call contract: one shape for helpers, kfuncs, subprograms and callbacks. The verifier checks
 * calls against it, checked code validates arguments with it, `beeyard proto` prints it.
 */
export interface ArgContract {
  readonly kind:
    | 'scalar'
    | 'ctx'
    | 'map'
    | 'map_key'
    | 'map_value'
    /** Memory; its length comes from `sizeFrom` or `size`. */
    | 'mem'
    /** Length of the `mem` argument before it. */
    | 'size'
    | 'callback'
    | 'const_string'
    /** Pointer to `size` bytes a helper writes an integer to (ARG_PTR_TO_LONG and kin). */
    | 'fixed_mem'
    | 'ringbuf_mem'
    | 'dynptr'
    | 'spin_lock'
    | 'timer'
    | 'kptr'
    | 'btf_object'
    | 'socket'
    | 'percpu_object'
    | 'stack_mem'
    | 'any'
    | 'none';
  readonly nullable?: boolean;
  readonly zeroSizeOk?: boolean;
  readonly access?: 'read' | 'write' | 'readwrite';
  /** Write-only memory that need not be initialised. */
  readonly uninit?: boolean;
  /** Index (0-based) of the argument that holds the length. */
  readonly sizeFrom?: number;
  /** Fixed size in bytes. */
  readonly size?: number;
  /** Takes over (releases) the reference in this argument. */
  readonly release?: boolean;
  /** Struct name of a BTF-typed pointer. */
  readonly btf?: string;
  /** The kernel's own constants, for display: ['ARG_PTR_TO_MEM', 'MEM_RDONLY']. */
  readonly raw?: readonly string[];
}

export interface ReturnContract {
  readonly kind: 'integer' | 'void' | 'map_value' | 'mem' | 'socket' | 'btf_object' | 'dynptr_mem' | 'percpu_object' | 'other';
  readonly nullable?: boolean;
  readonly acquire?: boolean;
  readonly btf?: string;
  readonly raw?: readonly string[];
}

export interface CallContract {
  readonly name: string;
  /** Helper id (kfuncs have none). */
  readonly id?: number;
  readonly args: readonly ArgContract[];
  readonly returns: ReturnContract;
  readonly gplOnly?: boolean;
  readonly maySleep?: boolean;
  /** May move or resize the packet: pointers into it die. */
  readonly changesPacket?: boolean;
}
