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
  /** Part of the struct, but this program type may not touch it. */
  readonly hidden?: boolean;
  /** Reads of 1 and 2 bytes are fine too (the field's own size always is). */
  readonly narrow?: boolean;
  /** What the field's value is when it is not a number. */
  readonly pointer?: 'packet' | 'packet_end' | 'packet_meta' | 'sock_common';
  /** Only for programs with one of these expected attach types (BPF_* names). */
  readonly attach?: readonly string[];
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
    readonly packet?: {
      readonly start: number;
      readonly end: number;
      readonly meta?: number;
      /**
       * u32 with the offset of the network header from the packet's start (ours, not in the ABI).
       */
      readonly network?: number;
    };
  };
  /** Words for return values, by number: XDP 2 → 'pass'. */
  readonly verdicts?: Readonly<Record<number, string>>;
}

/** Sizes a map type takes. Below `min` is EINVAL; above `max` is `tooBig` (E2BIG if not given). */
export interface SizeRange {
  readonly min: number;
  readonly max: number;
  readonly tooBig?: 'E2BIG' | 'EINVAL';
  readonly multipleOf?: number;
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
  /** Flags it insists on. */
  readonly needsFlags?: number;
  /** Allowed sizes; a number means exactly that. */
  readonly keySize: number | SizeRange;
  readonly valueSize: number | SizeRange;
  readonly maxEntries: number | (SizeRange & { readonly powerOfTwo?: boolean });
  /** Values exist once per CPU (bpf(2) copies them all, each rounded up to 8 bytes). */
  readonly perCpu?: boolean;
  /** Takes map_extra (every other type answers EINVAL when it is not 0). */
  readonly extra?: boolean;
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
    /** A socket of any kind (ARG_PTR_TO_SOCK_COMMON). */
    | 'sock_common'
    /** The same, or a BTF pointer to a kernel socket. */
    | 'btf_socket'
    | 'percpu_object'
    /** Anything on the stack, of any size. */
    | 'stack_mem'
    | 'arena'
    /** Constant size of the memory the call returns. */
    | 'alloc_size'
    /** Any initialised value, also a pointer. */
    | 'any'
    | 'none';
  /** Name in the kernel's C function. */
  readonly name?: string;
  /** C type in the kernel's C function. */
  readonly type?: string;
  readonly nullable?: boolean;
  readonly zeroSizeOk?: boolean;
  readonly access?: 'read' | 'write' | 'readwrite';
  /** Write-only memory that need not be initialised. */
  readonly uninit?: boolean;
  /** Index (0-based) of the argument that holds the length. */
  readonly sizeFrom?: number;
  /** Fixed size in bytes. */
  readonly size?: number;
  /** Bytes the address must be a multiple of. */
  readonly align?: number;
  /** Takes over (releases) the reference in this argument. */
  readonly release?: boolean;
  /** What a BTF-typed pointer must be: vouched for, or merely not yet freed. */
  readonly trust?: 'trusted' | 'rcu' | 'untrusted';
  /** The memory is on the user's side of the kernel. */
  readonly user?: boolean;
  /** Kind of dynptr it takes (or makes, with `uninit`); absent = any. */
  readonly dynptr?: 'local' | 'ringbuf' | 'skb' | 'xdp';
  /** Struct name of a BTF-typed pointer. */
  readonly btf?: string;
  /** The kernel's own constants, for display: ['ARG_PTR_TO_MEM', 'MEM_RDONLY']. */
  readonly raw?: readonly string[];
}

export interface ReturnContract {
  readonly kind:
    | 'integer'
    | 'void'
    | 'map_value'
    | 'mem'
    | 'ringbuf_mem'
    | 'dynptr_mem'
    | 'socket'
    | 'tcp_sock'
    | 'sock_common'
    | 'btf_object'
    /** Memory or a BTF object, as the argument's type says (bpf_per_cpu_ptr). */
    | 'mem_or_btf';
  readonly nullable?: boolean;
  readonly trust?: 'trusted';
  /** Index (0-based) of the argument that is the size of the returned memory. */
  readonly sizeFrom?: number;
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
  /** Pointers into the packet are fine as memory arguments. */
  readonly packetAccess?: boolean;
  /** May move or resize the packet: pointers into it die. */
  readonly changesPacket?: boolean;
  /** Keeps the registers it does not need (bpf_fastcall). */
  readonly fastcall?: boolean;
  /** Calls its callback before it returns, or some time later. */
  readonly callback?: 'synchronous' | 'asynchronous';
  /** The kernel's variable that holds the prototype (helpers have one per kind of context). */
  readonly prototype?: string;
  /** The kernel's C function behind that prototype: the name of the body in runtime. */
  readonly func?: string;
}

/** Whether a program type may call a helper. */
export interface CallAvailability {
  readonly contract: CallContract;
  /** Capability the loader needs for it: 'CAP_BPF', 'CAP_PERFMON'. */
  readonly capability?: string;
  /** Only for (or for all but) these expected attach types, by BPF_* name. */
  readonly attach?: readonly string[];
  readonly exceptAttach?: readonly string[];
  /** Kernel options that must be set (`KernelProfile.kconfig`). */
  readonly config?: readonly string[];
  /** Refused under further conditions that are not modelled as data. */
  readonly conditional?: boolean;
}

/** What is known of every program type, implemented or not. */
export interface ProgramTypeFacts {
  readonly name: string;
  readonly id: number;
  /** C type of the context: 'xdp_md', '__sk_buff', 'void *', … */
  readonly struct: string;
}
