import { readFileSync } from 'node:fs';
import { errnos } from '../../src/abi/index.ts';
import type { AnyObject, LoadedObject } from '../../src/client/index.ts';
import { createMachine } from '../../src/index.ts';
import type { KernelTask } from '../../src/kernel/index.ts';
import { parseObject } from '../../src/object/index.ts';
import { randomFrom } from '../runtime/soak.ts';

/** What a soak of programs did. */
export interface ProgramSoakResult {
  readonly runs: number;
  /** Allocations that failed, as they were meant to. */
  readonly failures: number;
  readonly timers: number;
}

type Random = ReturnType<typeof randomFrom>;
type Host = Awaited<ReturnType<typeof createMachine>>;
type Loaded = LoadedObject<AnyObject>;

const object = parseObject(readFileSync(new URL('programs/soak.bpf.o', import.meta.url)));
const negative = (name: string): number => -errnos[name]!;
const [ENOENT, ENOMEM, E2BIG] = ['ENOENT', 'ENOMEM', 'E2BIG'].map(negative) as [
  number,
  number,
  number,
];
const NO_ROOM = new Set([ENOMEM, E2BIG]);
/** Of struct __sk_buff. */
const CONTEXT_SIZE = 192;
const CB = 48;
const COMMAND = 0x50a4;
const KEYS = 24;
const RACKS = 4;
const MOST_TASKS = 6;
type Outer = 'slot' | 'table';
const OUTERS: Readonly<Record<Outer, string>> = { slot: 'slots', table: 'table' };
const OUTER_SLOTS = 4;
const RUNS = 4000;
/** Nanoseconds that timers are started for, and that pass at a time. */
const LONGEST = 1_000_000;

function check(truth: boolean, text: string): asserts truth {
  if (!truth) throw new Error(text);
}

/** One machine with the programs of soak.bpf.c, and what must be in their maps. */
class Life {
  readonly #host: Host;
  readonly #loaded: Loaded;
  readonly #random: Random;
  readonly #context = new DataView(new ArrayBuffer(CONTEXT_SIZE));
  readonly #packet = new Uint8Array(64);
  #now = 0;
  runs = 0;
  /** Key → when its timer is due; Infinity: none is started. */
  readonly #timed = new Map<number, number>();
  #fired = 0n;
  /** Key → number of the object its value holds. */
  readonly #shelves = new Map<number, number | undefined>();
  readonly #racks: number[][] = Array.from({ length: RACKS }, () => []);
  readonly #ring: number[] = [];
  readonly #sent: number[] = [];
  #takenSum = 0n;
  /** Slot → what is in the map there. */
  readonly #inner: Record<Outer, Map<number, Map<number, number>>> = {
    slot: new Map(),
    table: new Map(),
  };
  readonly #tasks: { task: KernelTask; kept: (bigint | undefined)[] }[] = [];

  constructor(host: Host, loaded: Loaded, random: Random) {
    this.#host = host;
    this.#loaded = loaded;
    this.#random = random;
    this.#context.setUint32(CB + 16, COMMAND, true);
    loaded.programs['on_call']!.attach();
  }

  #run(name: string, key: number, value = 0): number {
    this.runs++;
    this.#context.setUint32(CB, key, true);
    this.#context.setUint32(CB + 4, value, true);
    const context = new Uint8Array(this.#context.buffer);
    return this.#loaded.programs[name]!.run({ data: this.#packet, context }).returnValue;
  }

  readonly #steps: readonly (() => void)[] = [
    () => this.#arm(),
    () => this.#disarm('disarm'),
    () => this.#disarm('forget_armed'),
    () => this.#passTime(),
    () => this.#stash(),
    () => this.#unstash(),
    () => this.#forgetShelf(),
    () => this.#push(),
    () => this.#pop(),
    () => this.#emit(),
    () => this.#readRing(),
    () => this.#send(),
    () => this.#drain(),
    () => this.#makeTask(),
    () => this.#call(),
    () => this.#call(),
    () => this.#endTask(),
    () => this.#replaceInner('slot'),
    () => this.#replaceInner('table'),
    () => this.#putNested(),
    () => this.#getNested(),
    () => this.#getNested(),
  ];

  step(): void {
    this.#steps[this.#random(this.#steps.length)]!();
  }

  #arm(): void {
    const key = this.#random(KEYS);
    const delay = 1 + this.#random(LONGEST);
    const answer = this.#run('arm', key, delay);
    if (answer === 0) this.#timed.set(key, this.#now + delay);
    // Its element may be there without a timer, if there was memory for one only.
    else if (answer === negative('EINVAL')) this.#timed.set(key, Infinity);
    else check(NO_ROOM.has(answer) && !this.#timed.has(key), `arm answered ${answer}`);
  }

  #disarm(how: string): void {
    const key = this.#random(KEYS);
    const there = this.#timed.delete(key);
    const answer = this.#run(how, key);
    check(
      answer === (there ? 0 : ENOENT),
      `${how} of a ${there ? 'key' : 'missing key'}: ${answer}`,
    );
  }

  #passTime(): void {
    const passed = this.#random(LONGEST);
    this.#now += passed;
    this.#host.advance(passed);
    for (const [key, due] of this.#timed) {
      if (due > this.#now) continue;
      this.#timed.delete(key);
      this.#fired++;
    }
    this.#checkTimed();
  }

  #checkTimed(): void {
    const { globals, maps } = this.#loaded;
    check(globals.get('misfired') === 0n, 'a timer of another element fired');
    const fired = globals.get('fired');
    check(fired === this.#fired, `${fired} timers fired, not ${this.#fired}`);
    const keys = [...maps['timed']!.rawKeys()].map((key) =>
      new DataView(key.buffer).getUint32(0, true),
    );
    const expected = [...this.#timed.keys()].toSorted((a, b) => a - b);
    check(`${keys.toSorted((a, b) => a - b)}` === `${expected}`, `timed: ${keys}, not ${expected}`);
  }

  #stash(): void {
    const [key, number] = [this.#random(KEYS), 1 + this.#random(1 << 30)];
    const answer = this.#run('stash', key, number);
    if (answer === 0) this.#shelves.set(key, number);
    else this.#stashFailed(key, answer);
  }

  /** The element may have been made before the object failed. */
  #stashFailed(key: number, answer: number): void {
    check(NO_ROOM.has(answer), `stash answered ${answer}`);
    const bytes = new Uint8Array(Uint32Array.of(key).buffer);
    const { kernelMap } = this.#loaded.maps['shelves']!;
    const there = kernelMap.lookup(bytes, new Uint8Array(kernelMap.userValueSize)) === 0;
    check(there || !this.#shelves.has(key), 'a shelf is lost');
    if (there && !this.#shelves.has(key)) this.#shelves.set(key, undefined);
  }

  #unstash(): void {
    const key = this.#random(KEYS);
    const expected = this.#shelves.get(key) ?? ENOENT;
    const answer = this.#run('unstash', key);
    check(answer === expected, `unstash answered ${answer}, not ${expected}`);
    if (this.#shelves.has(key)) this.#shelves.set(key, undefined);
  }

  #forgetShelf(): void {
    const key = this.#random(KEYS);
    const expected = this.#shelves.delete(key) ? 0 : ENOENT;
    const answer = this.#run('forget_shelf', key);
    check(answer === expected, `forget_shelf answered ${answer}, not ${expected}`);
  }

  #push(): void {
    const [rack, number] = [this.#random(RACKS), 1 + this.#random(1 << 30)];
    const answer = this.#run('rack_push', rack, number);
    if (answer === 0) this.#racks[rack]!.push(number);
    else check(answer === ENOMEM, `rack_push answered ${answer}`);
  }

  #pop(): void {
    const rack = this.#random(RACKS);
    const expected = this.#racks[rack]!.shift() ?? ENOENT;
    const answer = this.#run('rack_pop', rack);
    check(answer === expected, `rack_pop answered ${answer}, not ${expected}`);
  }

  #emit(): void {
    const number = this.#random(1 << 30);
    if (this.#run('emit', this.#random(96), number) === 1) this.#ring.push(number);
  }

  #readRing(): void {
    const records = this.#loaded.maps['ring']!.kernelMap.drain();
    const numbers = records.map(({ data }) =>
      new DataView(data.buffer, data.byteOffset).getUint32(4, true),
    );
    check(`${numbers}` === `${this.#ring}`, `the ring held ${numbers}, not ${this.#ring}`);
    this.#ring.length = 0;
  }

  #send(): void {
    const record = this.#loaded.maps['user_ring']!.kernelMap.reserve(8 + 8 * this.#random(30));
    if (typeof record === 'number')
      return check(record === negative('ENOSPC'), `reserve: ${record}`);
    const number = this.#random(1 << 30);
    new DataView(record.bytes().buffer, record.bytes().byteOffset).setUint32(0, number, true);
    if (number % 4 === 0) return record.discard();
    record.submit();
    this.#sent.push(number);
  }

  #drain(): void {
    const answer = this.#run('drain', 0);
    check(answer === this.#sent.length, `${answer} samples, not ${this.#sent.length}`);
    for (const number of this.#sent) {
      this.#takenSum = BigInt.asUintN(64, this.#takenSum * 31n + BigInt(number));
    }
    this.#sent.length = 0;
    check(this.#loaded.globals.get('taken_sum') === this.#takenSum, 'samples are wrong');
  }

  #makeTask(): void {
    if (this.#tasks.length >= MOST_TASKS) return;
    const task = this.#host.task({ pid: 100 + this.runs, cgroup: 'new' });
    this.#tasks.push({ task, kept: [undefined, undefined] });
  }

  /** A system call, at which the program reads, writes or deletes what its task and cgroup own. */
  #call(): void {
    const one = this.#tasks[this.#random(this.#tasks.length)];
    if (!one) return;
    const { globals } = this.#loaded;
    const [what, value] = [this.#random(3), BigInt(1 + this.#random(1 << 30))];
    globals.set('storage_what', BigInt(what));
    globals.set('storage_value', value);
    this.#host.syscall('getpid', { task: one.task });
    this.runs++;
    ['task_answer', 'cgroup_answer'].forEach((name, i) => {
      const answer = globals.get(name) as bigint;
      one.kept[i] = stored(name, what, value, one.kept[i], answer);
    });
  }

  #endTask(): void {
    if (this.#random(4) > 0 || this.#tasks.length === 0) return;
    const [one] = this.#tasks.splice(this.#random(this.#tasks.length), 1);
    const { cgroup } = one!.task;
    one!.task.free();
    cgroup.free();
  }

  /** Another map, or none; nobody else has the one that was there. */
  #replaceInner(outer: Outer): void {
    if (this.#random(8) > 0) return;
    const { maps } = this.#loaded;
    const map = maps[OUTERS[outer]]!.kernelMap;
    const slot = this.#random(OUTER_SLOTS);
    const key = new Uint8Array(Uint32Array.of(slot).buffer);
    const known = this.#inner[outer];
    if (this.#random(3) === 0) {
      const answer = map.delete(key);
      const there = known.delete(slot);
      return check(answer === (there ? 0 : ENOENT), `${outer}: a deletion answered ${answer}`);
    }
    const inner = this.#host.kernel.createMap(maps['pattern']!.kernelMap.spec);
    const answer = map.setObject(key, inner);
    inner.close();
    check(answer === 0 || NO_ROOM.has(answer), `${outer} took no map: ${answer}`);
    if (answer === 0) known.set(slot, new Map());
  }

  #nestedKey(): [outer: Outer, slot: number, inside: number, key: number] {
    const [slot, inside] = [this.#random(OUTER_SLOTS), this.#random(12)];
    return [this.#random(2) === 0 ? 'slot' : 'table', slot, inside, slot | (inside << 8)];
  }

  #putNested(): void {
    const [outer, slot, inside, key] = this.#nestedKey();
    const value = this.#random(3) === 0 ? 0 : 2 + this.#random(1 << 30);
    const inner = this.#inner[outer].get(slot);
    const answer = this.#run(`${outer}_put`, key, value);
    if (!inner) return check(answer === 1, `${outer}: there is a map that was taken out`);
    if (value === 0) {
      const expected = inner.delete(inside) ? 0 : ENOENT;
      return check(answer === expected, `${outer}: a deletion inside answered ${answer}`);
    }
    check(answer === 0 || NO_ROOM.has(answer), `${outer}: an update inside answered ${answer}`);
    if (answer === 0) inner.set(inside, value);
  }

  #getNested(): void {
    const [outer, slot, inside, key] = this.#nestedKey();
    const inner = this.#inner[outer].get(slot);
    const expected = inner ? (inner.get(inside) ?? ENOENT) : 1;
    const answer = this.#run(`${outer}_get`, key);
    check(answer === expected, `${outer}: ${answer} inside, not ${expected}`);
  }

  /** What is left is what must be there; then everything goes. */
  finish(): void {
    this.#passTime();
    this.#readRing();
    this.#drain();
    while (this.#tasks.length > 0) this.#endTask();
    const held = [...this.#shelves.values()].filter((number) => number !== undefined).length;
    const items = this.#racks.reduce((sum, rack) => sum + rack.length, 0);
    const live = this.#host.kernel.liveObjects!().reduce((sum, { count }) => sum + count, 0);
    check(live === held + items, `${live} objects are alive, not ${held + items}`);
  }
}

/** What a task's or cgroup's value is after a call; throws for an answer that is wrong. */
function stored(
  name: string,
  what: number,
  value: bigint,
  kept: bigint | undefined,
  answer: bigint,
): bigint | undefined {
  const missing = BigInt(ENOENT);
  if (what === 1) {
    // Without memory for a new one there is none.
    check(
      answer === value || (answer === missing && kept === undefined),
      `${name} made: ${answer}`,
    );
    return answer === value ? value : kept;
  }
  const expected = what === 2 ? (kept === undefined ? missing : 0n) : (kept ?? missing);
  check(answer === expected, `${name} of ${what}: ${answer}, not ${expected}`);
  return what === 2 ? undefined : kept;
}

/**
 * Random runs of programs that use timers, objects in values, rings and storage of tasks and
 * cgroups, on both engines by turns, under adversarial grace periods and too little memory, against
 * models. Throws at the first answer that is wrong, element that is lost or object that leaks.
 */
export async function soakPrograms(seed: number): Promise<ProgramSoakResult> {
  const random = randomFrom(seed);
  const engine = seed % 2 === 0 ? 'wasm' : 'interpreter';
  const memory = { limit: 3000, failEvery: 19, poison: true };
  const host = await createMachine({ engine, seed, gracePeriods: { seed }, memory });
  const loaded = await host.load(object);
  const life = new Life(host, loaded, random);
  for (let i = 0; i < RUNS; i++) life.step();
  life.finish();
  const timers = Number(loaded.globals.get('fired'));
  const failures = host.memory!.failures.length;
  loaded[Symbol.dispose]();
  host.advance(LONGEST * RUNS);
  const left = host.kernel.liveObjects!().filter(({ count }) => count > 0);
  check(left.length === 0, `objects leak: ${left.map(({ type, count }) => `${count} ${type}`)}`);
  const pools = host.memory!.report().pools.filter(({ live }) => live > 0);
  check(pools.length === 0, `memory leaks: ${pools.map(({ name, live }) => `${live} ${name}`)}`);
  host[Symbol.dispose]();
  return { runs: life.runs, failures, timers };
}
