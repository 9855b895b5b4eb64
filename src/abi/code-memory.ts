/** What a machine tells of the memory its programs' code is in. */

/** A program's place in a pack. */
export interface CodeChunk {
  /** Id of the program. */
  readonly program: number;
  readonly name: string;
  /** Where its code begins in the pack's module, and how long it is. */
  readonly offset: number;
  readonly bytes: number;
  /** False: the program is gone, its code is there until the pack goes or is packed anew. */
  readonly live: boolean;
}

/**
 * One WebAssembly module with the code of one or more programs. It is never changed: programs that
 * come get other packs, and one all of whose programs are gone goes as a whole.
 */
export interface CodePack {
  readonly id: number;
  /** 1, or one more than the oldest that its programs were moved here from. */
  readonly generation: number;
  readonly chunks: readonly CodeChunk[];
  /** Of the whole module. */
  readonly bytes: number;
  /** Code of programs that are there. */
  readonly live: number;
  /** Code of programs that are gone. */
  readonly dead: number;
  /** Milliseconds from BPF to WebAssembly, and to make the module of it. */
  readonly compile: number;
  /** Milliseconds to make it callable: imports and slots of the function table. */
  readonly instantiate: number;
}

/** Which packs are packed anew. */
export interface RecompactOptions {
  /**
   * Packs whose code is dead to at least this share, 0 to 1 (default 0.5), and all that could be
   * fewer. 0 takes every pack.
   */
  readonly waste?: number;
}

/** What packing anew did. */
export interface Recompaction {
  /** Programs that have other code now. */
  readonly moved: number;
  /** Packs before and after. */
  readonly before: number;
  readonly after: number;
  /** Bytes of modules given back. */
  readonly freed: number;
}

/** The code of all programs of a machine. */
export interface CodeMemory {
  /** Most programs of a pack. */
  readonly packSize: number;
  packs(): readonly CodePack[];
  /**
   * Makes new packs of the programs in wasteful ones. Slots of the function table are switched:
   * runs under way finish in the old code, the next ones begin in the new. The old packs go.
   */
  recompact(options?: RecompactOptions): Recompaction;
}
