/**
 * Random programs about memory: stack slots of all sizes, spilled registers, offsets that vary, map
 * values, packets, atomics. Most are nearly right, so that a good part of them is accepted.
 */

/** Random numbers that are the same for the same seed (xorshift). */
export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = (Math.imul(seed, 0x9e3779b1) ^ 0x5bd1e995) >>> 0 || 1;
    for (let i = 0; i < 8; i++) this.next();
  }

  next(): number {
    let x = this.#state;
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    return (this.#state = x >>> 0);
  }

  below(n: number): number {
    return this.next() % n;
  }

  chance(probability: number): boolean {
    return this.next() < probability * 2 ** 32;
  }

  pick<T>(items: readonly T[]): T {
    return items[this.below(items.length)]!;
  }
}

const BYTES: Readonly<Record<string, number>> = { u8: 1, u16: 2, u32: 4, u64: 8 };
const SIZES = ['u8', 'u16', 'u32', 'u64'];
const NUMBERS = [0, 0, 1, -1, 2, 7, 8, 15, 31, 63, 64, 255, 4096, 0x7fffffff, -300];
const MASKS = [1, 3, 7, 8, 15, 24, 31, 56, 255];
const COMPARISONS = ['==', '!=', '>', '>=', '<', '<=', 's>', 's>=', 's<', 's<='];

type Kind = 'none' | 'number' | 'value' | 'packet';
const signed = (off: number): string => (off < 0 ? `- ${-off}` : `+ ${off}`);

/** Stack slots the programs use, from fp-8 down; all are written before anything else. */
const SLOTS = 6;
/** Registers for numbers and pointers; r9 keeps the context, r0..r5 are lost in calls. */
const REGISTERS = [0, 2, 3, 4, 5, 6, 7, 8];
const LOST = [0, 1, 2, 3, 4, 5];

class Writer {
  readonly #random: Random;
  readonly #lines: string[] = [];
  readonly #kinds: Kind[] = Array<Kind>(11).fill('none');
  #labels = 0;

  constructor(random: Random) {
    this.#random = random;
  }

  #of(kind: Kind): number | undefined {
    const found = REGISTERS.filter((register) => this.#kinds[register] === kind);
    return found.length > 0 ? this.#random.pick(found) : undefined;
  }

  #set(register: number, kind: Kind, line: string): void {
    this.#lines.push(line);
    this.#kinds[register] = kind;
  }

  #number(): number {
    const known = this.#of('number');
    if (known !== undefined && this.#random.chance(0.9)) return known;
    const register = this.#random.pick(REGISTERS);
    this.#set(register, 'number', `r${register} = ${this.#random.pick(NUMBERS)}`);
    return register;
  }

  /** A number of few values. */
  #bounded(masks: readonly number[]): number {
    const register = this.#number();
    this.#lines.push(`r${register} &= ${this.#random.pick(masks)}`);
    return register;
  }

  #stackOffset(size: number): number {
    return -8 * (1 + this.#random.below(SLOTS)) + size * this.#random.below(8 / size);
  }

  #store(base: number, off: number, size: string): void {
    const at = `*(${size} *)(r${base} ${signed(off)})`;
    const value = this.#random.chance(0.4) ? this.#random.pick(NUMBERS) : `r${this.#number()}`;
    this.#lines.push(`${at} = ${value}`);
  }

  #load(base: number, off: number, size: string): void {
    const register = this.#random.pick(REGISTERS);
    const type = size !== 'u64' && this.#random.chance(0.25) ? size.replace('u', 's') : size;
    this.#set(register, 'number', `r${register} = *(${type} *)(r${base} ${signed(off)})`);
  }

  #access(base: number, off: number, size: string): void {
    if (this.#random.chance(0.45)) this.#store(base, off, size);
    else this.#load(base, off, size);
  }

  readonly #statements: readonly (() => void)[] = [
    () => {
      const size = this.#random.pick(SIZES);
      this.#access(10, this.#stackOffset(BYTES[size]!), size);
    },
    () => this.#spillAndFill(),
    () => this.#variableStack(),
    () => this.#arithmetic(),
    () => this.#arithmetic(),
    () => this.#branch(),
    () => this.#lookup(),
    () => this.#valueAccess(),
    () => this.#packet(),
    () => this.#atomic(),
  ];

  #spillAndFill(): void {
    const off = -8 * (1 + this.#random.below(SLOTS));
    const from = this.#random.pick(REGISTERS.filter((r) => this.#kinds[r] !== 'none').concat(9));
    const to = this.#random.pick(REGISTERS);
    const kind = from === 9 ? 'none' : this.#kinds[from]!;
    this.#lines.push(`*(u64 *)(r10 ${signed(off)}) = r${from}`);
    if (this.#random.chance(0.4)) this.#arithmetic();
    this.#set(to, kind, `r${to} = *(u64 *)(r10 ${signed(off)})`);
  }

  #variableStack(): void {
    const index = this.#bounded(this.#random.chance(0.8) ? [8, 24] : MASKS);
    const base = this.#random.pick(REGISTERS.filter((register) => register !== index));
    const start = -8 * (4 + this.#random.below(SLOTS));
    this.#set(base, 'none', `r${base} = r10; r${base} += ${start}; r${base} += r${index}`);
    this.#access(base, 0, this.#random.pick(SIZES));
  }

  #arithmetic(): void {
    const to = this.#number();
    const from = this.#random.chance(0.6) ? `${this.#random.pick(NUMBERS)}` : `r${this.#number()}`;
    const plain = `r${to} ${this.#random.pick(['+=', '-=', '&=', '|=', '^=', '*='])} ${from}`;
    const shift = `r${to} ${this.#random.pick(['<<=', '>>=', 's>>='])} ${this.#random.below(64)}`;
    const move = `w${to} = w${this.#number()}`;
    this.#set(to, 'number', this.#random.pick([plain, plain, shift, move]));
  }

  #branch(): void {
    const label = `l${this.#labels++}`;
    const left = this.#number();
    const right = this.#random.chance(0.7) ? `${this.#random.pick(NUMBERS)}` : `r${this.#number()}`;
    this.#lines.push(`if r${left} ${this.#random.pick(COMPARISONS)} ${right} goto ${label}`);
    const before = [...this.#kinds];
    for (let n = this.#random.below(4); n > 0; n--) this.#statement();
    this.#lines.push(`${label}:`);
    before.forEach((kind, register) => {
      if (kind !== this.#kinds[register]) this.#kinds[register] = 'none';
    });
  }

  #lookup(): void {
    const label = `l${this.#labels++}`;
    this.#lines.push('*(u32 *)(r10 - 4) = 0', 'r2 = r10', 'r2 += -4', 'r1 = MAP ll', 'call 1');
    this.#lines.push(`if r0 != 0 goto ${label}`, 'exit', `${label}:`);
    for (const register of LOST) this.#kinds[register] = 'none';
    const to = this.#random.pick([6, 7, 8]);
    this.#set(to, 'value', `r${to} = r0`);
  }

  #valueAccess(): void {
    const base = this.#of('value');
    if (base === undefined) return this.#lookup();
    const size = this.#random.pick(SIZES);
    if (this.#random.chance(0.5)) {
      const index = this.#bounded(MASKS);
      const to = this.#random.pick(REGISTERS.filter((register) => register !== index));
      this.#set(to, 'value', `r${to} = r${base}; r${to} += r${index}`);
      this.#access(to, this.#random.below(9), size);
      this.#kinds[to] = 'none';
    } else {
      this.#access(base, this.#random.below(48), size);
    }
  }

  #packet(): void {
    const label = `l${this.#labels++}`;
    const proven = this.#random.pick([1, 4, 8, 14, 40]);
    this.#lines.push('r2 = *(u32 *)(r9 + 0)', 'r3 = *(u32 *)(r9 + 4)');
    for (const register of [2, 3, 4]) this.#kinds[register] = 'none';
    if (this.#random.chance(0.4)) {
      const index = this.#random.pick([5, 6, 7, 8]);
      this.#set(index, 'number', `r${index} = *(u8 *)(r9 + 12); r2 += r${index}`);
    }
    this.#lines.push(`r4 = r2; r4 += ${proven}`, `if r4 > r3 goto ${label}`);
    const before = [...this.#kinds];
    const size = this.#random.pick(SIZES);
    this.#access(2, this.#random.below(proven + 1), size);
    this.#lines.push(`${label}:`);
    before.forEach((kind, register) => {
      if (kind !== this.#kinds[register]) this.#kinds[register] = 'none';
    });
  }

  #atomic(): void {
    const value = this.#of('value');
    const base = value !== undefined && this.#random.chance(0.5) ? value : 10;
    const off = base === 10 ? this.#stackOffset(8) : 8 * this.#random.below(5);
    const operand = this.#number();
    const at = `*(u64 *)(r${base} ${signed(off)})`;
    const fetch = `r${operand} = atomic_fetch_add((u64 *)(r${base} ${signed(off)}), r${operand})`;
    this.#lines.push(this.#random.pick([`lock ${at} += r${operand}`, fetch]));
  }

  #statement(): void {
    this.#random.pick(this.#statements)();
  }

  write(statements: number): string {
    this.#lines.push('r9 = r1');
    for (let slot = 1; slot <= SLOTS + 4; slot++) this.#store(10, -8 * slot, 'u64');
    if (this.#random.chance(0.7)) this.#lookup();
    for (let n = statements; n > 0; n--) this.#statement();
    return [...this.#lines, 'r0 = 0', 'exit'].join('\n');
  }
}

/** An XDP program in assembly; `r1 = MAP ll` stands for the address of an array of 48-byte values. */
export function randomProgram(seed: number): string {
  const random = new Random(seed);
  return new Writer(random).write(4 + random.below(12));
}
