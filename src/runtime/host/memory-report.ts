import type { MemoryReport, PoolReport } from '../../abi/memory.ts';
import { GLOBALS } from '../layout.ts';
import {
  CACHE_FREE,
  CACHE_LATER_RCU,
  CACHE_LATER_TRACE,
  CACHE_RCU,
  CACHE_RCU_WAIT,
  CACHE_SIZE,
  CACHE_TRACE,
  CACHE_TRACE_WAIT,
  G_MEM_FAILED,
  G_MEM_HELD,
  G_MEM_LIMIT,
  G_MEM_LOG,
  G_MEM_LOGGED,
  G_MEM_LOST,
  G_MEM_PEAK,
  G_MEM_POOLS,
  G_MEM_REQUESTS,
  LOG_FAILURE,
  LOG_FREED_INSN,
  LOG_FREED_PROGRAM,
  LOG_GOT_INSN,
  LOG_GOT_PROGRAM,
  LOG_INSN,
  LOG_ITEM,
  LOG_KIND,
  LOG_POOL,
  LOG_PROGRAM,
  LOG_REASON,
  LOG_REASON_INJECTED,
  LOG_REASON_LIMIT,
  LOG_REQUEST,
  LOG_SIZE,
  POOL_CACHES,
  POOL_FAILED,
  POOL_HELD,
  POOL_HELD_PEAK,
  POOL_HIGH,
  POOL_ID,
  POOL_LIVE,
  POOL_LOW,
  POOL_NEXT,
  POOL_OWNER,
  POOL_PEAK,
  POOL_PER_CPU,
  POOL_REUSED,
  POOL_UNIT,
} from '../mem-layout.ts';
import type { Runtime } from '../types.ts';

/** A place in a program; program 0 is bpf(2). */
export interface RawPlace {
  readonly program: number;
  readonly insn: number;
}

/** An entry of the log, in numbers. */
export interface RawMemoryEvent {
  readonly kind: 'reuse' | 'failure';
  readonly pool: PoolReport;
  readonly address: number;
  readonly got: RawPlace;
  readonly freed: RawPlace;
  readonly at: RawPlace;
  /** Number of the allocation. */
  readonly request: number;
  readonly reason: 'injected' | 'limit' | 'no memory';
}

/** Reads out the model of memory. */
export class MemoryReader {
  readonly #runtime: Runtime;

  constructor(runtime: Runtime) {
    this.#runtime = runtime;
  }

  #global(offset: number): number {
    return this.#runtime.u32()[(GLOBALS + offset) >>> 2]!;
  }

  report(): MemoryReport {
    const pools: PoolReport[] = [];
    const words = this.#runtime.u32();
    for (
      let pool = this.#global(G_MEM_POOLS);
      pool !== 0;
      pool = words[(pool + POOL_NEXT) >>> 2]!
    ) {
      pools.push(this.#pool(pool));
    }
    return {
      pools: pools.sort((a, b) => a.id - b.id),
      bytes: this.#global(G_MEM_HELD),
      peakBytes: this.#global(G_MEM_PEAK),
      limit: this.#global(G_MEM_LIMIT),
      requests: this.#global(G_MEM_REQUESTS),
      failed: this.#global(G_MEM_FAILED),
    };
  }

  #pool(pool: number): PoolReport {
    const words = this.#runtime.u32();
    const word = (offset: number) => words[(pool + offset) >>> 2]!;
    const cpus = Array.from({ length: this.#runtime.options.cpus }, (_, cpu) => cpu);
    const lengths = (list: number) =>
      cpus.map((cpu) => word(POOL_CACHES + cpu * CACHE_SIZE + list + 4));
    const sum = (...lists: number[]) =>
      lists.flatMap(lengths).reduce((total, one) => total + one, 0);
    const owner = this.#runtime.objects.named(word(POOL_OWNER));
    const perCpu = word(POOL_PER_CPU) !== 0;
    return {
      name: owner ?? this.#runtime.mapAt(word(POOL_OWNER))?.definition.name ?? '?',
      kind: perCpu ? 'percpu' : owner === undefined ? 'map' : 'object',
      id: word(POOL_ID),
      unit: word(POOL_UNIT),
      live: word(POOL_LIVE),
      peak: word(POOL_PEAK),
      held: word(POOL_HELD),
      heldPeak: word(POOL_HELD_PEAK),
      cached: lengths(CACHE_FREE),
      low: word(POOL_LOW),
      high: word(POOL_HIGH),
      waitingRcu: sum(CACHE_RCU, CACHE_RCU_WAIT, CACHE_LATER_RCU),
      waitingTrace: sum(CACHE_TRACE, CACHE_TRACE_WAIT, CACHE_LATER_TRACE),
      failed: word(POOL_FAILED),
      reused: word(POOL_REUSED),
    };
  }

  /** Takes what is in the log. */
  drain(): RawMemoryEvent[] {
    const count = this.#global(G_MEM_LOGGED);
    if (count === 0) return [];
    const log = this.#global(G_MEM_LOG);
    const events = Array.from({ length: count }, (_, i) => this.#event(log + i * LOG_SIZE));
    this.#runtime.u32()[(GLOBALS + G_MEM_LOGGED) >>> 2] = 0;
    return events;
  }

  /** Entries that found no room in the log. */
  get lost(): number {
    return this.#global(G_MEM_LOST);
  }

  #event(entry: number): RawMemoryEvent {
    const words = this.#runtime.u32();
    const word = (offset: number) => words[(entry + offset) >>> 2]!;
    const place = (program: number, insn: number): RawPlace => ({
      program: word(program),
      insn: word(insn),
    });
    const reason = word(LOG_REASON);
    return {
      kind: word(LOG_KIND) === LOG_FAILURE ? 'failure' : 'reuse',
      pool: this.#pool(word(LOG_POOL)),
      address: word(LOG_ITEM),
      got: place(LOG_GOT_PROGRAM, LOG_GOT_INSN),
      freed: place(LOG_FREED_PROGRAM, LOG_FREED_INSN),
      at: place(LOG_PROGRAM, LOG_INSN),
      request: word(LOG_REQUEST),
      reason:
        reason === LOG_REASON_INJECTED
          ? 'injected'
          : reason === LOG_REASON_LIMIT
            ? 'limit'
            : 'no memory',
    };
  }
}
