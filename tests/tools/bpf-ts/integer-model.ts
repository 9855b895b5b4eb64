/** Random expressions of the language, and what they come out as by a model of BigInts. */
import type { Random } from '../../differential/random.ts';

export interface IntModel {
  readonly name: string;
  readonly bits: number;
  readonly signed: boolean;
}

const int = (name: string): IntModel => ({
  name,
  bits: Number(name.slice(1)),
  signed: name.startsWith('i'),
});

export const ALL = ['u8', 'u16', 'u32', 'u64', 'i8', 'i16', 'i32', 'i64'].map(int);
const [U32, U64, I32, I64] = ['u32', 'u64', 'i32', 'i64'].map(int) as [
  IntModel,
  IntModel,
  IntModel,
  IntModel,
];
const WIDE = [U32, U64, I32, I64];

/** Two variables of each type: u8a, u8b, u16a, … */
export const VARIABLES = ALL.flatMap((type) =>
  ['a', 'b'].map((end) => ({ name: type.name + end, type })),
);

export type Values = Readonly<Record<string, bigint>>;

/** TypeScript, and what it comes out as. */
export interface Expression {
  readonly text: string;
  value(values: Values): bigint;
}
interface Test {
  readonly text: string;
  holds(values: Values): boolean;
}

export const cut = (value: bigint, { bits, signed }: IntModel): bigint =>
  signed ? BigInt.asIntN(bits, value) : BigInt.asUintN(bits, value);

const OPERATORS: Readonly<Record<string, (a: bigint, b: bigint) => bigint>> = {
  '+': (a, b) => a + b,
  '-': (a, b) => a - b,
  '*': (a, b) => a * b,
  '/': (a, b) => (b === 0n ? 0n : a / b),
  '%': (a, b) => (b === 0n ? a : a % b),
  '&': (a, b) => a & b,
  '|': (a, b) => a | b,
  '^': (a, b) => a ^ b,
};
const COMPARISONS: Readonly<Record<string, (a: bigint, b: bigint) => boolean>> = {
  '===': (a, b) => a === b,
  '!==': (a, b) => a !== b,
  '<': (a, b) => a < b,
  '<=': (a, b) => a <= b,
  '>': (a, b) => a > b,
  '>=': (a, b) => a >= b,
};

/** Makes expressions; `pick` decides everything. */
export class Generator {
  readonly #random: Random;

  constructor(random: Random) {
    this.#random = random;
  }

  #pick<T>(all: readonly T[]): T {
    return this.#random.pick(all);
  }

  /** An expression of u64 that holds one of any type. */
  whole(depth: number): Expression {
    const type = this.#pick(ALL);
    const inner = type.bits < 32 ? this.#converted(type, depth) : this.#of(type, depth);
    return { text: `u64(${inner.text})`, value: (values) => cut(inner.value(values), U64) };
  }

  /** An expression whose type is `type`, one of those numbers are calculated in. */
  #of(type: IntModel, depth: number): Expression {
    if (depth === 0) return this.#variable(type);
    switch (this.#random.below(8)) {
      case 0:
        return this.#converted(type, depth - 1);
      case 1:
        return this.#shift(type, depth - 1);
      case 2:
        return this.#unary(type, depth - 1);
      case 3:
        return this.#choice(type, depth - 1);
      default:
        return this.#binary(type, depth - 1);
    }
  }

  #variable({ name }: IntModel): Expression {
    const variable = name + this.#pick(['a', 'b']);
    return { text: `v.${variable}`, value: (values) => values[variable]! };
  }

  /** The right side of an operator: also a narrower variable that widens by itself, or a literal. */
  #right(type: IntModel, depth: number): Expression {
    const choice = this.#random.below(3);
    if (choice === 0) return this.#literal(type);
    const narrower = ALL.filter(
      (one) => one.bits < type.bits && one.bits < 32 && (type.signed || !one.signed),
    );
    if (choice === 1 && type.bits === 32) return this.#variable(this.#pick(narrower));
    return this.#of(type, depth);
  }

  #literal(type: IntModel): Expression {
    const edge = 1n << BigInt(type.bits - 1);
    const value = cut(this.#pick([0n, 1n, 2n, 7n, 255n, 256n, edge - 1n, edge, -1n, -edge]), type);
    const text = `${value}${type.bits === 64 ? 'n' : ''}`;
    return { text: value < 0n ? `(${text})` : text, value: () => value };
  }

  #binary(type: IntModel, depth: number): Expression {
    const [operator, apply] = this.#pick(Object.entries(OPERATORS));
    const left = this.#of(type, depth);
    let right = this.#right(type, depth);
    while (/[/%]/.test(operator) && /^0n?$/.test(right.text)) right = this.#right(type, depth);
    return {
      text: `(${left.text} ${operator} ${right.text})`,
      value: (values) => cut(apply(left.value(values), right.value(values)), type),
    };
  }

  #shift(type: IntModel, depth: number): Expression {
    const operator = this.#pick(['<<', '>>']);
    const left = this.#of(type, depth);
    const count = this.#of(type.bits === 64 ? U64 : U32, depth);
    const by = (values: Values) => count.value(values) & BigInt(type.bits - 1);
    return {
      text: `(${left.text} ${operator} ${count.text})`,
      value: (values) => {
        const value = left.value(values);
        return cut(operator === '<<' ? value << by(values) : value >> by(values), type);
      },
    };
  }

  #unary(type: IntModel, depth: number): Expression {
    const inner = this.#of(type, depth);
    const negative = type.signed && this.#random.below(2) === 0;
    return {
      text: `${negative ? '-' : '~'}(${inner.text})`,
      value: (values) => cut(negative ? -inner.value(values) : ~inner.value(values), type),
    };
  }

  #converted(type: IntModel, depth: number): Expression {
    if (this.#random.below(4) === 0) {
      const test = this.#test(depth);
      return {
        text: `${type.name}(${test.text})`,
        value: (values) => (test.holds(values) ? 1n : 0n),
      };
    }
    const from = this.#pick(depth === 0 ? ALL : WIDE);
    const inner = from.bits < 32 ? this.#variable(from) : this.#of(from, depth);
    return {
      text: `${type.name}(${inner.text})`,
      value: (values) => cut(inner.value(values), type),
    };
  }

  #choice(type: IntModel, depth: number): Expression {
    const test = this.#test(depth);
    const [yes, no] = [this.#of(type, depth), this.#of(type, depth)];
    return {
      text: `(${test.text} ? ${yes.text} : ${no.text})`,
      value: (values) => (test.holds(values) ? yes : no).value(values),
    };
  }

  #test(depth: number): Test {
    const kind = this.#random.below(5);
    if (depth > 0 && kind === 0) {
      const inner = this.#test(depth - 1);
      return { text: `!(${inner.text})`, holds: (values) => !inner.holds(values) };
    }
    if (depth > 0 && kind === 1) {
      const [a, b] = [this.#test(depth - 1), this.#test(depth - 1)];
      const and = this.#random.below(2) === 0;
      return {
        text: `(${a.text} ${and ? '&&' : '||'} ${b.text})`,
        holds: (values) =>
          and ? a.holds(values) && b.holds(values) : a.holds(values) || b.holds(values),
      };
    }
    const type = this.#pick(WIDE);
    const [operator, compare] = this.#pick(Object.entries(COMPARISONS));
    const left = this.#of(type, depth);
    const right = this.#right(type, depth);
    return {
      text: `(${left.text} ${operator} ${right.text})`,
      holds: (values) => compare(left.value(values), right.value(values)),
    };
  }
}
