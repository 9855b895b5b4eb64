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
  /** Pointers are trusted, protected by RCU, or not; programs own objects. */
  trustedPointers: '6.2',
  /** Pointers to types of BTF are read only with CAP_PERFMON, kernel types by GPL programs. */
  btfNeedsCapability: '6.2',
  /** Constants may be stored to the context. */
  contextStoreImm: '6.3',
  /** A __kptr is a referenced one; earlier it was __kptr_ref, and __kptr meant __kptr_untrusted. */
  referencedKptrs: '6.4',
  /** A pointer argument must be loaded whole. */
  wholePointerArguments: '6.12',
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
  /** The log tells the file and line of a source line. */
  namedLines: '6.9',
  /** Part of a spilled number may be filled, and is known. */
  partialFills: '6.9',
  /** Copies stay linked through narrow moves and spills; constants need no link. */
  linkedNarrowing: '6.8',
  /** The history tells which registers a comparison taught something; sums are linked, too. */
  linkedHistory: '6.12',
  /** A number that is 0 or -1 is walked as either. */
  forkedMasks: '6.12',
  /** What a program returns is held against ranges; earlier against known bits. */
  returnRanges: '6.8',
  /** That a size may be 0 has words of its own. */
  zeroSizeWords: '6.8',
  /** How accepted programs are rewritten is known. */
  rewriting: '6.12',
  /** BPF_F_TEST_REG_INVARIANTS */
  registerInvariants: '6.8',
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

/** The gates of the newest kernel: all. */
export const newestGates: KernelGates = gatesOf('6.12');
