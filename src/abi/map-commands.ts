/** What commands on maps hand around: the contract of kernels and the runtime's maps share it. */
import type { LivePlace } from './live.ts';

/** BPF_MAP_{LOOKUP,LOOKUP_AND_DELETE,UPDATE,DELETE}_BATCH. */
export type BatchCommand = 'lookup' | 'lookup_and_delete' | 'update' | 'delete';

/** What a batch command works on. */
export interface MapBatch {
  /** Keys one behind the other, `count` of them; a lookup writes them. */
  readonly keys: Uint8Array;
  /** Values likewise (`userValueSize` each). */
  readonly values?: Uint8Array;
  /** How many to do; then, how many were done. */
  count: number;
  /** Where a lookup begins: what the one before left in `next`; absent: at the beginning. */
  readonly start?: Uint8Array | undefined;
  /** Where a lookup may go on: room for a key, or 4 bytes (hashes, which tell buckets). */
  readonly next?: Uint8Array;
  /** Default 0. */
  readonly elemFlags?: number;
  readonly flags?: number;
}

/** How user space maps the memory of a map. */
export interface MapViewOptions {
  /** Default true. */
  readonly write?: boolean;
  /**
   * Bytes from the first on that user space touches at once: in an arena their pages are there from
   * then on, and programs are given none of them. Default 0. Later accesses make no pages.
   */
  readonly populate?: number;
}

/** Memory of a map that user space shares: mmap(2). Leaving the `using` block unmaps it. */
export interface MapView extends Disposable {
  readonly size: number;
  /** The bytes themselves, no copy. Ask again after anything that may create or grow maps. */
  bytes(): Uint8Array;
  /** Where they are, for readers in this thread and others; ends with the map. */
  place?(): LivePlace;
}

/** Room in a user ring buffer: write into `bytes()`, then give it to programs or not. */
export interface UserRecord {
  /** The bytes themselves; ask again after anything that may create or grow maps. */
  bytes(): Uint8Array;
  /** Programs may have it. */
  submit(): void;
  /** Programs must skip it. */
  discard(): void;
}
