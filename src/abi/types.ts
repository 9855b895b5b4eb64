/**
 * The shapes of the kernel's facts. Tables of them are in `programs/`, `maps/` (one file per type)
 * and `generated/`; calls are in `calls/`, with shapes of their own. Behaviour is in `runtime` and
 * `machine`.
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
       * Programs may not write it (may_access_direct_pkt_data).
       */
      readonly readOnly?: true;
      /**
       * u32 with the offset of the network header from the packet's start (ours, not in the ABI).
       */
      readonly network?: number;
    };
    /** Programs get a pointer to the kernel's own struct of the packet (struct sk_buff). */
    readonly kernelPacket?: true;
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
  /** It hashes its keys with a seed of its own, and our machines can hash them otherwise. */
  readonly hashed?: boolean;
  /** Takes map_extra (every other type answers EINVAL when it is not 0). */
  readonly extra?: boolean;
  /** Its key's type describes fields (`wildcardFields`), which the runtime is told. */
  readonly fields?: boolean;
  /** Jumps of programs are bound to it, and programs may not use it in any other way. */
  readonly staticKey?: boolean;
  /** Loading a program fills it in: where its instructions have gone. */
  readonly insnArray?: boolean;
  /** The value is a file descriptor: of a map, a program, a perf event, a cgroup, a socket. */
  readonly valueIs?: 'map' | 'program' | 'perf_event' | 'cgroup' | 'socket' | 'xsk';
  /** Programs in it are called by bpf_tail_call. */
  readonly tailCalls?: true;
  /** Programs attach to it: they run for the sockets in it. */
  readonly takesPrograms?: boolean;
  /** The value begins with the ifindex of a network device. */
  readonly namesDevice?: boolean;
  /**
   * Behind the first word values may have a program: bpf(2) takes its file descriptor, and tells
   * its id. The attach type it has to expect.
   */
  readonly programFor?: 'xdp_devmap' | 'xdp_cpumap';
  /** The key is a file descriptor of the object that owns the value, and the value dies with it. */
  readonly keyIs?: OwnerKind;
  /** Each cgroup a program is attached to has a value: bpf_get_local_storage gives it. */
  readonly perAttachment?: boolean;
  /** BTF types of key and value must be given. */
  readonly needsTypes?: boolean;
  /** The value is a struct of the kernel's, which must be named. */
  readonly needsKernelType?: boolean;
  /**
   * Programs reach its memory by numbers that the verifier does not bound: what Linux lets fault
   * harmlessly has to be checked here.
   */
  readonly unbounded?: boolean;
  /** Values may hold a bpf_spin_lock. */
  readonly mayLock?: boolean;
  /** Records go from user space to programs. */
  readonly userWrites?: boolean;
  /** BPF_MAP_FREEZE answers ENOTSUPP. */
  readonly neverFrozen?: boolean;
  /** Names of the flag bits it takes, for messages: value → BPF_F_* name. */
  readonly notes?: string;
}

/** Kernel objects that own values of local storage maps. */
export type OwnerKind = 'task' | 'inode' | 'socket' | 'cgroup';

/** What is known of every program type, implemented or not. */
export interface ProgramTypeFacts {
  readonly name: string;
  readonly id: number;
  /** C type of the context: 'xdp_md', '__sk_buff', 'void *', … */
  readonly struct: string;
}
