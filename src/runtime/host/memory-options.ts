/**
 * When grace periods end. 'eager': as soon as no reader is left. 'lazy': LAZY_DELAY nanoseconds of
 * the clock after something began to wait, or when memory runs out. 'adversarial': whether one ends
 * is chosen at random at each moment it may, from the machine's seed; `{ seed }`: from that one.
 * `{ choices }`: from a list, which says no once it has come to its end.
 */
export type GracePeriodPolicy =
  | 'eager'
  | 'lazy'
  | 'adversarial'
  | { readonly seed: number }
  | { readonly choices: readonly boolean[] };

/** Nanoseconds after which grace periods that nobody hurries end. */
export const LAZY_DELAY = 20_000_000;

/** What memory programs get for what they put into maps, and for objects. */
export interface MemoryOptions {
  /** Most bytes of elements and objects there may be, as Linux counts them. */
  readonly limit?: number;
  /** Every so manieth allocation fails. */
  readonly failEvery?: number;
  /** This allocation fails, counted from 1. */
  readonly failAt?: number;
  /**
   * When elements of hash maps without preallocation may be used again. 'immediate', as Linux does
   * it: by this CPU's next allocation. 'after-grace-period', as was proposed: when no reader of RCU
   * can see them any more. An extension.
   */
  readonly reuse?: 'immediate' | 'after-grace-period';
  /** Values that are freed become 0x6b bytes: on the free list, else when their memory is. */
  readonly poison?: boolean;
}

/** How much of a machine's memory allocator is modelled, and how. */
export interface MemoryModelOptions {
  readonly gracePeriods?: GracePeriodPolicy;
  readonly memory?: MemoryOptions;
  /** Report elements that are reused while a reader that got them is still there. */
  readonly detectReuse?: boolean;
}

/** Whether anything of it is asked for. Without, what is freed is free at once, at no cost. */
export function wantsModel(options: MemoryModelOptions): boolean {
  const { gracePeriods, memory, detectReuse } = options;
  return gracePeriods !== undefined || memory !== undefined || detectReuse === true;
}
