/**
 * What Linux versions do differently, as named switches. The verifier reads each in one place; no
 * version number stands in it.
 */

/** Gate → the first version that has it, in order. */
const SINCE = {
  /** All flags of a type stand before its name ('rcu_untrusted_'); earlier only the last one. */
  allTypeFlags: '6.2',
  /** Memory of a ring buffer is called so; earlier 'alloc_mem'. */
  ringbufWord: '6.2',
  /** A write over a dynptr destroys it. */
  dynptrOverwrites: '6.2',
  /** Pointers are trusted, protected by RCU, or not; programs own objects. */
  trustedPointers: '6.2',
  /** Pointers to types of BTF are read only with CAP_PERFMON, kernel types by GPL programs. */
  btfNeedsCapability: '6.2',
  /** Comparing two pointers tells that neither is NULL. */
  comparedNullness: '6.2',
  /** Constants may be stored to the context. */
  contextStoreImm: '6.3',
  /** Two states' registers are compared up to the numbers of their ids, spilled ones too. */
  relatedStates: '6.3',
  /** The address of a kernel function may be loaded. */
  functionAddresses: '6.4',
  /** A __kptr is a referenced one; earlier it was __kptr_ref, and __kptr meant __kptr_untrusted. */
  referencedKptrs: '6.4',
  /** The number of a CPU is below that of all. */
  cpuNumberRange: '6.10',
  /** One call may visit now this map, now that. */
  forEachOfAnyMap: '6.10',
  /** OR, XOR and MUL of two unknown numbers have bounds. */
  unknownOperands: '6.11',
  /** States are kept before the history of jumps grows long. */
  shortHistory: '6.12',
  /** A pointer argument must be loaded whole. */
  wholePointerArguments: '6.12',
  /** What must be precise is followed through calls, and in every frame at once. */
  framedPrecision: '6.4',
  /** Functions may call themselves as far as the graph goes: the call stack's limit ends it. */
  callsMayLoop: '6.4',
  /** That a program's type must not call a helper is said so; earlier the helper was unknown. */
  helperNotForType: '6.8',
  /** States of a loop are compared to the bit, and some are kept whatever heuristics say. */
  loopStates: '6.7',
  /** Locks may be held when one of the program's own functions returns. */
  locksAcrossFunctions: '6.7',
  /** The log tells values short: constants without a mask, no `off=0`, decimal or hexadecimal. */
  shortLog: '6.8',
  /** Instructions of cpu=v4: sign extension, signed division, byte swaps, long jumps. */
  cpuV4: '6.6',
  /** Callbacks may run any number of times; earlier they were walked once, in place of the call. */
  callbackLoops: '6.7',
  /** Arenas: casts between address spaces, may_goto. */
  arena: '6.9',
  /** Frames are rounded up to 16 bytes. */
  fineStackDepth: '6.9',
  /** The log tells the file and line of a source line. */
  namedLines: '6.9',
  /** Part of a spilled number may be filled, and is known. */
  partialFills: '6.9',
  /** Copies stay linked through narrow moves and spills; constants need no link. */
  linkedNarrowing: '6.8',
  /** What the program attaches to is looked at after its control flow. */
  lateAttachTarget: '6.10',
  /** The history tells which registers a comparison taught something; sums are linked, too. */
  linkedHistory: '6.12',
  /** A number that is 0 or -1 is walked as either. */
  forkedMasks: '6.12',
  /** What a program returns is held against ranges; earlier against known bits. */
  returnRanges: '6.8',
  /** Tags of a function's parameters ('arg:ctx') say what they take. */
  argTags: '6.8',
  /** Global functions are verified when something calls them, and named. */
  lazyGlobals: '6.8',
  /** Ranges of two numbers are compared, and deduced from each other until nothing is new. */
  comparedRanges: '6.8',
  /** That a size may be 0 has words of its own. */
  zeroSizeWords: '6.8',
  /** How accepted programs are rewritten is known. */
  rewriting: '6.12',
  /** BPF_F_TEST_REG_INVARIANTS */
  registerInvariants: '6.8',
  /** Values of task storage may point to a page of the user (__uptr). */
  uptrs: '6.13',
} as const;

export type KernelGate = keyof typeof SINCE;
export type KernelGates = Readonly<Record<KernelGate, boolean>>;

/** The first version with a gate, as Linux counts ('6.8'). */
export function gateSince(gate: KernelGate): string {
  return SINCE[gate];
}

/** KERNEL_VERSION() of '6.8' or '6.12.117'. */
export function versionCodeOf(version: string): number {
  const [major = 0, minor = 0, patch = 0] = version.split('.').map(Number);
  return (major << 16) | (minor << 8) | Math.min(patch, 255);
}

/** The gates of a version. */
export function gatesOf(version: string): KernelGates {
  const code = versionCodeOf(version);
  const rows = Object.entries(SINCE).map(([gate, since]) => [gate, versionCodeOf(since) <= code]);
  return Object.fromEntries(rows) as KernelGates;
}

/** The gates of the newest kernel: all but those of features that came later. */
export const newestGates: KernelGates = gatesOf('6.12');
