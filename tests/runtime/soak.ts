import { errnos, mapTypes } from '../../src/abi/index.ts';
import {
  createRuntime,
  MemoryReader,
  type Runtime,
  type RuntimeMap,
} from '../../src/runtime/index.ts';
import {
  G_HEAP_NEXT,
  GLOBALS,
  M_VALUE_TAG,
  M_VALUES,
  OBJECT_TABLE_FIRST,
  OBJECTS_LIVE,
  REGION_MAP_HANDLE,
  TAG_BASE,
} from '../../src/runtime/layout.ts';
import { definition, NO_PREALLOC, u32 } from './map-harness.ts';

/** What a soak did. */
export interface SoakResult {
  readonly cycles: number;
  readonly operations: number;
  /** Allocations that failed, as they were meant to, and grace periods that ended. */
  readonly failures: number;
  readonly gracePeriods: number;
}

type Random = (limit: number) => number;
type Helper = (...args: (bigint | number)[]) => bigint;

const ENOMEM = -errnos['ENOMEM']!;
const E2BIG = -errnos['E2BIG']!;
const ENOSPC = -errnos['ENOSPC']!;
const ENOENT = -errnos['ENOENT']!;
/** What an update may answer without having done anything. */
const NO_ROOM = new Set([ENOMEM, E2BIG, ENOSPC]);
const KEYS = 48;
const CPUS = 2;
const ROUNDS = 60;

/** Numbers below `limit`, the same ones every time. */
export function randomFrom(seed: number): Random {
  let state = seed >>> 0;
  return (limit) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * limit);
  };
}

function check(truth: boolean, text: string): asserts truth {
  if (!truth) throw new Error(text);
}

/** A machine of two CPUs, one thread, whose grace periods and memory do their worst. */
class Soaked {
  readonly cpus: readonly Runtime[];
  readonly random: Random;
  operations = 0;
  readonly #scratch: number;

  constructor(seed: number) {
    this.random = randomFrom(seed);
    const memory = { limit: 40_000, failEvery: 23, poison: true };
    const gracePeriods = { seed };
    const options = { cpus: CPUS, seed, shared: true, memoryModel: { gracePeriods, memory } };
    const first = createRuntime(options);
    const second = createRuntime({ cpus: CPUS, join: { memory: first.memory, cpu: 1 } });
    this.cpus = [first, second];
    this.#scratch = first.allocate(1024);
  }

  get runtime(): Runtime {
    return this.cpus[0]!;
  }

  /** Some operations as one invocation of a program on a CPU, nested in another one at times. */
  invocation(work: (cpu: Runtime) => unknown): void {
    const { gracePeriods } = this.runtime;
    const reader = gracePeriods!.begin();
    work(this.cpus[this.random(CPUS)]!);
    if (this.random(4) === 0) this.invocation(work);
    gracePeriods!.end(reader);
  }

  /** A helper with a map, a key and a value, as programs call it. */
  call(cpu: Runtime, name: string, map: RuntimeMap, ...parts: (Uint8Array | number)[]): bigint {
    this.operations++;
    let at = this.#scratch;
    const args = parts.map((part) => {
      if (typeof part === 'number') return BigInt(part);
      cpu.u8().set(part, at);
      at += SCRATCH;
      return BigInt(at - SCRATCH);
    });
    return BigInt.asIntN(64, (cpu.exports[name] as Helper)(BigInt(map.address), ...args));
  }

  /** What the last helper wrote into its first part. */
  lastValue(cpu: Runtime, size: number): Uint8Array {
    return cpu.u8().slice(this.#scratch, this.#scratch + size);
  }
}

/** Bytes of memory for each part that a helper is given. */
const SCRATCH = 64;
const PAGE = 4096;
let made = 0;

/** One kind of map with what must be in it. */
abstract class Subject {
  readonly soaked: Soaked;
  readonly map: RuntimeMap;
  readonly type: string;
  readonly known = new Map<string, Uint8Array>();

  constructor(soaked: Soaked, type: string, changes: Parameters<typeof definition>[1]) {
    this.soaked = soaked;
    this.type = type;
    this.map = soaked.runtime.createMap({
      ...definition(type, changes),
      name: `${type} ${made++}`,
    });
  }

  abstract step(): void;

  value(): Uint8Array {
    const { random } = this.soaked;
    return Uint8Array.from({ length: this.map.definition.valueSize }, () => random(256));
  }

  expectAnswer(answer: number, allowed: boolean, what: string): void {
    check(allowed, `${this.type}: ${what} answered ${answer}`);
  }

  /** Elements that the allocator thinks are in use must be those that are there. */
  checkLive(expected: number): void {
    const { name } = this.map.definition;
    for (const pool of new MemoryReader(this.soaked.runtime).report().pools) {
      if (pool.name !== name) continue;
      check(pool.live === expected, `${name}: ${pool.live} in use, not ${expected}`);
    }
  }

  finish(): void {
    this.map.free();
  }
}

const same = (a: Uint8Array, b: Uint8Array) => Buffer.compare(a, b) === 0;

/** Types with keys: what was put in and not taken out is there, with its last value. */
class Keyed extends Subject {
  /** It may forget keys: only values count. */
  readonly forgets: boolean;

  constructor(soaked: Soaked, type: string, changes: Parameters<typeof definition>[1] = {}) {
    super(soaked, type, { maxEntries: 32, valueSize: 16, ...changes });
    this.forgets = type.startsWith('lru');
  }

  key(): Uint8Array {
    const number = this.soaked.random(KEYS);
    if (this.type !== 'lpm_trie') return u32(number);
    const key = new Uint8Array(8);
    new DataView(key.buffer).setUint32(0, 8 + (number % 25), true);
    new DataView(key.buffer).setUint32(4, (number * 0x05000193) >>> 0);
    return key;
  }

  step(): void {
    const { random } = this.soaked;
    if (random(2) === 0) this.command();
    else this.soaked.invocation((cpu) => this.program(cpu));
  }

  /** All CPUs' values are the same, so that it does not matter which CPU writes. */
  userValue(value: Uint8Array): Uint8Array {
    const copies = this.map.userValueSize / value.length;
    return Uint8Array.from(
      { length: this.map.userValueSize },
      (_, i) => value[i % value.length]!,
    ).slice(0, copies * value.length);
  }

  command(): void {
    const key = this.key();
    const { runtime } = this.soaked;
    this.soaked.operations++;
    if (this.soaked.random(3) > 0) {
      const value = this.value();
      this.put(key, value, this.map.update(key, this.userValue(value)));
    } else this.took(key, this.map.delete(key));
    runtime.gracePeriods!.moment();
    this.look(key);
  }

  program(cpu: Runtime): void {
    const key = this.key();
    const perCpu = this.map.userValueSize !== this.map.definition.valueSize;
    const draw = this.soaked.random(4);
    if (draw === 0) this.look(this.key());
    else if (draw === 1)
      this.took(key, Number(this.soaked.call(cpu, 'bpf_map_delete_elem', this.map, key)));
    else if (!perCpu) {
      const value = this.value();
      const answer = this.soaked.call(cpu, 'bpf_map_update_elem', this.map, key, value, 0);
      this.put(key, value, Number(answer));
    }
  }

  put(key: Uint8Array, value: Uint8Array, answer: number): void {
    this.expectAnswer(answer, answer === 0 || NO_ROOM.has(answer), 'an update');
    if (answer === 0) this.known.set(Buffer.from(key).toString('hex'), value);
  }

  took(key: Uint8Array, answer: number): void {
    const text = Buffer.from(key).toString('hex');
    const there = this.known.has(text);
    const right = answer === (there ? 0 : ENOENT);
    this.expectAnswer(answer, right || (this.forgets && answer === ENOENT), 'a deletion');
    this.known.delete(text);
  }

  look(key: Uint8Array): void {
    const out = new Uint8Array(this.map.userValueSize);
    const answer = this.map.lookup(key, out);
    if (this.type === 'lpm_trie') return this.lookPrefix(key, answer, out);
    const value = this.known.get(Buffer.from(key).toString('hex'));
    if (answer === 0)
      check(value !== undefined && same(out, this.userValue(value)), `${this.type}: a wrong value`);
    else check(value === undefined || this.forgets, `${this.type}: an element is lost`);
  }

  lookPrefix(key: Uint8Array, answer: number, out: Uint8Array): void {
    const number = (bytes: Uint8Array, at: number) =>
      new DataView(bytes.buffer, bytes.byteOffset).getUint32(at, at === 0);
    const [bits, address] = [number(key, 0), number(key, 4)];
    let best = -1;
    let expected: Uint8Array | undefined;
    for (const [text, value] of this.known) {
      const prefix = Uint8Array.from(Buffer.from(text, 'hex'));
      const length = number(prefix, 0);
      const shared = length === 0 ? 0 : (number(prefix, 4) ^ address) >>> (32 - length);
      if (length <= bits && shared === 0 && length > best) [best, expected] = [length, value];
    }
    check(
      (answer === 0) === (expected !== undefined),
      `lpm_trie: a prefix is ${answer === 0 ? 'made up' : 'lost'}`,
    );
    if (expected) check(same(out, expected), 'lpm_trie: a wrong value');
  }

  override finish(): void {
    for (const text of this.known.keys()) this.look(Uint8Array.from(Buffer.from(text, 'hex')));
    // A trie has nodes in between.
    if (this.type !== 'lpm_trie') this.checkLive(this.known.size);
    super.finish();
  }
}

/** Queues and stacks, by commands and by programs. */
class Ends extends Subject {
  readonly items: Uint8Array[] = [];

  step(): void {
    const { runtime, random } = this.soaked;
    this.soaked.operations++;
    if (random(2) === 0) this.command();
    else this.soaked.invocation((cpu) => this.program(cpu));
    runtime.gracePeriods!.moment();
  }

  command(): void {
    const value = this.value();
    if (this.soaked.random(2) === 0) {
      this.pushed(value, this.map.update(new Uint8Array(0), value));
    } else {
      const out = new Uint8Array(value.length);
      this.took(out, this.map.lookupAndDelete(new Uint8Array(0), out));
    }
  }

  program(cpu: Runtime): void {
    const value = this.value();
    const { soaked, map } = this;
    const draw = soaked.random(3);
    if (draw === 0)
      this.pushed(value, Number(soaked.call(cpu, 'bpf_map_push_elem', map, value, 0)));
    else if (draw === 1) {
      const answer = Number(soaked.call(cpu, 'bpf_map_pop_elem', map, value));
      this.took(soaked.lastValue(cpu, value.length), answer);
    } else {
      const answer = Number(soaked.call(cpu, 'bpf_map_peek_elem', map, value));
      this.took(soaked.lastValue(cpu, value.length), answer, false);
    }
  }

  pushed(value: Uint8Array, answer: number): void {
    if (answer === 0) this.items.push(value);
    else check(this.items.length === this.map.definition.maxEntries, `${this.type}: not full`);
  }

  took(out: Uint8Array, answer: number, gone = true): void {
    const expected = this.items.at(this.type === 'queue' ? 0 : -1);
    check((answer === 0) === (expected !== undefined), `${this.type}: an item is lost`);
    if (expected) check(same(out, expected), `${this.type}: a wrong item`);
    if (!gone) return;
    if (this.type === 'queue') this.items.shift();
    else this.items.pop();
  }
}

/** Pages of an arena, each with a mark of its own. */
class Arena extends Subject {
  readonly pages = new Map<number, number>();

  step(): void {
    const page = this.soaked.random(this.map.definition.maxEntries);
    if (this.soaked.random(2) === 0) this.soaked.invocation((cpu) => this.alloc(cpu));
    else this.soaked.invocation((cpu) => this.free(cpu, page));
    this.look();
  }

  #call(cpu: Runtime, name: string, ...args: bigint[]): bigint {
    this.soaked.operations++;
    const handle = (BigInt((TAG_BASE + REGION_MAP_HANDLE) >>> 0) << 32n) | BigInt(this.map.address);
    return (cpu.exports[name] as Helper)(handle, ...args);
  }

  get #start(): bigint {
    const word = (at: number) => this.soaked.runtime.u32()[(this.map.address + at) >>> 2]!;
    return (BigInt(word(M_VALUE_TAG)) << 32n) | BigInt(word(M_VALUES));
  }

  alloc(cpu: Runtime): void {
    const count = 1 + this.soaked.random(3);
    const answer = this.#call(cpu, 'bpf_arena_alloc_pages', 0n, BigInt(count), -1n, 0n);
    if (answer === 0n) return check(!this.#fits(count), 'arena: pages are lost');
    const first = Number(BigInt.asUintN(64, answer) - this.#start) / PAGE;
    for (let page = first; page < first + count; page++) {
      check(!this.pages.has(page), `arena: page ${page} was given twice`);
      const bytes = this.#bytes(page);
      check(bytes[0] === 0 && bytes[PAGE - 1] === 0, 'arena: a page is not zeros');
      const mark = 1 + this.soaked.random(255);
      bytes[0] = bytes[PAGE - 1] = mark;
      this.pages.set(page, mark);
    }
  }

  #fits(count: number): boolean {
    let free = 0;
    for (let page = 0; page < this.map.definition.maxEntries; page++) {
      free = this.pages.has(page) ? 0 : free + 1;
      if (free === count) return true;
    }
    return false;
  }

  #bytes(page: number): Uint8Array {
    const at = Number(BigInt.asUintN(32, this.#start)) + page * PAGE;
    return this.soaked.runtime.u8().subarray(at, at + PAGE);
  }

  free(cpu: Runtime, page: number): void {
    this.#call(cpu, 'bpf_arena_free_pages', this.#start + BigInt(page * PAGE), 1n);
    this.pages.delete(page);
  }

  look(): void {
    for (const [page, mark] of this.pages) {
      const bytes = this.#bytes(page);
      check(bytes[0] === mark && bytes[PAGE - 1] === mark, `arena: page ${page} was overwritten`);
    }
  }
}

/** Types whose slots are always there. */
class Slots extends Subject {
  step(): void {
    const index = this.soaked.random(this.map.definition.maxEntries);
    const value = Uint8Array.from({ length: this.map.userValueSize }, () =>
      this.soaked.random(256),
    );
    this.soaked.operations++;
    check(this.map.update(u32(index), value) === 0, `${this.type}: an update failed`);
    const out = new Uint8Array(value.length);
    check(
      this.map.lookup(u32(index), out) === 0 && same(out, value),
      `${this.type}: a wrong value`,
    );
  }
}

/** By commands and by programs. */
class Bloom extends Subject {
  readonly added: Uint8Array[] = [];

  step(): void {
    const value = this.value();
    const { soaked, map } = this;
    const none = new Uint8Array(0);
    soaked.operations++;
    if (soaked.random(2) === 0) {
      if (map.update(none, value) === 0) this.added.push(value);
    } else {
      const push = (cpu: Runtime) => soaked.call(cpu, 'bpf_map_push_elem', map, value, 0);
      soaked.invocation((cpu) => push(cpu) === 0n && this.added.push(value));
    }
    const old = this.added[soaked.random(this.added.length)]!;
    check(map.lookup(none, old.slice()) === 0, 'bloom_filter: an item is lost');
    soaked.invocation((cpu) =>
      check(soaked.call(cpu, 'bpf_map_peek_elem', map, old) === 0n, 'bloom_filter: it is lost'),
    );
  }
}

/** Local storage with owners that die. */
class Storage extends Subject {
  #owners: { owner: ReturnType<Runtime['createOwner']>; value: Uint8Array | undefined }[] = [];

  step(): void {
    const { runtime, random } = this.soaked;
    this.soaked.operations++;
    const draw = random(6);
    if (draw === 0 || this.#owners.length === 0) {
      const kind = mapTypes.find(({ name }) => name === this.type)!.keyIs!;
      this.#owners.push({ owner: runtime.createOwner(kind), value: undefined });
      return;
    }
    const at = random(this.#owners.length);
    const one = this.#owners[at]!;
    const key = u32(one.owner.number);
    if (draw === 1) {
      one.owner.free();
      this.#owners.splice(at, 1);
    } else if (draw === 2) {
      check(this.map.delete(key) === (one.value ? 0 : ENOENT), `${this.type}: a wrong deletion`);
      one.value = undefined;
    } else {
      const value = this.value();
      const answer = this.map.update(key, value);
      this.expectAnswer(answer, answer === 0 || answer === ENOMEM, 'an update');
      if (answer === 0) one.value = value;
    }
    runtime.gracePeriods!.moment();
    const out = new Uint8Array(16);
    if (one.owner.alive && one.value) {
      check(this.map.lookup(key, out) === 0 && same(out, one.value), `${this.type}: a wrong value`);
    }
  }

  override finish(): void {
    this.checkLive(this.#owners.filter(({ value }) => value !== undefined).length);
    for (const { owner } of this.#owners) owner.free();
    this.checkLive(0);
    super.finish();
  }
}

/** Objects of a program, each filled with a number of its own. */
class Objects {
  readonly #soaked: Soaked;
  readonly type: number;
  readonly #table: number;
  readonly #size: number;
  #alive: { pointer: bigint; mark: number }[] = [];

  constructor(soaked: Soaked, size: number, copies: number) {
    this.#soaked = soaked;
    this.#size = size;
    const { runtime } = soaked;
    const make = runtime.exports['objects_type'] as (...words: number[]) => number;
    this.type = make(size, copies, 0) >>> 0;
    this.#table = runtime.allocate(OBJECT_TABLE_FIRST + 8);
    runtime.u32()[this.#table >>> 2] = 1;
    runtime.u32()[(this.#table + OBJECT_TABLE_FIRST) >>> 2] = this.type;
  }

  step(): void {
    this.#soaked.invocation((cpu) => {
      this.#soaked.operations++;
      if (this.#soaked.random(2) === 0) this.#take(cpu);
      else this.#drop(cpu);
    });
  }

  #bytes(pointer: bigint): Uint8Array {
    const at = Number(BigInt.asUintN(32, pointer));
    return this.#soaked.runtime.u8().subarray(at, at + this.#size);
  }

  #take(cpu: Runtime): void {
    const pointer = (cpu.exports['bpf_obj_new_impl'] as Helper)(0n, BigInt(this.#table));
    if (pointer === 0n || this.#alive.length > 100) return this.#release(cpu, pointer);
    check(
      this.#bytes(pointer).every((byte) => byte === 0),
      'a new object is not zeros',
    );
    const mark = 1 + this.#soaked.random(255);
    this.#bytes(pointer).fill(mark);
    this.#alive.push({ pointer, mark });
  }

  #release(cpu: Runtime, pointer: bigint): void {
    if (pointer !== 0n) (cpu.exports['bpf_obj_drop_impl'] as Helper)(pointer, 0n);
  }

  #drop(cpu: Runtime): void {
    if (this.#alive.length === 0) return;
    const at = this.#soaked.random(this.#alive.length);
    const [{ pointer, mark }] = this.#alive.splice(at, 1) as [{ pointer: bigint; mark: number }];
    check(
      this.#bytes(pointer).every((byte) => byte === mark),
      'two objects share their memory',
    );
    this.#release(cpu, pointer);
  }

  finish(): void {
    while (this.#alive.length > 0) this.#drop(this.#soaked.runtime);
    const live = this.#soaked.runtime.u32()[(this.type + OBJECTS_LIVE) >>> 2];
    check(live === 0, 'an object was not dropped');
    this.#soaked.runtime.release(this.#table);
  }
}

function subjects(soaked: Soaked): (Subject | { step(): void; finish(): void })[] {
  const spare = { flags: NO_PREALLOC };
  return [
    new Keyed(soaked, 'hash', spare),
    new Keyed(soaked, 'hash'),
    new Keyed(soaked, 'hash', { ...spare, valueSize: 600 }),
    new Keyed(soaked, 'percpu_hash', spare),
    new Keyed(soaked, 'percpu_hash'),
    new Keyed(soaked, 'lru_hash'),
    new Keyed(soaked, 'lru_percpu_hash'),
    new Keyed(soaked, 'lpm_trie', spare),
    new Ends(soaked, 'queue', { valueSize: 16 }),
    new Ends(soaked, 'stack', { valueSize: 16 }),
    new Arena(soaked, 'arena', { maxEntries: 8 }),
    new Slots(soaked, 'array', { valueSize: 16 }),
    new Slots(soaked, 'percpu_array', { valueSize: 16 }),
    new Bloom(soaked, 'bloom_filter', { maxEntries: 2000 }),
    new Storage(soaked, 'sk_storage', { valueSize: 16 }),
    new Storage(soaked, 'inode_storage', { valueSize: 16 }),
    new Storage(soaked, 'task_storage', { valueSize: 16 }),
    new Storage(soaked, 'cgrp_storage', { valueSize: 16 }),
  ];
}

/**
 * Random operations on maps of all types that keep what they are given, by commands and as programs
 * do them, under adversarial grace periods and too little memory, against models. Throws at the
 * first answer that is wrong, element that is lost, or memory that does not come back.
 */
export function soak(
  seed: number,
  until: () => boolean,
  progress?: (cycles: number) => void,
): SoakResult {
  const soaked = new Soaked(seed);
  const objects = [
    new Objects(soaked, 24, 1),
    new Objects(soaked, 200, 1),
    new Objects(soaked, 16, CPUS),
  ];
  const heapEnd = () => soaked.runtime.u32()[(GLOBALS + G_HEAP_NEXT) >>> 2]!;
  let cycles = 0;
  let settled = 0;
  for (; cycles < 3 || !until(); cycles++) {
    const all = [...subjects(soaked), ...objects];
    for (let i = 0; i < ROUNDS * all.length; i++) all[soaked.random(all.length)]!.step();
    for (const one of all) if (one instanceof Subject) one.finish();
    soaked.runtime.gracePeriods!.endAll();
    // Types of objects that no program has have no name.
    const left = new MemoryReader(soaked.runtime).report().pools.filter(({ name }) => name !== '?');
    check(left.length === 0, `pools are left: ${left.map(({ name }) => name).join()}`);
    if (cycles === 2) settled = heapEnd();
    // Objects stay from cycle to cycle, in slabs that may still grow; maps leave nothing.
    check(cycles < 2 || heapEnd() < settled + (1 << 20), `the heap grows: ${heapEnd() - settled}`);
    progress?.(cycles + 1);
  }
  for (const one of objects) one.finish();
  const { failed, pools } = new MemoryReader(soaked.runtime).report();
  check(
    pools.every(({ live }) => live === 0),
    'objects are left',
  );
  const gracePeriods = soaked.runtime.gracePeriods!.ended;
  return { cycles, operations: soaked.operations, failures: failed, gracePeriods };
}
