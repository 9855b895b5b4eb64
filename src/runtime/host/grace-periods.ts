import { C_WATCH_PROGRAM, GLOBALS } from '../layout.ts';
import {
  CHOICE_LABELS,
  CHOICE_NEVER,
  CHOICE_RANDOM,
  CHOICE_TAPE,
  G_MEM_CHOICE,
  G_MEM_EPOCH,
  G_MEM_FAIL_AT,
  G_MEM_FAIL_EVERY,
  G_MEM_FLAGS,
  G_MEM_LABELS,
  G_MEM_LIMIT,
  G_MEM_LOG,
  G_MEM_OLDEST_RCU,
  G_MEM_OLDEST_TRACE,
  G_MEM_PRESSURE,
  G_MEM_RANDOM,
  G_MEM_READER,
  G_MEM_READER_LIST,
  G_MEM_READERS,
  G_MEM_TAPE,
  G_MEM_TAPE_AT,
  G_MEM_TAPE_LENGTH,
  GP_RCU,
  GP_TRACE,
  LABEL_INSIDE,
  LABEL_SHIFT,
  LOG_ENTRIES,
  LOG_SIZE,
  MEM_F_DETECT,
  MEM_F_MODEL,
  MEM_F_POISON,
  MEM_F_REUSE_LATER,
  NOT_GP,
  READERS_LISTED,
} from '../mem-layout.ts';
import type { ChoicePoint } from '../../abi/memory.ts';
import type { PendingEvent } from '../events.ts';
import type { Runtime } from '../types.ts';
import { kernelError } from './errno.ts';
import { LAZY_DELAY, type MemoryModelOptions } from './memory-options.ts';

const NOBODY = 0xffffffff;
const KINDS: Readonly<Record<number, ChoicePoint['kind']>> = {
  [GP_RCU]: 'rcu',
  [GP_TRACE]: 'rcu tasks trace',
  [NOT_GP]: 'cpu',
};

/** Somebody who may look at what is freed meanwhile. */
interface Reader {
  readonly number: number;
  /** It holds up grace periods of tasks-trace only: a sleepable program. */
  readonly sleepable: boolean;
  /** It gets elements: no read section of another reader, and nobody in TypeScript. */
  readonly isProgram: boolean;
}

/** Numbers of the memory's options are such as fit a word. */
function checkCount(name: string, count: number | undefined): void {
  if (count === undefined || (Number.isInteger(count) && count >= 1 && count < NOBODY)) return;
  throw kernelError('EINVAL', `memory.${name} is a whole number from 1, not ${count}`);
}

/**
 * Who reads, and when grace periods end. Readers are invocations of programs (`begin`, `end`) and
 * what TypeScript holds on to (`hold`). A plain program holds up grace periods of RCU and of
 * tasks-trace, since the latter imply the former in 6.12; a sleepable one only the latter.
 * After each invocation and each command is a moment at which grace periods may end.
 */
export class GracePeriods {
  readonly #runtime: Runtime;
  readonly #options: MemoryModelOptions;
  readonly #readers: Reader[] = [];
  #begun = 0;
  /** Times that a grace period ended for somebody. */
  ended = 0;
  #later: PendingEvent | undefined;

  constructor(runtime: Runtime, options: MemoryModelOptions) {
    this.#runtime = runtime;
    this.#options = options;
    this.#configure();
    this.#oldest();
  }

  #word(offset: number): number {
    return (GLOBALS + offset) >>> 2;
  }

  #configure(): void {
    const { memory = {}, detectReuse = false, gracePeriods = 'eager' } = this.#options;
    for (const name of ['limit', 'failAt', 'failEvery'] as const) checkCount(name, memory[name]);
    const log = this.#runtime.allocate(LOG_ENTRIES * LOG_SIZE);
    const words = this.#runtime.u32();
    const later = memory.reuse === 'after-grace-period';
    const flags =
      MEM_F_MODEL | (memory.poison ? MEM_F_POISON : 0) | (later ? MEM_F_REUSE_LATER : 0);
    words[this.#word(G_MEM_FLAGS)] = flags | (detectReuse ? MEM_F_DETECT : 0);
    words[this.#word(G_MEM_LOG)] = log;
    words[this.#word(G_MEM_LIMIT)] = memory.limit ?? 0;
    words[this.#word(G_MEM_FAIL_AT)] = memory.failAt ?? 0;
    words[this.#word(G_MEM_FAIL_EVERY)] = memory.failEvery ?? 0;
    words[this.#word(G_MEM_CHOICE)] = CHOICE_NEVER;
    if (gracePeriods === 'adversarial') this.#chooseFrom(this.#runtime.options.seed ?? 0);
    else if (typeof gracePeriods === 'object') {
      if ('seed' in gracePeriods) this.#chooseFrom(gracePeriods.seed);
      else this.#choose(gracePeriods.choices);
    }
  }

  #chooseFrom(seed: number): void {
    this.#runtime
      .view()
      .setBigUint64(GLOBALS + G_MEM_RANDOM, BigInt.asUintN(64, BigInt(seed)), true);
    this.#runtime.u32()[this.#word(G_MEM_CHOICE)] = CHOICE_RANDOM;
  }

  #choose(choices: readonly boolean[]): void {
    const tape = this.#runtime.allocate(Math.max(1, choices.length));
    const labels = this.#runtime.allocate(CHOICE_LABELS * 4);
    this.#runtime.u8().set(choices.map(Number), tape);
    const words = this.#runtime.u32();
    words[this.#word(G_MEM_TAPE)] = tape;
    words[this.#word(G_MEM_LABELS)] = labels;
    words[this.#word(G_MEM_TAPE_LENGTH)] = choices.length;
    words[this.#word(G_MEM_CHOICE)] = CHOICE_TAPE;
  }

  /** Choices that were asked for so far, of a list; of each of the first 4096 what it was about. */
  get choices(): { readonly asked: number; readonly points: readonly ChoicePoint[] } {
    const words = this.#runtime.u32();
    const asked = words[this.#word(G_MEM_TAPE_AT)]!;
    const labels = words[this.#word(G_MEM_LABELS)]! >>> 2;
    const known = words.subarray(labels, labels + Math.min(asked, CHOICE_LABELS));
    const points = Array.from(
      known,
      (label): ChoicePoint => ({
        reader: label >>> LABEL_SHIFT,
        inside: (label & LABEL_INSIDE) !== 0,
        kind: KINDS[label & NOT_GP]!,
      }),
    );
    return { asked, points };
  }

  /** Somebody reads. */
  get busy(): boolean {
    return this.#readers.length > 0;
  }

  /** A reader begins. Returns what `end` wants. */
  begin(sleepable = false, isProgram = true): number {
    const number = ++this.#begun;
    this.#readers.push({ number, sleepable, isProgram });
    const words = this.#runtime.u32();
    words[this.#word(G_MEM_EPOCH)] = number;
    // Until a program says where it is, this is a command.
    words[(this.#runtime.cpuBlock + C_WATCH_PROGRAM) >>> 2] = 0;
    this.#oldest();
    return number;
  }

  /** The reader is gone, which is a moment for grace periods to end. */
  end(number: number): void {
    this.#readers.splice(
      this.#readers.findIndex((one) => one.number === number),
      1,
    );
    this.#oldest();
    this.moment();
  }

  /** Somebody outside of programs reads what is in maps until the result is disposed of. */
  hold(): Disposable {
    const number = this.begin(false, false);
    let held = true;
    return {
      [Symbol.dispose]: () => {
        if (held) this.end(number);
        held = false;
      },
    };
  }

  /** Tells the runtime which reader is the oldest of each kind. */
  #oldest(): void {
    let [rcu, trace] = [NOBODY, NOBODY];
    for (const { number, sleepable } of this.#readers) {
      trace = Math.min(trace, number);
      if (!sleepable) rcu = Math.min(rcu, number);
    }
    const words = this.#runtime.u32();
    words[this.#word(G_MEM_OLDEST_RCU)] = rcu;
    words[this.#word(G_MEM_OLDEST_TRACE)] = trace;
    const readers = this.#readers.map(({ number }) => number);
    words[this.#word(G_MEM_READER)] = this.#readers.findLast((one) => one.isProgram)?.number ?? 0;
    words[this.#word(G_MEM_READERS)] = readers.length;
    words.set(readers.slice(0, READERS_LISTED), this.#word(G_MEM_READER_LIST));
  }

  /**
   * A moment at which grace periods may end: by the policy, one does or not. `inside`: a program
   * sleeps meanwhile.
   */
  moment(inside = false): void {
    const { gracePeriods = 'eager' } = this.#options;
    if (gracePeriods === 'eager') this.endAll();
    else if (gracePeriods === 'lazy') this.#lazily();
    else this.#byChoice(inside ? LABEL_INSIDE : 0);
  }

  /** The policy is one of choices: it can also choose what other CPUs do. */
  get chooses(): boolean {
    return this.#runtime.u32()[this.#word(G_MEM_CHOICE)] !== CHOICE_NEVER;
  }

  /** Whether a program begins on another CPU, now that one is at a call (else: at its begin). */
  chooseCpu(inside: boolean): boolean {
    return this.#choice(NOT_GP, inside ? LABEL_INSIDE : 0);
  }

  #choice(kind: number, inside: number): boolean {
    const choose = this.#runtime.exports['mem_choose'] as (kind: number, inside: number) => number;
    return choose(kind, inside) !== 0;
  }

  /** Ends all that may end now, those begun by the end of others too. */
  endAll(): void {
    for (let due = this.#due(); due !== 0; due = this.#due()) this.#end(due);
  }

  #lazily(): void {
    const words = this.#runtime.u32();
    if (words[this.#word(G_MEM_PRESSURE)] !== 0) {
      words[this.#word(G_MEM_PRESSURE)] = 0;
      return this.endAll();
    }
    if (this.#later || this.#due() === 0) return;
    this.#later = this.#runtime.events.at(Number(this.#runtime.clock) + LAZY_DELAY, () => {
      this.#later = undefined;
      this.#end(this.#due());
      this.#lazily();
    });
  }

  #byChoice(inside: number): void {
    for (const kind of [GP_RCU, GP_TRACE]) {
      if ((this.#due() & kind) !== 0 && this.#choice(kind, inside)) this.#end(kind);
    }
  }

  #due(): number {
    return (this.#runtime.exports['mem_gp_due'] as () => number)();
  }

  #end(kinds: number): void {
    this.ended++;
    (this.#runtime.exports['mem_gp_end'] as (kinds: number) => void)(kinds);
  }
}
