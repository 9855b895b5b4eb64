import {
  type CallbackOwner,
  callbackOwner,
  faultFrom,
  ProgramFaultError,
  type ProgramFault,
  type ProgramImage,
  restoreRun,
  saveRun,
} from '../engine/index.ts';
import type { EventSource, Runtime } from '../runtime/index.ts';
import {
  C_TIMER_RUNNING,
  FIELD_IS_WORK,
  G_TIMER_COUNT,
  G_TIMER_DUE,
  G_TIMER_FIRST,
  G_TIMER_HEAP,
  GLOBALS,
  TIMER_KIND,
  TIMER_MAP,
  TIMER_NEXT,
  TIMER_SLOT,
} from '../runtime/layout.ts';

const TWO_32 = 0x1_0000_0000;
const NEVER_LOW = 0xffffffff;
const NEVER_HIGH = 0x7fffffff;
/** Fuel that says: only take it off. */
const NO_CALLBACK = -1;

/** A callback of a timer, or of work, that ended in a fault. The timer is not armed any more. */
export class TimerFault extends Error {
  override readonly name = 'TimerFault';
  readonly kind: 'timer' | 'work';
  /** Name of the map it is in. */
  readonly map: string;
  /** Nanoseconds of the machine's clock. */
  readonly time: bigint;
  /** Program, instruction, source line. */
  readonly fault: ProgramFault;

  constructor(kind: 'timer' | 'work', map: string, time: bigint, fault: ProgramFault) {
    super(`${kind} in map '${map}' at ${time} ns: ${fault.message}`, { cause: fault });
    this.kind = kind;
    this.map = map;
    this.time = time;
    this.fault = fault;
  }
}

/** Who hears of timers and work. */
export interface TimerListener {
  /** A callback has run: what it wrote into buffers may be taken out. */
  readonly onTimer?: () => void;
  /**
   * What ended a callback. Without it `advance` throws it, and time goes on with the next call.
   */
  readonly onTimerFault?: (fault: TimerFault) => void;
}

/** The timers and the work in linear memory (runtime/core/timers.ts), as events of the machine. */
export class Timers implements EventSource {
  readonly #runtime: Runtime;
  readonly #listener: TimerListener;
  readonly #fire: (fuel: number) => void;

  constructor(runtime: Runtime, listener: TimerListener) {
    this.#runtime = runtime;
    this.#listener = listener;
    this.#fire = runtime.exports['timer_fire'] as (fuel: number) => void;
  }

  get next(): number {
    const low = this.#word(GLOBALS + G_TIMER_DUE);
    const high = this.#word(GLOBALS + G_TIMER_DUE + 4) | 0;
    if (high === NEVER_HIGH && low === NEVER_LOW) return Number.POSITIVE_INFINITY;
    return high * TWO_32 + low;
  }

  get pending(): number {
    return this.#word(GLOBALS + G_TIMER_COUNT);
  }

  run(): void {
    const timer = this.#word(this.#word(GLOBALS + G_TIMER_HEAP));
    const owner = callbackOwner(this.#runtime, this.#word(timer + TIMER_SLOT));
    const isWork = this.#word(timer + TIMER_KIND) === FIELD_IS_WORK;
    const map = this.#runtime.mapAt(this.#word(timer + TIMER_MAP))?.definition.name ?? '?';
    if (!owner) {
      this.#fire(NO_CALLBACK);
      return;
    }
    const { onTimer, onTimerFault } = this.#listener;
    const fault = this.#call(owner);
    onTimer?.();
    if (!fault) return;
    const told = new TimerFault(isWork ? 'work' : 'timer', map, this.#runtime.clock, fault);
    if (!onTimerFault) throw told;
    onTimerFault(told);
  }

  /** Runs the first one's callback; what ended it, if a fault did. */
  #call(owner: CallbackOwner): ProgramFault | undefined {
    const runtime = this.#runtime;
    const saved = saveRun(runtime);
    try {
      this.#fire(owner.fuel);
      return undefined;
    } catch (error) {
      runtime.u32()[(runtime.cpuBlock + C_TIMER_RUNNING) >>> 2] = 0;
      const fault = faultFrom(error, runtime, owner.image);
      if (!(fault instanceof ProgramFaultError)) throw fault;
      return fault;
    } finally {
      restoreRun(runtime, saved);
    }
  }

  /** Whether a timer, armed or not, has a callback in this program. */
  leadTo({ id }: ProgramImage): boolean {
    let timer = this.#word(GLOBALS + G_TIMER_FIRST);
    for (; timer !== 0; timer = this.#word(timer + TIMER_NEXT)) {
      const owner = callbackOwner(this.#runtime, this.#word(timer + TIMER_SLOT));
      if (owner?.image.id === id) return true;
    }
    return false;
  }

  #word(address: number): number {
    return this.#runtime.u32()[address >>> 2]!;
  }
}
