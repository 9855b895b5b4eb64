/**
 * The one map of linear memory. Compiled by both compilers, tsc (host side) and asc (the
 * AssemblyScript runtime and interpreter), so it holds nothing but integer constants.
 *
 *   0x00000  null page: stays zero, never handed out, so that a NULL access is recognisable
 *   0x10000  GLOBALS: clock, counts, heap state (one page of 4 KiB)
 *   0x11000  static data of the AssemblyScript runtime (constants only)
 *   0x18000  static data of the AssemblyScript interpreter (constants only)
 *   0x20000  REGIONS: one 32-byte record per address region
 *   0x60000  MAPS: one 256-byte header per map
 *   0xa0000  heap: CPU blocks, map storage, packet rings
 *
 * A kernel pointer is 64 bits: the low half is the offset in this memory, the high half is a tag
 * that names its region: TAG_BASE + region id (so pointers look like kernel addresses). Packet
 * pointers have a zero high half, because programs read them from 32-bit context fields.
 * Unchecked code ignores the tag; checked code proves every access against the region's record.
 */

export const NULL_PAGE_END = 0x10000;
export const GLOBALS = 0x10000;
export const RUNTIME_STATIC_DATA = 0x11000;
export const INTERPRETER_STATIC_DATA = 0x18000;
export const REGIONS = 0x20000;
export const REGION_SIZE = 32;
export const MAX_REGIONS = 8192;
export const MAPS = 0x60000;
export const MAP_HEADER_SIZE = 256;
export const MAX_MAPS = 1024;
export const HEAP_START = 0xa0000;

// ---- GLOBALS (offsets from GLOBALS) -------------------------------------------------------
/** u64 ns: bpf_ktime_get_ns. Virtual; the machine moves it. */
export const G_CLOCK = 0;
/** u64 ns: added to the clock for bpf_ktime_get_boot_ns. */
export const G_BOOT_OFFSET = 8;
/** u64 ns: added to the clock for bpf_ktime_get_tai_ns. */
export const G_TAI_OFFSET = 16;
/** u32: number of possible CPUs (= CPU blocks). */
export const G_CPUS = 24;
/** u32: address of CPU block 0; block n is at + n * CPU_BLOCK_SIZE. */
export const G_CPU_BLOCKS = 28;
/** u32: next free heap address, end of the heap as grown so far. Only core/memory touches them. */
export const G_HEAP_NEXT = 32;
export const G_HEAP_END = 36;
/** u32: spin lock of the heap, of the map table. */
export const G_HEAP_LOCK = 40;
/** u32: next map id slot and next region id ever used (freed slots are on lists). */
export const G_MAP_NEXT = 44;
export const G_REGION_NEXT = 48;
/** u64: seed of the machine's random streams. */
export const G_SEED = 56;
/** u32 x HEAP_CLASSES: heads of the heap's free lists, by size class. */
export const G_FREE_LISTS = 64;
export const HEAP_CLASSES = 112;
/** u64: state of the stream that seeds hash maps. u32: the last map id given. */
export const G_RANDOM = 512;
export const G_MAP_ID = 520;
/** u32: head of the list of freed region records (linked through R_START), or 0. */
export const G_REGION_FREE = 524;

/** What bpf_get_current_* tell: u64 tgid << 32 | pid, u64 gid << 32 | uid, 16 bytes of name. */
export const G_CURRENT_PID_TGID = 640;
export const G_CURRENT_UID_GID = 648;
export const G_CURRENT_COMM = 656;
/** u32: the current task's cgroup, by its number among the owners (0: the root). */
export const G_CGROUP = 672;
/** u32: the owners of local storage by number and by address (core/owner.ts), their lock. */
export const G_OWNERS = 704;
export const G_OWNER_ID = 708;
export const G_OWNER_LOCK = 712;
/** u32: the first free cell of live values (core/live.ts). */
export const G_LIVE_FREE = 716;
/** u32: slot of the machine's function for maps of sockets (core/socket-map.ts), or 0. */
export const G_SOCKET_MAPS = 720;

/**
 * Timers (core/timers.ts): i64 clock at which the first one is due (the largest number: none is
 * armed), u32 address of the heap of those that are armed, its room and how many are in it, the
 * number of the next start, first of all that exist, lock.
 */
export const G_TIMER_DUE = 768;
export const G_TIMER_HEAP = 776;
export const G_TIMER_ROOM = 780;
export const G_TIMER_COUNT = 784;
export const G_TIMER_ORDER = 788;
export const G_TIMER_FIRST = 792;
export const G_TIMER_LOCK = 796;

// ---- Regions ------------------------------------------------------------------------------
/** High half of a tagged pointer = TAG_BASE + region id (as i32: negative; 0xffff8000 as u32). */
export const TAG_BASE = -0x8000;
export const TAG_MASK = 0x7fff;
/**
 * Ids below FIRST_SHARED_REGION are per CPU (their records are in the CPU block at CPU_REGIONS);
 * the others have their record at REGIONS + id * REGION_SIZE.
 */
export const REGION_PACKET = 0;
export const REGION_CTX = 1;
export const REGION_STACK = 2;
/** Map pointers (headers): never readable by a program. */
export const REGION_MAP_HANDLE = 3;
/**
 * Callback pointers: low half = slot in the function table. Never readable: start and end are 0.
 * The record's R_OWNER is the address of a bitmap of the slots that are callbacks, R_ELEMENT its
 * length in bits; other slots are no business of a program.
 */
export const REGION_FUNCTION = 4;
/** Spare per-CPU region that a hook may define (e.g. a socket a helper returned). */
export const REGION_OBJECT = 5;
export const FIRST_SHARED_REGION = 16;

// Record of a region (offsets). Readable range is start .. end. If stride is not 0, the range is
// an array of elements: an access must fall inside the first `element` bytes of one stride.
export const R_START = 0;
export const R_END = 4;
export const R_STRIDE = 8;
export const R_ELEMENT = 12;
/** u32 flags, see REGION_F_*. */
export const R_FLAGS = 16;
/** u32: address of the owning map's header, or 0. */
export const R_OWNER = 20;
/** u32 addresses, with REGION_F_GUARD. */
export const R_GUARD_START = 24;
export const R_GUARD_END = 28;
export const REGION_F_READ_ONLY = 1;
export const REGION_F_WRITE_ONLY = 2;
/** Writes must not touch R_GUARD_START .. R_GUARD_END: the packet pointers of a context. */
export const REGION_F_GUARD = 4;
/** Objects of one type of a program (OBJECTS_*), whose slab R_OWNER names. */
export const REGION_F_OBJECTS = 8;

// ---- CPU block (offsets from its base; one per CPU, 64 KiB) ---------------------------------
export const CPU_BLOCK_SIZE = 0x10000;
/** u32: this CPU's number. */
export const C_CPU = 0;
/** u32: address of the running program's context (set on entry when the program calls helpers). */
export const C_CTX = 4;
/** u32: tail calls made since the outermost entry. The kernel allows MAX_TAIL_CALLS. */
export const C_TAIL_CALLS = 8;
/** u32: depth of bpf-to-bpf calls and callbacks (checked mode). */
export const C_DEPTH = 12;
/** u32: where the next frame's top (r10) goes; callbacks and nested runs start from it. */
export const C_STACK_TOP = 16;
/** u32: index of the packet the batch loop is at (to resume after a fault). */
export const C_BATCH_INDEX = 20;
/** i64: loop iterations left before the run is stopped (checked mode). */
export const C_FUEL = 24;
/** i64: r0 of the last run, for callers that want all 64 bits. */
export const C_R0 = 32;
// The fault record, valid after a trap when C_FAULT_KIND is not 0.
export const C_FAULT_KIND = 48;
export const C_FAULT_INSN = 52;
/** u64 address, as the program computed it. */
export const C_FAULT_ADDRESS = 56;
export const C_FAULT_SIZE = 64;
/** u32: 1 = write. */
export const C_FAULT_WRITE = 68;
/**
 * u32: program id (set by the engine), so that a fault after a tail call names the right program.
 */
export const C_FAULT_PROGRAM = 72;
/** u32: helper id when a helper refused its argument, else 0; u32: argument number 1..5. */
export const C_FAULT_HELPER = 76;
export const C_FAULT_ARGUMENT = 80;
/** 5 x u64 arguments and the u64 result of a helper that lives in JavaScript. */
export const C_HOST_ARGS = 96;
export const C_HOST_RESULT = 136;
/** u32 x 4: state of bpf_get_prandom_u32 on this CPU. */
export const C_PRANDOM = 144;
/** u32 x 8: bpf_redirect's target until the hook takes it: kind, ifindex/index, map, flags. */
export const C_REDIRECT = 160;
export const C_REDIRECT_KIND = 160;
export const C_REDIRECT_INDEX = 164;
export const C_REDIRECT_MAP = 168;
export const C_REDIRECT_FLAGS = 172;
/**
 * What the call that programs of a cgroup run for will return (struct bpf_cg_run_ctx): u32 address
 * of an i32, or 0; and an i32 for calls without a place of their own for it.
 */
export const C_CGROUP_RETVAL = 192;
export const C_CGROUP_RETVAL_CELL = 196;
/**
 * u64 x 2: tagged pointers to what bpf_get_local_storage returns, shared and per CPU. The hook of a
 * cgroup program sets them before it runs (cgroup_storage_enter).
 */
export const C_LOCAL_STORAGE = 224;
/** u32: address of the stack that bpf_get_stackid sees (CALLCHAIN_*), or 0. */
export const C_CALLCHAIN = 240;
/** u32: program (id; 0: bpf(2)) and instruction of the call under way, for code that is watched. */
export const C_WATCH_PROGRAM = 244;
export const C_WATCH_INSN = 248;
/** u32: the timer whose callback runs on this CPU (1: it is gone), or 0. */
export const C_TIMER_RUNNING = 252;
/** 16 region records. */
export const CPU_REGIONS = 256;
/** Interpreter: registers r0..r10 and frames, 4 KiB. */
export const C_INTERPRETER = 0x1000;
/** Scratch for helpers, 8 KiB. */
export const C_SCRATCH = 0x2000;
export const C_SCRATCH_SIZE = 0x2000;
/** The BPF stack: grows down from C_STACK_END. */
export const C_STACK = 0x4000;
export const C_STACK_END = 0x10000;

export const FRAME_SIZE = 512;
export const MAX_CALL_FRAMES = 8;
export const MAX_TAIL_CALLS = 33;

// ---- Fault kinds -----------------------------------------------------------------------------
export const FAULT_NONE = 0;
/** Access outside the region its pointer belongs to. */
export const FAULT_OUT_OF_RANGE = 1;
/** Access through a number that is no pointer (bad tag, NULL page). */
export const FAULT_BAD_POINTER = 2;
export const FAULT_READ_ONLY = 3;
/** More loop iterations than the run may make. */
export const FAULT_FUEL = 4;
/** More than MAX_CALL_FRAMES frames, or the stack is used up. */
export const FAULT_STACK = 5;
/** A helper's pointer or size argument is not what its prototype asks. */
export const FAULT_HELPER_ARGUMENT = 6;
/** Call of a helper that does not exist or is not available to this program. */
export const FAULT_NO_HELPER = 7;
/** Undefined opcode reached, or control ran off the end. */
export const FAULT_BAD_INSN = 8;
/** Atomic access that is not aligned. */
export const FAULT_UNALIGNED = 9;

// ---- Call contract record: 5 arguments of 8 bytes, then the helper's id ------------------------
// Argument: u8 kind, u8 flags, u8 number (0-based) of the argument with its length, u32 size at 4.
export const CONTRACT_ARGUMENT_SIZE = 8;
/** u32 helper id. */
export const CONTRACT_HELPER = 40;
export const CONTRACT_SIZE = 48;
export const CONTRACT_NONE = 0;
/** Not checked: a number, or what only the helper itself can judge. */
export const CONTRACT_SCALAR = 1;
export const CONTRACT_CTX = 2;
export const CONTRACT_MAP = 3;
export const CONTRACT_KEY = 4;
export const CONTRACT_VALUE = 5;
/** Memory, length in another argument. */
export const CONTRACT_MEM = 6;
/** Memory of a fixed size. */
export const CONTRACT_FIXED = 7;
export const CONTRACT_CALLBACK = 8;
export const CONTRACT_STRING = 9;
/** A pointer into some region (object, socket, ring buffer record): one byte must be there. */
export const CONTRACT_POINTER = 10;
export const CONTRACT_F_NULLABLE = 1;
export const CONTRACT_F_ZERO_OK = 2;
export const CONTRACT_F_WRITE = 4;

// ---- Map header (offsets; 256 bytes at MAPS + slot * MAP_HEADER_SIZE) ---------------------------
export const MAP_MAGIC = 0x50414d42;
export const M_MAGIC = 0;
/** u32 BPF_MAP_TYPE_*. */
export const M_TYPE = 4;
export const M_ID = 8;
export const M_KEY_SIZE = 12;
export const M_VALUE_SIZE = 16;
export const M_MAX_ENTRIES = 20;
export const M_FLAGS = 24;
/** u32: high half of a pointer to one of this map's values. */
export const M_VALUE_TAG = 28;
/** u32: address of the first value, bytes from one value to the next (array-like maps). */
export const M_VALUES = 32;
export const M_STRIDE = 36;
/** u32: number of elements in it now (hash-like, queue-like). */
export const M_COUNT = 40;
/** u32 spin lock. */
export const M_LOCK = 44;
/** u32: address of the inner map's header that serves as template (map-in-map), or 0. */
export const M_INNER = 48;
/** u32 bits: MAP_FROZEN after BPF_MAP_FREEZE, MAP_UNREACHED when no user can reach it any more. */
export const M_STATE = 52;
export const MAP_FROZEN = 1;
export const MAP_UNREACHED = 2;
/** u64: map_extra. */
export const M_EXTRA = 56;
/** u32 function table slots of the operations a program (or helper) may do; 0 = not supported. */
export const M_OPS = 64;
export const OP_LOOKUP = 0;
export const OP_UPDATE = 4;
export const OP_DELETE = 8;
export const OP_NEXT_KEY = 12;
export const OP_PUSH = 16;
export const OP_POP = 20;
export const OP_PEEK = 24;
export const OP_LOOKUP_PERCPU = 28;
export const OP_FOR_EACH = 32;
export const OP_REDIRECT = 36;
export const OP_FREE = 40;
/** The bpf(2) side: same names, copies instead of pointers, all CPUs' values at once. */
export const OP_SYS_LOOKUP = 44;
export const OP_SYS_UPDATE = 48;
export const OP_SYS_DELETE = 52;
export const OP_SYS_LOOKUP_AND_DELETE = 56;
/** u32: bytes from CPU n's values to CPU n+1's; 0 unless the map is per CPU. */
export const M_CPU_STRIDE = 124;
/** Type's own fields from here to M_FIELDS (map-in-map: its template behind it). */
export const M_PRIVATE = 128;
/** Hash tables (core/hash.ts): address of the buckets, their number less one, first jhash state. */
export const H_BUCKETS = 128;
export const H_MASK = 132;
export const H_INIT = 136;
/** u32: offset of the value in a node. */
export const H_VALUE = 140;
/** u32: bytes from node to node; nodes given back (a chain through their hash), then never used. */
export const H_STRIDE = 148;
export const H_FREE = 152;
export const H_FRESH = 156;
export const H_END = 160;
/** u32: address of a u32 per CPU, the node that its next replacing update writes. 0: has none. */
export const H_EXTRA = 168;
/** u32 in a node: the hash of its key, or the next free node. */
export const NODE_HASH = 4;
/** Offsets in a node: the key; per CPU, the address of CPU 0's value; LRU, the reference bit. */
export const HASH_KEY = 8;
export const PERCPU_HASH_HOME = 8;
export const PERCPU_HASH_KEY = 16;
export const LRU_REFERENCED = 17;
export const LRU_KEY = 24;
/** Ring buffers (core/ring-pages.ts): u32 address of the pages; offsets in them; record bits. */
export const RB_BASE = 128;
export const RB_WAKEUPS = 4;
export const RB_CONSUMER = 4096;
export const RB_PRODUCER = 8192;
export const RB_PENDING = 8200;
export const RB_DATA = 12288;
export const RB_BUSY = -0x80000000;
export const RB_DISCARD = 0x40000000;
/** u32: address of the record of the value's special fields (FIELDS_*), or 0: it has none. */
export const M_FIELDS = 212;
/** u32 HASH_*: how keys are hashed, where the type leaves a choice. Set before its create. */
export const M_HASH = 240;
/** u32: address of a block that describes the key (wildcard), or 0; the type frees it. */
export const M_DESCRIPTOR = 244;
/** u32: offset of the value's bpf_spin_lock plus 1, or 0. */
export const M_SPIN_LOCK = 248;
/** u32 META_*: what counts when this map is put into a map of maps. Set by the type's create. */
export const M_META = 252;
/** It cannot be put into one (the kernel's type has no map_meta_equal). */
export const META_NEVER = 1;
/** Its max_entries must be the template's. */
export const META_ENTRIES = 2;

/** Linux's own, jhash. */
export const HASH_JHASH = 0;
export const HASH_XXH32 = 1;
export const HASH_XXH3 = 2;
export const HASH_SIPHASH = 3;
export const HASH_MURMUR3 = 4;

/**
 * A field of keys that hash_collide tries: u32 offset in the key, u32 bytes, u32 1 = big endian;
 * u64 first value, last value, and the one whose turn it is.
 */
export const F_OFFSET = 0;
export const F_BYTES = 4;
export const F_BIG = 8;
export const F_FROM = 16;
export const F_LAST = 24;
export const F_NOW = 32;
export const KEY_FIELD_SIZE = 40;

// ---- Contexts: the public part is the kernel's UAPI struct, ours follows -----------------------
/** struct xdp_md (24 bytes), then ours. */
export const XDP_DATA = 0;
export const XDP_DATA_END = 4;
export const XDP_DATA_META = 8;
export const XDP_INGRESS_IFINDEX = 12;
export const XDP_RX_QUEUE_INDEX = 16;
export const XDP_EGRESS_IFINDEX = 20;
export const XDP_MD_SIZE = 24;
/** u32 addresses: first byte of headroom, end of the usable tail. */
export const XDP_HARD_START = 24;
export const XDP_HARD_END = 28;
/** u32 x 4: where this packet is redirected to, copied from C_REDIRECT. */
export const XDP_REDIRECT = 32;
/**
 * u32: length of data in fragments (multi-buffer frames), address of the first fragment, room of
 * each (0: they do not grow). All but the last are full, so they lie one behind the other.
 */
export const XDP_FRAGS_LENGTH = 48;
export const XDP_FRAGS = 52;
export const XDP_FRAG_SIZE = 56;
export const XDP_CTX_SIZE = 64;

/**
 * u32, so many bytes before a struct xdp_buff or sk_buff: address of the context it stands for, of
 * programs that trace other programs.
 */
export const STRUCT_CONTEXT = 8;

/** struct bpf_nf_ctx, then ours: the packet as programs over __sk_buff have it. */
export const NF_STATE = 0;
export const NF_SKB = 8;
export const NF_PACKET = 64;

/** struct __sk_buff (192 bytes in 6.12), then ours. */
export const SKB_LEN = 0;
export const SKB_PKT_TYPE = 4;
export const SKB_MARK = 8;
export const SKB_QUEUE_MAPPING = 12;
export const SKB_PROTOCOL = 16;
export const SKB_VLAN_PRESENT = 20;
export const SKB_VLAN_TCI = 24;
export const SKB_VLAN_PROTO = 28;
export const SKB_PRIORITY = 32;
export const SKB_INGRESS_IFINDEX = 36;
export const SKB_IFINDEX = 40;
export const SKB_TC_INDEX = 44;
export const SKB_CB = 48;
export const SKB_HASH = 68;
export const SKB_TC_CLASSID = 72;
export const SKB_DATA = 76;
export const SKB_DATA_END = 80;
export const SKB_NAPI_ID = 84;
export const SKB_DATA_META = 140;
export const SKB_TSTAMP = 152;
export const SKB_WIRE_LEN = 160;
export const SKB_GSO_SEGS = 164;
/** u64 pointer to the packet's socket, or 0. */
export const SKB_SK = 168;
export const SKB_GSO_SIZE = 176;
export const SKB_TSTAMP_TYPE = 180;
export const SKB_HWTSTAMP = 184;
export const SKB_MD_SIZE = 192;
export const SKB_HARD_START = 192;
export const SKB_HARD_END = 196;
export const SKB_REDIRECT = 200;
/** u32: offset of the network header from data (14 for Ethernet). */
export const SKB_NETWORK_OFFSET = 216;
/** u32 address of the tunnel key record (64 bytes) and whether it is set. */
export const SKB_TUNNEL = 220;
/** u32: offset of the transport header from data; 0 = the same place as the network header. */
export const SKB_TRANSPORT_OFFSET = 224;
/** u32 CHECKSUM_*; u32: sum of the packet when CHECKSUM_COMPLETE; u32: csum_level. */
export const SKB_IP_SUMMED = 228;
export const SKB_CSUM = 232;
export const SKB_CSUM_LEVEL = 236;
/** u32: SKB_F_*. */
export const SKB_FLAGS = 240;
/** u32: SKB_GSO_* bits of a packet with gso_size. */
export const SKB_GSO_TYPE = 244;
/**
 * What the socket and route of the packet would say: u64 cookie, u32 cgroup (its number among the
 * owners; 0: there is no socket), u32 classid, u32 realm.
 */
export const SKB_SOCKET_COOKIE = 248;
export const SKB_CGROUP = 256;
export const SKB_CLASSID = 264;
export const SKB_REALM = 268;
/** struct bpf_redir_neigh of bpf_redirect_neigh (20 bytes), and whether it was given. */
export const SKB_NEIGH = 272;
export const SKB_NEIGH_SET = 292;
export const SKB_CTX_SIZE = 320;

export const SKB_F_L4_HASH = 1;
export const SKB_F_SW_HASH = 2;
export const SKB_F_ENCAPSULATION = 4;
export const CHECKSUM_NONE = 0;
export const CHECKSUM_UNNECESSARY = 1;
export const CHECKSUM_COMPLETE = 2;
export const CHECKSUM_PARTIAL = 3;
export const SKB_GSO_TCPV4 = 1;
export const SKB_GSO_DODGY = 2;
export const SKB_GSO_TCPV6 = 16;
export const SKB_GSO_GRE = 64;
export const SKB_GSO_IPXIP4 = 256;
export const SKB_GSO_IPXIP6 = 512;
export const SKB_GSO_UDP_TUNNEL = 1024;
export const SKB_GSO_UDP_L4 = 131072;

/**
 * Tunnel record (SKB_TUNNEL points to it): what the tunnel device knew of a received packet, or
 * what bpf_skb_set_tunnel_key asks for one that is sent. Addresses in network order.
 */
export const TUNNEL_MODE = 0;
/** u32: TUNNEL_* flags of include/uapi/linux/if_tunnel.h, network order bits as a number. */
export const TUNNEL_FLAGS = 4;
export const TUNNEL_ID = 8;
export const TUNNEL_TOS = 12;
export const TUNNEL_TTL = 13;
export const TUNNEL_LABEL = 16;
export const TUNNEL_OPTIONS_LENGTH = 20;
export const TUNNEL_SOURCE = 32;
export const TUNNEL_DESTINATION = 48;
export const TUNNEL_OPTIONS = 64;
export const TUNNEL_OPTIONS_MAX = 255;
export const TUNNEL_SIZE = 320;
export const TUNNEL_TX = 1;
export const TUNNEL_IPV6 = 2;
/** This CPU's record for packets that are sent (in its scratch), then room for a bpf_tunnel_key. */
export const C_TUNNEL = 0x3d00;

/**
 * A socket as programs see it: struct bpf_sock, then struct bpf_tcp_sock (for bpf_tcp_sock()).
 * Helpers that find one make it REGION_OBJECT of the CPU.
 */
export const SOCKET_PROTOCOL = 12;
export const SOCKET_STATE = 72;
export const SOCKET_TCP = 80;
export const SOCKET_SIZE = 192;
/** u64 pointer: of a request (TCP_NEW_SYN_RECV) its listener. Programs do not see it. */
export const SOCKET_LISTENER = 192;
/** u32: its cgroup, by number among the owners. u64: cookie of its network namespace. */
export const SOCKET_CGROUP = 200;
export const SOCKET_NETNS_COOKIE = 208;
/** u64 pointers to the socket in struct bpf_sock_addr and struct bpf_sock_ops. */
export const SOCK_ADDR_SK = 64;
export const SOCK_OPS_SK = 184;

/** struct sk_msg_md (80 bytes), then ours: who it goes to, and what helpers asked for. */
export const MSG_DATA = 0;
export const MSG_DATA_END = 8;
export const MSG_FAMILY = 16;
export const MSG_SIZE = 68;
export const MSG_SK = 72;
/** u32: number of the socket among the owners (0: none), flags of the redirect. */
export const MSG_REDIRECT = 80;
export const MSG_REDIRECT_FLAGS = 84;
/** u32: bpf_msg_apply_bytes, bpf_msg_cork_bytes. */
export const MSG_APPLY = 88;
export const MSG_CORK = 92;
export const MSG_CTX_SIZE = 112;

/** struct sk_reuseport_md (56 bytes), then ours. */
export const REUSE_DATA = 0;
export const REUSE_DATA_END = 8;
export const REUSE_LEN = 16;
export const REUSE_HASH = 32;
export const REUSE_SK = 40;
export const REUSE_MIGRATING = 48;
/** u32: number of the chosen socket (0: none); bytes in front of the data, up to the IP header. */
export const REUSE_SELECTED = 56;
export const REUSE_NETWORK = 60;
export const REUSE_HEADERS = 64;
export const REUSE_CTX_SIZE = 80;

/**
 * What is asked of the machine about maps of sockets (G_SOCKET_MAPS): whether a socket may be in
 * one at all, that it comes into a map, that it has left one; the number of the socket a pointer
 * means.
 */
export const SOCKET_MAY = 0;
export const SOCKET_ENTERS = 1;
export const SOCKET_LEFT = 2;
export const SOCKET_NUMBER = 3;
/** Of arrays of groups: that it comes in (1: the machine does not know it), that it has left. */
export const SOCKET_GROUPED = 4;
export const SOCKET_UNGROUPED = 5;

/**
 * A perf event of one CPU, the word of an entry of a perf event array: u32 CPU, u32 bytes of its
 * ring (a power of two), u64 positions of writer and reader, u64 records lost since the last one
 * written, u32 lock. Records follow at EVENT_DATA: {u32 type, u16 misc, u16 size} and, in a sample
 * (type 9), a u32 length and as many bytes.
 */
export const EVENT_CPU = 0;
export const EVENT_SIZE = 4;
export const EVENT_HEAD = 8;
export const EVENT_TAIL = 16;
export const EVENT_LOST = 24;
export const EVENT_LOCK = 32;
export const EVENT_DATA = 64;

/** struct bpf_dynptr (opaque to programs): u64 tagged pointer, u32 size and flags, u32 offset. */
export const DYNPTR_DATA = 0;
export const DYNPTR_SIZE = 8;
export const DYNPTR_OFFSET = 12;
export const DYNPTR_MAX_SIZE = 0xffffff;
export const DYNPTR_TYPE_SHIFT = 28;
export const DYNPTR_READ_ONLY = -0x80000000;
export const DYNPTR_LOCAL = 1;
export const DYNPTR_RINGBUF = 2;
/** Over the packet: the pointer is that to the context. */
export const DYNPTR_SKB = 3;
export const DYNPTR_XDP = 4;

/** Helper ids from here up stand for kernel functions: this plus the place in the image's list. */
export const KFUNC_ID = 0x40000000;
/**
 * A stack: u32 number of kernel addresses, of user addresses, then as many u64, innermost first.
 */
export const CALLCHAIN_KERNEL = 0;
export const CALLCHAIN_USER = 4;
export const CALLCHAIN_ADDRESSES = 8;

/**
 * Special fields of a map value or of an object: u32 number of fields, offset plus 1 of the spin
 * lock and of the reference count (0: none), then FIELD_ENTRY bytes for each field, by offset.
 */
export const FIELDS_COUNT = 0;
export const FIELDS_LOCK = 4;
export const FIELDS_REFCOUNT = 8;
export const FIELDS_FIRST = 16;
export const FIELD_ENTRY = 16;
/**
 * u32 FIELD_IS_*, offset, bytes; what releases a kernel object: slot in the table plus 1, or 0; of
 * a uptr the bytes it points to.
 */
export const FIELD_KIND = 0;
export const FIELD_OFFSET = 4;
export const FIELD_BYTES = 8;
export const FIELD_DESTRUCTOR = 12;
/** Nothing to release. */
export const FIELD_IS_PLAIN = 0;
export const FIELD_IS_LIST = 1;
export const FIELD_IS_TREE = 2;
/** A pointer that owns what it points to. */
export const FIELD_IS_KPTR = 3;
/** bpf_timer, bpf_wq: u32 address of what it stands for (TIMER_*), or 0. */
export const FIELD_IS_TIMER = 4;
export const FIELD_IS_WORK = 5;
/** A pointer to a page of the user, which is pinned while a value has it. */
export const FIELD_IS_UPTR = 6;

/**
 * Memory of a user (core/user-pages.ts): u32 first page, number of pages, 1 while it is mapped,
 * region, pins of all pages, magic.
 */
export const USER_FIRST = 0;
export const USER_PAGES = 4;
export const USER_MAPPED = 8;
export const USER_REGION = 12;
export const USER_PINS = 16;
export const USER_MAGIC = 20;
export const USER_SIZE = 32;
export const USER_PAGE_SIZE = 4096;

/**
 * A timer or work: u32 address of the field it belongs to, FIELD_IS_TIMER or FIELD_IS_WORK, its
 * map, the value it is in, slot of its callback (or 0), CLOCK_*, place in the heap plus 1 (0: not
 * armed); i64 clock at which it is due; u32 number of its start, the timers before and behind it,
 * magic.
 */
export const TIMER_FIELD = 0;
export const TIMER_KIND = 4;
export const TIMER_MAP = 8;
export const TIMER_VALUE = 12;
export const TIMER_SLOT = 16;
export const TIMER_CLOCK = 20;
export const TIMER_PLACE = 24;
export const TIMER_DUE = 32;
export const TIMER_ORDER = 40;
export const TIMER_PREVIOUS = 44;
export const TIMER_NEXT = 48;
export const TIMER_MAGIC = 52;
export const TIMER_SIZE = 56;

/**
 * A type of objects (core/objects.ts): u32 bytes of an object, bytes from one CPU's to the next,
 * bytes from one object to the next, its special fields (or 0), objects that are alive, first slab;
 * u64 first free object; u32 objects of the next slab, lock.
 */
export const OBJECTS_SIZE = 0;
export const OBJECTS_STRIDE = 4;
export const OBJECTS_ITEM = 8;
export const OBJECTS_FIELDS = 12;
export const OBJECTS_LIVE = 16;
export const OBJECTS_SLABS = 20;
export const OBJECTS_FREE = 24;
export const OBJECTS_NEXT_COUNT = 32;
export const OBJECTS_LOCK = 36;
/** u32: the pool of its objects (core/mem-cache.ts), or 0. */
export const OBJECTS_POOL = 40;
export const OBJECTS_BYTES = 48;
/** Bytes between objects that belong to none: checked code that runs over an end is caught. */
export const OBJECT_GAP = 8;
/** What bpf_obj_new_impl() looks types up in: u32 count, then u32 x 2 by BTF id: plain, per CPU. */
export const OBJECT_TABLE_FIRST = 8;
/** bpf_list_head: u64 first and last node; bpf_list_node: u64 next and previous, u32 its head. */
export const LIST_FIRST = 0;
export const LIST_LAST = 8;
export const LIST_OWNER = 16;
/** bpf_rb_root: u64 top; bpf_rb_node: u64 left, right and parent, u32 its root, u32 1 = red. */
export const TREE_LEFT = 0;
export const TREE_RIGHT = 8;
export const TREE_PARENT = 16;
export const TREE_OWNER = 24;
export const TREE_RED = 28;

/** Kinds of owners (OWNER_KIND of a record); what else is in it is core/owner.ts's. */
export const OWNER_TASK = 1;
export const OWNER_INODE = 2;
export const OWNER_SOCKET = 3;
export const OWNER_CGROUP = 4;
export const OWNER_ID = 8;
/** u32: address of the kernel object programs point to. */
export const OWNER_OBJECT = 16;
/** u64: of a cgroup, its id (the number of its directory's inode); 0: its number is its id. */
export const OWNER_CGROUP_ID = 32;

/** Kinds of redirect in C_REDIRECT_KIND and the contexts' copies. */
export const REDIRECT_NONE = 0;
export const REDIRECT_IFINDEX = 1;
export const REDIRECT_MAP = 2;
export const REDIRECT_PEER = 3;
export const REDIRECT_NEIGH = 4;
/** The index is the number of a socket among the owners. */
export const REDIRECT_SOCKET = 5;

/** In place of the id of a program of a devmap or cpumap: the one given cannot be there. */
export const TARGET_BAD = 0x80000000;
