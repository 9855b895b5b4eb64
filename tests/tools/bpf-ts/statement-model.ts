/** Random functions with control flow, and a model that runs them: values are u32, arrays u8. */
import type { Random } from '../../differential/random.ts';

/** The variables of a run; `ended` says how a statement left. */
interface State {
  readonly values: Map<string, number>;
  readonly array: number[];
  result: number;
}
type End = 'next' | 'break' | 'continue' | 'return';

interface Node {
  readonly text: string;
  run(state: State): End;
}
interface Value {
  readonly text: string;
  of(state: State): number;
}

const LENGTH = 8;
/** Rounds of all loops together: the verifier walks each. */
const MOST_ROUNDS = 3;

/** A function `name(a: u32, b: u32): u32`, as text and as what it returns. */
export interface Program {
  readonly text: string;
  run(a: number, b: number): number;
}

export class StatementGenerator {
  readonly #random: Random;
  #next = 0;
  #names: string[] = [];
  /** Loop variables: read, never assigned. */
  #fixed: string[] = [];

  constructor(random: Random) {
    this.#random = random;
  }

  program(name: string): Program {
    this.#next = 0;
    this.#names = ['x', 'y'];
    this.#fixed = [];
    const body = this.#block(3, false, false);
    const end = this.#value(1);
    const text = `function ${name}(a: u32, b: u32): u32 {
  let x = a;
  let y = b;
  const bytes = u8.array(${LENGTH})();
${body.text}
  let sum: u32 = ${end.text};
  for (const byte of bytes) sum = sum * 31 + byte;
  return sum + x + y;
}`;
    return { text, run: (a, b) => runProgram(body, end, a, b) };
  }

  #pick<T>(all: readonly T[]): T {
    return this.#random.pick(all);
  }

  #value(depth: number): Value {
    const choice = this.#random.below(depth === 0 ? 3 : 7);
    if (choice === 0) {
      const value = this.#pick([0, 1, 3, 7, 255, 4294967295]);
      return { text: `${value}`, of: () => value };
    }
    if (choice < 3) {
      const name = this.#pick([...this.#names, ...this.#fixed]);
      return { text: name, of: ({ values }) => values.get(name)! };
    }
    if (choice === 3) {
      const index = this.#value(depth - 1);
      const name = this.#pick(this.#names);
      const text = `bytes[(${name} + ${index.text}) % ${LENGTH}]`;
      const at = (state: State) => ((state.values.get(name)! + index.of(state)) >>> 0) % LENGTH;
      return { text, of: (state) => state.array[at(state)]! };
    }
    return this.#calculated(depth);
  }

  #calculated(depth: number): Value {
    const name = this.#pick(this.#names);
    const right = this.#value(depth - 1);
    const [operator, apply] = this.#pick<[string, (a: number, b: number) => number]>([
      ['+', (a, b) => (a + b) >>> 0],
      ['-', (a, b) => (a - b) >>> 0],
      ['*', (a, b) => Math.imul(a, b) >>> 0],
      ['^', (a, b) => (a ^ b) >>> 0],
      ['&', (a, b) => (a & b) >>> 0],
    ]);
    const text = `(${name} ${operator} ${right.text})`;
    return { text, of: (state) => apply(state.values.get(name)!, right.of(state)) };
  }

  #test(): { text: string; holds(state: State): boolean } {
    const name = this.#pick(this.#names);
    const right = this.#value(1);
    const [operator, compare] = this.#pick<[string, (a: number, b: number) => boolean]>([
      ['===', (a, b) => a === b],
      ['!==', (a, b) => a !== b],
      ['<', (a, b) => a < b],
      ['>=', (a, b) => a >= b],
    ]);
    const text = `${name} ${operator} ${right.text}`;
    return { text, holds: (state) => compare(state.values.get(name)!, right.of(state)) };
  }

  #block(depth: number, loop: boolean, breakable: boolean): Node {
    const before = this.#names.length;
    const nodes = Array.from({ length: 1 + this.#random.below(3) }, () =>
      this.#statement(depth, loop, breakable),
    );
    this.#names.length = before;
    const text = nodes.map((node) => node.text).join('\n');
    const run = (state: State): End => {
      for (const node of nodes) {
        const end = node.run(state);
        if (end !== 'next') return end;
      }
      return 'next';
    };
    return { text, run };
  }

  #statement(depth: number, loop: boolean, breakable: boolean): Node {
    const choice = this.#random.below(depth === 0 ? 4 : 10);
    switch (choice) {
      case 0:
        return this.#declaration();
      case 1:
        return this.#store();
      case 2:
        return this.#leave(loop, breakable);
      case 4:
      case 5:
        return this.#choice(depth, loop, breakable);
      case 6:
        return this.#range(depth);
      case 7:
        return this.#whileLoop(depth);
      case 8:
        return this.#switch(depth, loop);
      default:
        return this.#assignment();
    }
  }

  #declaration(): Node {
    const value = this.#value(2);
    const name = `v${this.#next++}`;
    this.#names.push(name);
    return {
      text: `let ${name}: u32 = ${value.text};`,
      run: (state) => (state.values.set(name, value.of(state)), 'next'),
    };
  }

  #assignment(): Node {
    const name = this.#pick(this.#names);
    const value = this.#value(2);
    const add = this.#random.oneIn(2);
    return {
      text: `${name} ${add ? '+=' : '='} ${value.text};`,
      run: ({ values, ...rest }) => {
        const given = value.of({ values, ...rest });
        values.set(name, add ? (values.get(name)! + given) >>> 0 : given);
        return 'next';
      },
    };
  }

  #store(): Node {
    const name = this.#pick(this.#names);
    const value = this.#value(1);
    return {
      text: `if (${name} < ${LENGTH}) bytes[${name}] = u8(${value.text});`,
      run: (state) => {
        const at = state.values.get(name)!;
        if (at < LENGTH) state.array[at] = value.of(state) & 255;
        return 'next';
      },
    };
  }

  #leave(loop: boolean, breakable: boolean): Node {
    const test = this.#test();
    const ends: End[] = [
      'return',
      ...(loop ? ['continue' as const] : []),
      ...(breakable ? ['break' as const] : []),
    ];
    const end = this.#pick(ends);
    const value = this.#value(1);
    const action = end === 'return' ? `return ${value.text};` : `${end};`;
    return {
      text: `if (${test.text}) ${action}`,
      run: (state) => {
        if (!test.holds(state)) return 'next';
        if (end === 'return') state.result = value.of(state);
        return end;
      },
    };
  }

  #choice(depth: number, loop: boolean, breakable: boolean): Node {
    const test = this.#test();
    const yes = this.#block(depth - 1, loop, breakable);
    const no = this.#random.oneIn(2) ? this.#block(depth - 1, loop, breakable) : undefined;
    return {
      text: `if (${test.text}) {\n${yes.text}\n}${no ? ` else {\n${no.text}\n}` : ''}`,
      run: (state) => (test.holds(state) ? yes.run(state) : (no?.run(state) ?? 'next')),
    };
  }

  #range(depth: number): Node {
    const name = `i${this.#next++}`;
    const count = 1 + this.#random.below(MOST_ROUNDS);
    this.#fixed.push(name);
    const body = this.#block(depth - 1, true, true);
    this.#fixed.pop();
    const classic = this.#random.oneIn(2);
    const head = classic
      ? `let ${name} = 0; ${name} < ${count}; ${name}++`
      : `const ${name} of range(${count})`;
    return {
      text: `for (${head}) {\n${body.text}\n}`,
      run: (state) => {
        for (let i = 0; i < count; i++) {
          state.values.set(name, i);
          const end = body.run(state);
          if (end === 'return') return end;
          if (end === 'break') break;
        }
        return 'next';
      },
    };
  }

  /** `while` and `do`, counted by a variable of their own so that they end. */
  #whileLoop(depth: number): Node {
    const name = `n${this.#next++}`;
    const count = 1 + this.#random.below(MOST_ROUNDS);
    const test = this.#test();
    this.#fixed.push(name);
    const body = this.#block(depth - 1, true, true);
    this.#fixed.pop();
    const first = this.#random.oneIn(2);
    const head = `${name} < ${count} && ${test.text}`;
    const inner = `{\n${name}++;\n${body.text}\n}`;
    return {
      text: `let ${name} = 0;\n${first ? `while (${head}) ${inner}` : `do ${inner} while (${head});`}`,
      run: (state) => {
        state.values.set(name, 0);
        const goesOn = () => state.values.get(name)! < count && test.holds(state);
        for (let go = !first || goesOn(); go; go = goesOn()) {
          state.values.set(name, state.values.get(name)! + 1);
          const end = body.run(state);
          if (end === 'return') return end;
          if (end === 'break') break;
        }
        return 'next';
      },
    };
  }

  /** Cases fall through where they do not break. */
  #switch(depth: number, loop: boolean): Node {
    const value = this.#value(1);
    const cases = [0, 1, 2, undefined].map((label) => ({
      label,
      body: this.#block(depth - 1, loop, true),
      stops: this.#random.oneIn(2),
    }));
    const place = this.#random.below(cases.length);
    cases.splice(place, 0, ...cases.splice(3));
    const texts = cases.map(({ label, body, stops }) => {
      const head = label === undefined ? 'default' : `case ${label}`;
      return `${head}: {\n${body.text}\n}${stops ? '\nbreak;' : ''}`;
    });
    return {
      text: `switch (${value.text} % 4) {\n${texts.join('\n')}\n}`,
      run: (state) => {
        const wanted = value.of(state) % 4;
        const found = cases.findIndex(({ label }) => label === wanted);
        const start = found < 0 ? cases.findIndex(({ label }) => label === undefined) : found;
        for (const { body, stops } of cases.slice(start)) {
          const end = body.run(state);
          if (end === 'break' || (end === 'next' && stops)) return 'next';
          if (end !== 'next') return end;
        }
        return 'next';
      },
    };
  }
}

function runProgram(body: Node, end: Value, a: number, b: number): number {
  const values = new Map([
    ['x', a],
    ['y', b],
  ]);
  const state: State = { values, array: Array.from({ length: LENGTH }, () => 0), result: 0 };
  if (body.run(state) === 'return') return state.result;
  const sum = state.array.reduce((all, byte) => (Math.imul(all, 31) + byte) >>> 0, end.of(state));
  return (sum + state.values.get('x')! + state.values.get('y')!) >>> 0;
}
