import type { CallContract } from '../abi/index.ts';
import type { CpuWork } from '../kernel/index.ts';
import type { CallListener, Runtime } from '../runtime/index.ts';
import { C_CTX, C_PRANDOM, C_REDIRECT, C_STACK } from '../runtime/layout.ts';
import { refuse } from './errno.ts';
import type { MachineMemory } from './memory.ts';

/** Something under way on a CPU. */
interface Active {
  readonly cpu: number;
  /** The program sleeps: its CPU is free for others. */
  sleeps: boolean;
  /** Locks that it holds: who wants one waits, so nobody begins. */
  locks: number;
}

/** What has not begun yet. */
interface Waiting {
  readonly cpu: number;
  readonly begin: () => void;
}

/** What the machine around it gives. */
export interface CpuServices {
  readonly runtime: Runtime;
  readonly memory: MachineMemory | undefined;
  readonly cpus: number;
  readonly seed: number;
  /** Does something while a program is at a call, without touching what belongs to that run. */
  readonly aside: (work: () => void) => void;
}

/**
 * Programs of several CPUs at once. There is one thread: behind each call of a helper or kernel
 * function something that waits for another CPU may begin, which then runs to its own end, others
 * inside it again. By the policy of grace periods where that is one of choices (so that they are
 * explored together), else by a stream from the machine's seed.
 *
 * Where a sleepable program may sleep, grace periods may end as well, and its own CPU is free.
 */
export class OtherCpus implements CallListener {
  readonly #services: CpuServices;
  /** Programs are loaded so that others can run within them. */
  readonly #concurrent: boolean;
  readonly #active: Active[] = [];
  #waiting: Waiting[] = [];
  #random: number;

  constructor(services: CpuServices, concurrent: boolean) {
    this.#services = services;
    this.#concurrent = concurrent;
    this.#random = (services.seed ^ 0x9e3779b9) >>> 0 || 1;
  }

  wants(contract: CallContract): boolean {
    if (contract.throws || contract.replacesProgram) return false;
    return this.#concurrent || this.#endsGracePeriods(contract);
  }

  #endsGracePeriods({ maySleep, enters, leaves }: CallContract): boolean {
    if (!this.#services.memory) return false;
    return maySleep === true || enters === 'rcu' || leaves === 'rcu';
  }

  after(contract: CallContract, low: number, high: number): void {
    const { memory, runtime } = this.#services;
    if (contract.enters === 'rcu') memory?.enterRcu();
    if (contract.leaves === 'rcu') memory?.leaveRcu();
    const active = this.#active.at(-1);
    const waits = active !== undefined && this.#waiting.length > 0;
    if (active && contract.enters === 'spin_lock') active.locks++;
    if (active && contract.leaves === 'spin_lock') active.locks--;
    if (!waits && !contract.maySleep) return;
    // The element it got is its own before anybody else may free it.
    if (memory && high !== 0) {
      const pointer = (BigInt(high >>> 0) << 32n) | BigInt(low >>> 0);
      (runtime.exports['mem_obtained'] as (pointer: bigint) => void)(pointer);
    }
    if (active) active.sleeps = contract.maySleep === true;
    this.#meanwhile(contract.maySleep === true);
    if (active) active.sleeps = false;
  }

  /** What happens while the program is at a call. */
  #meanwhile(sleeps: boolean): void {
    const { memory } = this.#services;
    if (sleeps) this.#putAside(() => memory?.asleep());
    const before = this.#waiting;
    for (const one of before) {
      if (!this.#waiting.includes(one) || !this.#isFree(one.cpu)) continue;
      if (this.#choose(true)) this.#putAside(() => this.#begin(one));
    }
  }

  #isFree(cpu: number): boolean {
    return this.#active.every((one) => one.locks === 0 && (one.sleeps || one.cpu !== cpu));
  }

  #choose(inside: boolean): boolean {
    const gracePeriods = this.#services.memory?.gracePeriods;
    if (gracePeriods?.chooses) return gracePeriods.chooseCpu(inside);
    // xorshift32
    this.#random ^= this.#random << 13;
    this.#random ^= this.#random >>> 17;
    this.#random = (this.#random ^ (this.#random << 5)) >>> 0;
    return this.#random % 4 === 0;
  }

  /** The registers of this thread's CPU block are as they were when it comes back. */
  #putAside(work: () => void): void {
    const { runtime, aside } = this.#services;
    const block = runtime.cpuBlock;
    const saved = runtime.u8().slice(block + C_CTX, block + C_STACK);
    try {
      aside(work);
    } finally {
      // Random numbers go on.
      runtime.u8().set(saved.subarray(0, C_PRANDOM - C_CTX), block + C_CTX);
      runtime.u8().set(saved.subarray(C_REDIRECT - C_CTX), block + C_REDIRECT);
    }
  }

  #begin(one: Waiting): void {
    this.#waiting = this.#waiting.filter((other) => other !== one);
    const before = this.#active.at(-1)?.cpu ?? this.#services.runtime.cpu;
    this.#active.push({ cpu: one.cpu, sleeps: false, locks: 0 });
    this.#actAs(one.cpu);
    try {
      one.begin();
    } finally {
      this.#active.pop();
      this.#actAs(before);
    }
  }

  #actAs(cpu: number): void {
    (this.#services.runtime.exports['runtime_act_as'] as (cpu: number) => void)(cpu);
  }

  /**
   * Does all of it, each on its CPU (default: its place in the list), in an order of its own
   * choice. Returns what they returned. Throws KernelError: EINVAL, EOPNOTSUPP for a machine that
   * was not made for that; and the first error of one of them when all have ended.
   */
  run<Result>(works: readonly CpuWork<Result>[]): Result[] {
    if (!this.#concurrent) {
      refuse('EOPNOTSUPP', 'programs of this machine run alone: make it with { concurrent: true }');
    }
    if (this.#active.length > 0) refuse('EBUSY', 'programs of several CPUs run already');
    const results: Result[] = [];
    const errors: unknown[] = [];
    this.#waiting = works.map((work, i) => ({
      cpu: this.#cpuOf(work, i),
      begin: () => {
        try {
          results[i] = (typeof work === 'function' ? work : work.run)();
        } catch (error) {
          errors.push(error);
        }
      },
    }));
    while (this.#waiting.length > 0) this.#begin(this.#next());
    if (errors.length > 0) throw errors[0];
    return results;
  }

  #cpuOf<Result>(work: CpuWork<Result>, i: number): number {
    const { cpus } = this.#services;
    const cpu = typeof work === 'function' ? i % cpus : work.cpu;
    if (Number.isInteger(cpu) && cpu >= 0 && cpu < cpus) return cpu;
    return refuse('EINVAL', `CPU ${cpu} of a machine of ${cpus}`);
  }

  /** Each but the last may be passed over: by a choice, so that none means the order given. */
  #next(): Waiting {
    const { length } = this.#waiting;
    const skipped = this.#waiting.findIndex((_, i) => i === length - 1 || !this.#choose(false));
    return this.#waiting[skipped]!;
  }
}
