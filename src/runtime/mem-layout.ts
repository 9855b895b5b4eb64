/**
 * Where the model of the kernel's memory allocator (core/mem-cache.ts) keeps what it knows. Both
 * compilers compile it, like layout.ts, so it holds nothing but integer constants.
 */

// ---- GLOBALS (offsets from GLOBALS) -----------------------------------------------------------
/** u32 MEM_F_*; 0: there is no model, what is freed is free at once. */
export const G_MEM_FLAGS = 1024;
/** u32: first pool. */
export const G_MEM_POOLS = 1028;
/** u32: readers begun so far: each has this number when it begins. */
export const G_MEM_EPOCH = 1032;
/** u32 x 2: number of the oldest reader that holds up a grace period of RCU, of tasks-trace. */
export const G_MEM_OLDEST_RCU = 1036;
export const G_MEM_OLDEST_TRACE = 1040;
/** u32 CHOICE_*: who decides at each moment a grace period may end. */
export const G_MEM_CHOICE = 1044;
/** u32: address and length of the tape of choices (a byte each), how many were asked for. */
export const G_MEM_TAPE = 1048;
export const G_MEM_TAPE_LENGTH = 1052;
export const G_MEM_TAPE_AT = 1056;
/** u32: address of a u32 for each of the first CHOICE_LABELS choices: what it was about. */
export const G_MEM_LABELS = 1124;
export const CHOICE_LABELS = 4096;
/** Label: the number of readers begun, above this one bit for 'while one runs' and two for GP_*. */
export const LABEL_INSIDE = 4;
export const LABEL_SHIFT = 3;
/** u32: allocations asked for; the one to fail (0: none), every how manieth fails (0: none). */
export const G_MEM_REQUESTS = 1060;
export const G_MEM_FAIL_AT = 1064;
export const G_MEM_FAIL_EVERY = 1068;
/** u32: allocations that failed. */
export const G_MEM_FAILED = 1072;
/** u64: state of the stream that chooses. */
export const G_MEM_RANDOM = 1080;
/** u32 bytes: most there may be (0: no limit), how many there are, and were at most. */
export const G_MEM_LIMIT = 1088;
export const G_MEM_HELD = 1092;
export const G_MEM_PEAK = 1096;
/** u32: address of the log, entries in it, entries that found no room. */
export const G_MEM_LOG = 1100;
export const G_MEM_LOGGED = 1104;
export const G_MEM_LOST = 1108;
/** u32: lock of the list of pools and of the log. */
export const G_MEM_LOCK = 1112;
/** u32: 1 once there was no memory, or the limit refused it. */
export const G_MEM_PRESSURE = 1116;
/** u32: number of the last pool made. */
export const G_MEM_POOL_ID = 1120;

/** u32: number of the program that runs (as a reader), or 0; how many readers there are; each. */
export const G_MEM_READER = 1128;
export const G_MEM_READERS = 1132;
export const G_MEM_READER_LIST = 1136;
export const READERS_LISTED = 32;

export const MEM_F_MODEL = 1;
export const MEM_F_POISON = 2;
export const MEM_F_DETECT = 4;
/** Nothing is reused before a grace period of RCU has ended. */
export const MEM_F_REUSE_LATER = 8;

export const CHOICE_NEVER = 0;
export const CHOICE_RANDOM = 1;
export const CHOICE_TAPE = 2;

/** Kinds of grace periods, as bits; both: it is about a program on another CPU. */
export const GP_RCU = 1;
export const GP_TRACE = 2;
export const NOT_GP = 3;

/** What freed bytes become. */
export const POISON = 0x6b;

// ---- A pool: items of one size (struct bpf_mem_alloc) -------------------------------------------
export const POOL_NEXT = 0;
/** u32: address of the map's header or of the type of objects (OBJECTS_*). */
export const POOL_OWNER = 4;
/** u32: bytes of an item in Linux, its list node with it. */
export const POOL_UNIT = 8;
export const POOL_LOW = 12;
export const POOL_HIGH = 16;
export const POOL_BATCH = 20;
/** u32: items in use, and at most. */
export const POOL_LIVE = 24;
export const POOL_PEAK = 28;
/** u32: items taken from the heap: in use, in caches and waiting; and at most. */
export const POOL_HELD = 32;
export const POOL_HELD_PEAK = 36;
/** u32: items given back to the heap (linked); the first never used, first, end, distance. */
export const POOL_RAW = 40;
export const POOL_FRESH = 44;
export const POOL_FIRST = 48;
export const POOL_END = 52;
export const POOL_STRIDE = 56;
/** u32: address of the notes of items that lie in one area, else 0 and where in an item its is. */
export const POOL_NOTES = 60;
export const POOL_NOTE_OFFSET = 64;
/** u32: slot of what makes an item (owner): u64, if they do not lie in one area. */
export const POOL_GROW = 68;
/** u32: part of an item that is poisoned. */
export const POOL_POISON_FROM = 72;
export const POOL_POISON_SIZE = 76;
/** u32: the pool of the per-CPU values of these elements, or 0; 1: this is such a pool. */
export const POOL_TWIN = 80;
export const POOL_PER_CPU = 84;
/** u32 lock; allocations that failed; reuses of freed items; its number; 1: elements of a map. */
export const POOL_LOCK = 88;
export const POOL_FAILED = 92;
export const POOL_REUSED = 96;
export const POOL_ID = 100;
/** u32: bytes from one CPU's items to the next's; 0 unless there is one on each. */
export const POOL_CPU_STRIDE = 104;
export const POOL_CACHES = 112;

// ---- A pool's cache of one CPU (struct bpf_mem_cache): lists, each u32 head and length ----------
export const CACHE_FREE = 0;
/** free_by_rcu and waiting_for_gp. */
export const CACHE_RCU = 8;
export const CACHE_RCU_WAIT = 16;
/** free_by_rcu_ttrace and waiting_for_gp_ttrace. */
export const CACHE_TRACE = 24;
export const CACHE_TRACE_WAIT = 32;
/** Freed by call_rcu or call_rcu_tasks_trace themselves, past the cache. */
export const CACHE_LATER_RCU = 40;
export const CACHE_LATER_TRACE = 48;
/** u32: a callback is under way, and readers begun when it was asked for, for each of the four. */
export const CACHE_RCU_BUSY = 56;
export const CACHE_TRACE_BUSY = 60;
export const CACHE_RCU_STAMP = 64;
export const CACHE_TRACE_STAMP = 68;
export const CACHE_LATER_RCU_STAMP = 72;
export const CACHE_LATER_TRACE_STAMP = 76;
/** u32: the cache that last freed items came from. */
export const CACHE_TARGET = 80;
export const CACHE_SIZE = 96;

// ---- The note of an item ----------------------------------------------------------------------
export const NOTE_LINK = 0;
/** u32: high half of a pointer to it. */
export const NOTE_TAG = 4;
/** u32 NOTE_IS_*; u32: cache it was taken from. */
export const NOTE_STATE = 8;
export const NOTE_CACHE = 12;
/** u32: number of the reader that got it last (0: none since it was taken), and where. */
export const NOTE_READER = 16;
export const NOTE_GOT_PROGRAM = 20;
export const NOTE_GOT_INSN = 24;
/** u32: where it was freed last. */
export const NOTE_FREED_PROGRAM = 28;
export const NOTE_FREED_INSN = 32;
export const NOTE_SIZE = 40;
export const NOTE_IS_RAW = 0;
export const NOTE_IS_LIVE = 1;
export const NOTE_IS_FREE = 2;

// ---- An entry of the log ------------------------------------------------------------------------
/** u32 each. */
export const LOG_KIND = 0;
export const LOG_POOL = 4;
export const LOG_ITEM = 8;
export const LOG_GOT_PROGRAM = 12;
export const LOG_GOT_INSN = 16;
export const LOG_FREED_PROGRAM = 20;
export const LOG_FREED_INSN = 24;
export const LOG_PROGRAM = 28;
export const LOG_INSN = 32;
/** u32: number of the allocation; u32 LOG_REASON_* why it failed. */
export const LOG_REQUEST = 36;
export const LOG_REASON = 40;
export const LOG_SIZE = 48;
export const LOG_ENTRIES = 512;
export const LOG_REUSE = 1;
export const LOG_FAILURE = 2;
export const LOG_REASON_INJECTED = 1;
export const LOG_REASON_LIMIT = 2;
export const LOG_REASON_MEMORY = 3;
