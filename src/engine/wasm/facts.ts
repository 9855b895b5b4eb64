import type { CompileOptions, ProgramImage } from '../types.ts';
import { isConditional } from './insn.ts';
import type { Program } from './program.ts';
import type { Thresholds } from './ranges.ts';

/** A hash table whose keys compiled code finds itself. */
export interface HashFacts {
  /** Address of the heads of the chains; how many, less one; first state of jhash. */
  readonly buckets: number;
  readonly mask: number;
  readonly init: number;
  /** Offsets in a node: of the key, of the value. */
  readonly key: number;
  readonly value: number;
  /** Of the address of CPU 0's value, where values are per CPU. */
  readonly home?: number;
  /** Of the byte that says a look-up found it (LRU). */
  readonly referenced?: number;
  /** What updates need, where compiled code does them itself. */
  readonly table: TableFacts | undefined;
  /** The same of an LRU: lru_hash_take hands out its nodes. */
  readonly lru: boolean;
}

/** The nodes of a table: nothing but keys and values in them, and they are its own. */
export interface TableFacts {
  /** Address of a u32 per CPU: the node that its next replacing update writes. */
  readonly spare: number;
  readonly stride: number;
}

/** A ring buffer that compiled code writes itself. */
export interface RingFacts {
  /** Address of its pages (runtime/core/ring-pages.ts). */
  readonly pages: number;
}

/** What the compiler may know of a map: everything that stays as it is while the map lives. */
export interface MapFacts {
  /** Address of its header. */
  readonly address: number;
  readonly type: number;
  /** Prefix of the runtime's functions for it. */
  readonly prefix: string;
  readonly keySize: number;
  /** Its keys are hashed as Linux does it: what the functions for one key size rely on. */
  readonly usualHash: boolean;
  readonly valueSize: number;
  readonly maxEntries: number;
  /** High half of pointers to its values (as i32). */
  readonly valueTag: number;
  /** Address of value 0, distance of values, distance of a CPU's values (0 = one copy). */
  readonly values: number;
  readonly stride: number;
  readonly cpuStride: number;
  /** Look-up is the formula of runtime/core/array.ts, which compiled code contains. */
  readonly isArray: boolean;
  /** Look-up is the walk of runtime/core/hash.ts, which compiled code contains. */
  readonly hash: HashFacts | undefined;
  readonly ring: RingFacts | undefined;
  /** Its values' region: the bytes, and of each stride the first `element`. All 0 = none. */
  readonly region: {
    readonly start: number;
    readonly end: number;
    readonly stride: number;
    readonly element: number;
  };
  /** A look-up by a program gives a pointer to a value (not an inner map, a socket, …). */
  readonly holdsValues: boolean;
  /** The program may write (read) its values. */
  readonly writable: boolean;
  readonly readable: boolean;
}

/**
 * Names of the runtime's functions for an operation on a map: the one for its key size, if there
 * is one, then the general one.
 */
export function functionNames(map: MapFacts, operation: string): readonly string[] {
  const general = `${map.prefix}_${operation}`;
  return map.usualHash ? [`${general}_${map.keySize}`, general] : [general];
}

/** What checked code must know of one argument of a helper to prove it beforehand. */
export interface ArgumentFacts {
  /** 'memory' is as long as `size` says, or the argument `sizeFrom`; 'other' cannot be proven. */
  readonly kind: 'scalar' | 'ctx' | 'map' | 'key' | 'value' | 'memory' | 'other';
  readonly size?: number;
  /** 0-based argument that holds the size. */
  readonly sizeFrom?: number;
  readonly write: boolean;
}

/** What the compiler must know of a helper. */
export interface HelperFacts {
  /** i64 parameters of its function. */
  readonly arity: number;
  /** Packet pointers are dead after it. */
  readonly changesPacket: boolean;
  /** It is the runtime's own function, so compiled code may contain what it does. */
  readonly isRuntime: boolean;
  /** It calls back into the program. */
  readonly callsBack: boolean;
  /** It may make something happen before the next packet of a batch. */
  readonly armsTimers: boolean;
  /** It ends the program: nothing is called, compiled code unwinds itself. */
  readonly throws: boolean;
  /** By argument. */
  readonly args: readonly ArgumentFacts[];
  /** Memory it is given is not the program's any more. */
  readonly releases: boolean;
  /** It keeps a pointer argument, or hands it to code of the program. */
  readonly keepsPointers: boolean;
  /** In checked code its arguments go through `check_call` first. */
  readonly checked: boolean;
}

/** The world a program is compiled for: plain data, so compiling is a pure function. */
export interface Facts {
  readonly shared: boolean;
  readonly maps: readonly MapFacts[];
  /** By id. Helpers that do not exist are absent. */
  readonly helpers: Readonly<Record<number, HelperFacts>>;
  /** Names of runtime functions that compiled code may import. */
  readonly functions: readonly string[];
  /** The engine has wasm tail calls. */
  readonly tailCalls: boolean;
}

/** All that one compilation reads, with look-ups by address. */
export class World {
  readonly image: ProgramImage;
  readonly options: CompileOptions;
  readonly facts: Facts;
  readonly checks: boolean;
  private readonly byAddress: ReadonlyMap<number, MapFacts>;
  private readonly byTag: ReadonlyMap<number, MapFacts>;
  private readonly functions: ReadonlySet<string>;
  private limits: Thresholds | undefined;

  constructor(image: ProgramImage, options: CompileOptions, facts: Facts) {
    this.image = image;
    this.options = options;
    this.facts = facts;
    this.checks = options.checks;
    this.byAddress = new Map(facts.maps.map((map) => [map.address, map]));
    this.byTag = new Map(facts.maps.map((map) => [map.valueTag, map]));
    this.functions = new Set(facts.functions);
  }

  /** Whether a proven write proves a read: not if some map may be written only. */
  get opensWindows(): boolean {
    return this.checks && !this.facts.maps.some((map) => !map.readable);
  }

  mapAt(address: number): MapFacts | undefined {
    return this.byAddress.get(address);
  }

  /** Ring buffers that compiled code writes itself. */
  get rings(): readonly MapFacts[] {
    return this.facts.maps.filter(({ ring }) => ring !== undefined);
  }

  /** The map whose values carry this tag (high half of a pointer, as i32). */
  mapOfTag(tag: number): MapFacts | undefined {
    return this.byTag.get(tag);
  }

  helper(id: number): HelperFacts | undefined {
    return this.facts.helpers[id];
  }

  /** Numbers the program compares with, for guessing where loop counters end. */
  thresholds(program: Program): Thresholds {
    return (this.limits ??= collectLimits(program));
  }

  hasFunction(name: string): boolean {
    return this.functions.has(name);
  }
}

const MAX_LIMITS = 200;

function collectLimits({ code }: Program): Thresholds {
  const limits = new Set<number>();
  for (let i = 0; i < code.length && limits.size < MAX_LIMITS; i++) {
    if (isConditional(code.op[i]) && code.imm[i] > 0) limits.add(code.imm[i]);
  }
  return Float64Array.from(limits).sort();
}
