/** Random programs that end, touch only their own memory, and use most of the instruction set. */

const OPERATIONS = ['+', '-', '*', '/', 's/', '%', 's%', '|', '&', '^', '<<', '>>', 's>>', ''];
const CONDITIONS = ['==', '!=', '>', '>=', '<', '<=', '&', 's>', 's>=', 's<', 's<='];
const CONSTANTS = [
  '0',
  '1',
  '-1',
  '2',
  '7',
  '8',
  '31',
  '32',
  '33',
  '63',
  '64',
  '255',
  '256',
  '0x7fff',
  '0x8000',
  '0xffff',
  '0x7fffffff',
  '-0x80000000',
  '-2',
  '-128',
  '0x12345678',
];
const WIDE = [
  '0',
  '1',
  '-1',
  '0x7fffffffffffffff',
  '0x8000000000000000',
  '0xffffffff',
  '0x80000000',
  '0x100000000',
  '0x123456789abcdef0',
  '0xdeadbeefcafef00d',
];

export const MEMORY_SIZE = 64;
const STACK_BYTES = 64;

/** How often a program may jump backwards. */
const BACKWARD_JUMPS = 25;

/** r7 keeps the memory's address, r9 counts backward jumps, r8 is for computed addresses. */
const SCRATCH = [0, 1, 2, 3, 4, 5, 6];

class Writer {
  state: number;
  readonly lines: string[] = [];
  readonly functions: number;
  readonly segments: number;

  constructor(seed: number) {
    this.state = (seed * 2654435761 + 12345) >>> 0;
    this.segments = 4 + this.below(24);
    this.functions = this.below(3);
  }

  /** xorshift: a number in 0 .. limit - 1. */
  below(limit: number): number {
    let x = this.state || 1;
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    this.state = x >>> 0;
    return this.state % limit;
  }

  pick<T>(list: readonly T[]): T {
    return list[this.below(list.length)]!;
  }

  say(line: string): void {
    this.lines.push(`  ${line}`);
  }

  register(): number {
    return this.pick(SCRATCH);
  }

  constant(): string {
    return this.below(4) === 0 ? String(this.below(1 << 30)) : this.pick(CONSTANTS);
  }

  /** An operand for a register of the letter's width. */
  operand(letter: string): string {
    return this.below(3) === 0 ? this.constant() : `${letter}${this.register()}`;
  }

  fill(register: number): void {
    const loads = ['u8', 'u16', 'u32', 'u64', 's8', 's16', 's32'];
    switch (this.below(4)) {
      case 0:
        return this.say(`r${register} = ${this.constant()}`);
      case 1:
        return this.say(`r${register} = ${this.pick(WIDE)} ll`);
      case 2:
        return this.say(`w${register} = ${this.constant()}`);
      default:
        return this.say(
          `r${register} = *(${this.pick(loads)} *)(r7 + ${this.below(MEMORY_SIZE - 8)})`,
        );
    }
  }

  arithmetic(): void {
    const letter = this.pick(['r', 'r', 'w']);
    const d = `${letter}${this.register()}`;
    switch (this.below(8)) {
      case 0:
        return this.say(`${d} = -${d}`);
      case 1: {
        const order = this.pick([
          'le16',
          'le32',
          'le64',
          'be16',
          'be32',
          'be64',
          'bswap16',
          'bswap32',
          'bswap64',
        ]);
        const r = this.register();
        return this.say(`r${r} = ${order} r${r}`);
      }
      case 2: {
        const from = this.pick(letter === 'r' ? ['s8', 's16', 's32'] : ['s8', 's16']);
        return this.say(`${d} = (${from})${letter}${this.register()}`);
      }
      default:
        return this.say(`${d} ${this.pick(OPERATIONS)}= ${this.operand(letter)}`);
    }
  }

  /** A place of `bytes` bytes that may be read and written, and what leads to it. */
  place(bytes: number, align: number): string {
    const spot = (limit: number) => Math.floor(this.below(limit - bytes + 1) / align) * align;
    switch (this.below(3)) {
      case 0:
        return `r7 + ${spot(MEMORY_SIZE)}`;
      case 1:
        return `r10 - ${STACK_BYTES - spot(STACK_BYTES)}`;
      default:
        this.say(`r8 = r${this.register()}`);
        this.say(`r8 &= ${(MEMORY_SIZE / 2 - 1) & ~(align - 1)}`);
        this.say('r8 += r7');
        return `r8 + ${Math.floor(this.below(MEMORY_SIZE / 2 - bytes + 1) / align) * align}`;
    }
  }

  memory(): void {
    const bits = this.pick([8, 16, 32, 64]);
    const place = this.place(bits / 8, 1);
    const r = this.register();
    switch (this.below(4)) {
      case 0:
        return this.say(`*(u${bits} *)(${place}) = r${r}`);
      case 1:
        return this.say(`*(u${bits} *)(${place}) = ${this.constant()}`);
      case 2:
        return this.say(`r${r} = *(${bits < 64 ? 's' : 'u'}${bits} *)(${place})`);
      default:
        return this.say(`r${r} = *(u${bits} *)(${place})`);
    }
  }

  atomic(): void {
    const wide = this.below(2) === 0;
    const [bits, suffix, letter] = wide ? [64, '_64', 'r'] : [32, '32_32', 'w'];
    const place = this.place(bits / 8, bits / 8);
    const s = `${letter}${this.register()}`;
    switch (this.below(4)) {
      case 0:
        return this.say(`lock *(u${bits} *)(${place}) ${this.pick(['+', '|', '&', '^'])}= ${s}`);
      case 1: {
        const operation = this.pick(['add', 'or', 'and', 'xor']);
        return this.say(`${s} = atomic_fetch_${operation}((u${bits} *)(${place}), ${s})`);
      }
      case 2:
        return this.say(`${s} = xchg${suffix}(${place}, ${s})`);
      default:
        return this.say(`${letter}0 = cmpxchg${suffix}(${place}, ${letter}0, ${s})`);
    }
  }

  condition(): string {
    const letter = this.pick(['r', 'r', 'w']);
    return `${letter}${this.register()} ${this.pick(CONDITIONS)} ${this.operand(letter)}`;
  }

  /** Forwards to any later segment; backwards only while r9 lasts. */
  jump(prefix: string, segment: number, segments: number): void {
    const later = `${prefix}${segment + 1 + this.below(segments - segment)}`;
    const earlier = `${prefix}${this.below(segment + 1)}`;
    switch (this.below(5)) {
      case 0:
        return this.say(`${this.pick(['goto', 'gotol'])} ${later}`);
      case 1:
        this.say('r9 -= 1');
        return this.say(`if ${this.pick(['r', 'w'])}9 s> 0 goto ${earlier}`);
      case 2:
        this.say('r9 -= 1');
        this.say('if r9 s<= 0 goto +1');
        return this.say(`if ${this.condition()} goto ${earlier}`);
      default:
        return this.say(`if ${this.condition()} goto ${later}`);
    }
  }

  /** A short loop of its own, as compilers unroll them: counting up or down, over memory or not. */
  loop(label: string): void {
    const times = this.pick([1, 2, 3, 4, 5, 8, 9, 17]);
    const up = this.below(2) === 0;
    this.say(`r8 = ${up ? 0 : times}`);
    this.lines.push(`${label}:`);
    if (this.below(2) === 0) {
      const [r, address] = [this.below(3), 3 + this.below(3)];
      this.say(`r${address} = r7`);
      this.say(`r${address} += r8`);
      this.say(`r${r} = *(u8 *)(r${address} + ${this.below(8)})`);
      if (this.below(2) === 0) this.say(`*(u16 *)(r${address} + ${this.below(8)}) = r${r}`);
      this.say(`r${address} = ${this.constant()}`);
    }
    for (let n = this.below(4); n > 0; n--) this.arithmetic();
    this.say(up ? 'r8 += 1' : 'r8 -= 1');
    if (up) this.say(`if r8 ${this.pick(['<', 's<', '!='])} ${times} goto ${label}`);
    else this.say(`if ${this.pick(['r8 != 0', 'r8 s> 0', 'w8 > 0'])} goto ${label}`);
    this.say('r8 = 0');
  }

  /** A function of a few instructions, which compilers put in place of the call. */
  small(k: number): void {
    this.lines.push(`function${k}:`);
    this.say(`r0 = ${this.pick(['r1', 'r2', '5'])}`);
    const below6 = () => this.below(6);
    for (let n = this.below(5); n > 0; n--) {
      const letter = this.pick(['r', 'w']);
      const operand = this.below(3) === 0 ? this.constant() : `${letter}${1 + this.below(5)}`;
      this.say(`${letter}${below6()} ${this.pick(OPERATIONS)}= ${operand}`);
    }
    if (this.below(3) === 0) {
      this.say(
        `if r1 ${this.pick(CONDITIONS)} ${this.operand('r').replace(/r[06-9]/, 'r1')} goto +1`,
      );
      this.say(`r0 += ${this.constant()}`);
    }
    if (this.below(3) === 0) {
      this.say('*(u64 *)(r10 - 8) = r1');
      this.say('r1 = *(u32 *)(r10 - 8)');
      this.say('r0 ^= r1');
    }
    this.say('exit');
  }

  call(): void {
    if (this.functions === 0) return this.arithmetic();
    this.say(`call function${this.below(this.functions)}`);
    for (let r = 1; r <= 5; r++) this.fill(r);
  }

  segment(prefix: string, i: number, segments: number): void {
    this.lines.push(`${prefix}${i}:`);
    for (let n = 1 + this.below(4); n > 0; n--) this.arithmetic();
    switch (this.below(7)) {
      case 0:
        return this.memory();
      case 1:
        return this.atomic();
      case 2:
        return this.loop(`${prefix}loop${i}`);
      case 3:
        return prefix === 'main' ? this.call() : this.memory();
      default:
        return this.jump(prefix, i, segments);
    }
  }

  body(prefix: string, segments: number): void {
    for (let at = 8; at <= STACK_BYTES; at += 8)
      this.say(`*(u64 *)(r10 - ${at}) = ${this.constant()}`);
    for (const r of SCRATCH) this.fill(r);
    this.say('r8 = 0');
    for (let i = 0; i < segments; i++) this.segment(prefix, i, segments);
    this.lines.push(`${prefix}${segments}:`);
    // Make every register, and the stack, part of the result.
    for (const r of SCRATCH.slice(1)) {
      this.say('r0 *= 31');
      this.say(`r0 += r${r}`);
    }
    this.say(`r1 = *(u64 *)(r10 - ${8 * (1 + this.below(8))})`);
    this.say('r0 ^= r1');
    this.say('exit');
  }

  write(): string {
    this.say('r7 = r1');
    this.say(`r9 = ${BACKWARD_JUMPS}`);
    this.body('main', this.segments);
    for (let k = 0; k < this.functions; k++) {
      if (this.below(2) === 0) {
        this.small(k);
        continue;
      }
      this.lines.push(`function${k}:`);
      // The memory of a function is a part of its stack.
      this.say('r7 = r10');
      this.say(`r7 += -${STACK_BYTES + MEMORY_SIZE}`);
      for (let at = 0; at < MEMORY_SIZE; at += 8)
        this.say(`*(u64 *)(r7 + ${at}) = r${1 + this.below(5)}`);
      this.say('r9 = 3');
      this.body(`f${k}_`, 1 + this.below(5));
    }
    return this.lines.join('\n');
  }
}

/** The program of this seed, as assembly. */
export function randomProgram(seed: number): string {
  return new Writer(seed).write();
}

/** The memory of this seed. */
export function randomMemory(seed: number): Uint8Array {
  const writer = new Writer(seed ^ 0x5bd1e995);
  return Uint8Array.from({ length: MEMORY_SIZE }, () =>
    writer.pick([0, 1, 0x7f, 0x80, 0xff, writer.below(256)]),
  );
}
