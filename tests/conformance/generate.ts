/** Makes the vectors whose expected values come from the model. */
import { arithmetic, atomic, byteOrder, extend, jumps, signExtend, u64 } from './model.ts';

const hex = (value: bigint): string => `0x${u64(value).toString(16)}`;

const MIN64 = 0x8000000000000000n;
const MAX64 = 0x7fffffffffffffffn;
const ALL64 = 0xffffffffffffffffn;

/** Pairs of operands at the edges of 64 bits, and some in the middle. */
const PAIRS64: readonly (readonly [bigint, bigint])[] = [
  [0n, 0n],
  [0n, 1n],
  [1n, 0n],
  [1n, 1n],
  [ALL64, 1n],
  [1n, ALL64],
  [ALL64, ALL64],
  [MIN64, 1n],
  [MIN64, ALL64],
  [MIN64, MIN64],
  [MAX64, 1n],
  [MAX64, MIN64],
  [0xffffffffn, 1n],
  [0x100000000n, 0xffffffffn],
  [0x123456789abcdef0n, 0x0fedcba987654321n],
  [0xdeadbeefcafef00dn, 13n],
];

/** Pairs at the edges of 32 bits, with garbage in the upper halves, which must not matter. */
const PAIRS32: readonly (readonly [bigint, bigint])[] = [
  [0n, 0n],
  [0xdeadbeef00000000n, 1n],
  [1n, 0xdeadbeef00000000n],
  [0xffffffffn, 1n],
  [0xffffffffffffffffn, 0xffffffff00000001n],
  [0xffffffffn, 0xffffffffn],
  [0x80000000n, 1n],
  [0xaaaaaaaa80000000n, 0xffffffffn],
  [0x80000000n, 0x5555555580000000n],
  [0x7fffffffn, 1n],
  [0x7fffffffn, 0x80000000n],
  [0x123456789abcdef0n, 0x0fedcba987654321n],
  [0xdeadbeefcafef00dn, 13n],
];

const IMMS = [0, 1, -1, 7, 0x7fffffff, -0x80000000];
const IMM_OPERANDS = [0n, 1n, ALL64, MIN64, MAX64, 0xdeadbeefcafef00dn, 0xffffffff80000000n];

const COUNTS64 = [0, 1, 31, 32, 33, 62, 63, 64, 65, 127, -1, -64];
const COUNTS32 = [0, 1, 15, 30, 31, 32, 33, 63, 64, -1, -32];
const SHIFTED = [1n, ALL64, MIN64, MAX64, 0x80000000n, 0x123456789abcdef0n];

/** The imm of a 32-bit shift count is 0..31 to Linux, but RFC 9669 masks it. */
const IMM_COUNTS = { 32: [0, 1, 15, 31], 64: [0, 1, 31, 32, 33, 63] } as const;

type Bits = 32 | 64;
type Operation = readonly [name: string, operation: string];

const reg = (bits: Bits, number: number) => `${bits === 32 ? 'w' : 'r'}${number}`;

interface Case {
  readonly values: readonly (bigint | number)[];
  readonly result: bigint;
}

const show = (value: bigint | number) => (typeof value === 'bigint' ? hex(value) : String(value));

function block(name: string, source: readonly string[], cases: readonly Case[]): string {
  const lines = cases.map(
    ({ values, result }) => `case ${values.map(show).join(' ')} -> ${hex(result)}`,
  );
  return [`test ${name}`, ...source.map((line) => `  ${line}`), ...lines, ''].join('\n');
}

function withRegister(bits: Bits, [name, operation]: Operation, pairs: typeof PAIRS64): string {
  const cases = pairs.map(([dst, src]) => ({
    values: [dst, src],
    result: arithmetic(operation, bits, dst, src),
  }));
  const statement = `${reg(bits, 3)} ${operation}= ${reg(bits, 4)}`;
  return block(`${name}${bits}`, ['r3 = $1', 'r4 = $2', statement, 'r0 = r3', 'exit'], cases);
}

function withImmediate(
  bits: Bits,
  [name, operation]: Operation,
  operands: readonly bigint[],
  imms: readonly number[],
): string {
  const cases = operands.flatMap((dst) =>
    imms.map((imm) => ({
      values: [dst, imm],
      result: arithmetic(operation, bits, dst, extend(imm)),
    })),
  );
  const statement = `${reg(bits, 3)} ${operation}= $2`;
  return block(`${name}${bits} imm`, ['r3 = $1', statement, 'r0 = r3', 'exit'], cases);
}

/** dst and src are one register. */
function withItself(bits: Bits, [name, operation]: Operation): string {
  const cases = [0n, 1n, 33n, ALL64, MIN64, 0xdeadbeefcafef00dn].map((value) => ({
    values: [value],
    result: arithmetic(operation, bits, value, value),
  }));
  const statement = `${reg(bits, 3)} ${operation}= ${reg(bits, 3)}`;
  return block(`${name}${bits} itself`, ['r3 = $1', statement, 'r0 = r3', 'exit'], cases);
}

function operations(bits: Bits, names: readonly Operation[]): string {
  const pairs = bits === 64 ? PAIRS64 : PAIRS32;
  return names
    .flatMap((one) => [
      withRegister(bits, one, pairs),
      withImmediate(bits, one, IMM_OPERANDS, IMMS),
      withItself(bits, one),
    ])
    .join('\n');
}

const PLAIN: readonly Operation[] = [
  ['add', '+'],
  ['sub', '-'],
  ['mul', '*'],
  ['or', '|'],
  ['and', '&'],
  ['xor', '^'],
];
const DIVISIONS: readonly Operation[] = [
  ['div', '/'],
  ['sdiv', 's/'],
  ['mod', '%'],
  ['smod', 's%'],
];
const SHIFTS: readonly Operation[] = [
  ['lsh', '<<'],
  ['rsh', '>>'],
  ['arsh', 's>>'],
];

/** Signs in all combinations: the remainder takes the sign of the dividend. */
function signedDivisions(bits: Bits): string {
  return DIVISIONS.filter(([name]) => name.startsWith('s'))
    .map((one) => {
      const [name, operation] = one;
      const values = [13n, -13n, 3n, -3n, 1n, -1n].map(u64);
      const cases = values.flatMap((dst) =>
        values.map((src) => ({
          values: [dst, src],
          result: arithmetic(operation, bits, dst, src),
        })),
      );
      const statement = `${reg(bits, 3)} ${operation}= ${reg(bits, 4)}`;
      const source = ['r3 = $1', 'r4 = $2', statement, 'r0 = r3', 'exit'];
      return block(`${name}${bits} signs`, source, cases);
    })
    .join('\n');
}

function shifts(bits: Bits): string {
  const counts = bits === 64 ? COUNTS64 : COUNTS32;
  return SHIFTS.flatMap((one) => [
    withRegister(
      bits,
      one,
      SHIFTED.flatMap((value) => counts.map((count) => [value, extend(count)] as const)),
    ),
    withImmediate(bits, one, SHIFTED, IMM_COUNTS[bits]),
    withItself(bits, one),
  ]).join('\n');
}

function neg(bits: Bits): string {
  const values = [0n, 1n, ALL64, MIN64, MAX64, 0x80000000n, 0xffffffffn, 0xdeadbeefcafef00dn];
  const cases = values.map((value) => ({
    values: [value],
    result: arithmetic('-', bits, 0n, value),
  }));
  const statement = `${reg(bits, 3)} = -${reg(bits, 3)}`;
  return block(`neg${bits}`, ['r3 = $1', statement, 'r0 = r3', 'exit'], cases);
}

const MOVED = [
  0n,
  1n,
  0x7fn,
  0x80n,
  0xffn,
  0x7fffn,
  0x8000n,
  0x7fffffffn,
  0x80000000n,
  ALL64,
  MIN64,
  0x123456789abcdef0n,
];

function movs(bits: Bits): string {
  const plain = MOVED.map((value) => ({
    values: [value],
    result: arithmetic('', bits, 0n, value),
  }));
  const imms = IMMS.map((imm) => ({
    values: [imm],
    result: arithmetic('', bits, 0n, extend(imm)),
  }));
  const d = reg(bits, 3);
  const s = reg(bits, 4);
  const from = (bits === 64 ? [8, 16, 32] : [8, 16]).map((low) =>
    block(
      `movsx${bits} from ${low}`,
      ['r4 = $1', 'r3 = -1', `${d} = (s${low})${s}`, 'r0 = r3', 'exit'],
      MOVED.map((value) => ({ values: [value], result: signExtend(bits, low, value) })),
    ),
  );
  return [
    block(`mov${bits}`, ['r4 = $1', 'r3 = -1', `${d} = ${s}`, 'r0 = r3', 'exit'], plain),
    block(`mov${bits} imm`, ['r3 = -1', `${d} = $1`, 'r0 = r3', 'exit'], imms),
    ...from,
  ].join('\n');
}

function byteOrders(): string {
  const values = [0n, 1n, 0xff00n, 0x0102030405060708n, ALL64, MIN64, 0xdeadbeefcafef00dn];
  return ['le', 'be', 'bswap']
    .flatMap((operation) =>
      [16, 32, 64].map((bits) => {
        const cases = values.map((value) => ({
          values: [value],
          result: byteOrder(operation, bits, value),
        }));
        const statement = `r3 = ${operation}${bits} r3`;
        return block(`${operation}${bits}`, ['r3 = $1', statement, 'r0 = r3', 'exit'], cases);
      }),
    )
    .join('\n');
}

const CONDITION_NAMES: readonly Operation[] = [
  ['jeq', '=='],
  ['jne', '!='],
  ['jgt', '>'],
  ['jge', '>='],
  ['jlt', '<'],
  ['jle', '<='],
  ['jset', '&'],
  ['jsgt', 's>'],
  ['jsge', 's>='],
  ['jslt', 's<'],
  ['jsle', 's<='],
];

function conditions(bits: Bits): string {
  const pairs = bits === 64 ? PAIRS64 : PAIRS32;
  const tail = ['r0 = 0', 'exit', 'taken: r0 = 1', 'exit'];
  return CONDITION_NAMES.flatMap(([name, operation]) => {
    const outcome = (dst: bigint, src: bigint) => (jumps(operation, bits, dst, src) ? 1n : 0n);
    const registers = pairs.map(([dst, src]) => ({
      values: [dst, src],
      result: outcome(dst, src),
    }));
    const imms = [...IMM_OPERANDS, 7n].flatMap((dst) =>
      IMMS.map((imm) => ({ values: [dst, imm], result: outcome(dst, extend(imm)) })),
    );
    const test = `if ${reg(bits, 3)} ${operation}`;
    return [
      block(
        `${name}${bits}`,
        ['r3 = $1', 'r4 = $2', `${test} ${reg(bits, 4)} goto taken`, ...tail],
        registers,
      ),
      block(`${name}${bits} imm`, ['r3 = $1', `${test} $2 goto taken`, ...tail], imms),
    ];
  }).join('\n');
}

const ATOMIC_VALUES: readonly (readonly [bigint, bigint])[] = [
  [0n, 0n],
  [1n, 2n],
  [ALL64, 1n],
  [0x0f0f0f0f0f0f0f0fn, 0x00ff00ff00ff00ffn],
  [0xffffffffn, 1n],
  [MIN64, MIN64],
];

function atomicStatement(operation: string, bits: Bits): string {
  const s = reg(bits, 4);
  const at = `(u${bits} *)(r10 - 16)`;
  const suffix = bits === 64 ? '_64' : '32_32';
  const symbols: Record<string, string> = { add: '+', or: '|', and: '&', xor: '^' };
  if (operation === 'xchg') return `${s} = xchg${suffix}(r10 - 16, ${s})`;
  if (operation.startsWith('fetch_')) return `${s} = atomic_${operation}(${at}, ${s})`;
  return `lock *${at} ${symbols[operation]}= ${s}`;
}

/** Memory and register after an atomic. The neighbour word must stay as it is. */
function atomics(bits: Bits): string {
  const names = ['add', 'or', 'and', 'xor'].flatMap((name) => [name, `fetch_${name}`]);
  const cut = (old: bigint, memory: bigint) =>
    bits === 64 ? memory : (old & ~0xffffffffn) | memory;
  return [...names, 'xchg']
    .flatMap((operation) => {
      const run = (old: bigint, src: bigint) => atomic(operation, bits, old, src, 0n);
      const head = [
        'r3 = $1',
        'r4 = $2',
        '*(u64 *)(r10 - 16) = r3',
        atomicStatement(operation, bits),
      ];
      const cases = (result: (old: bigint, src: bigint) => bigint) =>
        ATOMIC_VALUES.map(([old, src]) => ({ values: [old, src], result: result(old, src) }));
      return [
        block(
          `atomic${bits} ${operation}: memory`,
          [...head, 'r0 = *(u64 *)(r10 - 16)', 'exit'],
          cases((old, src) => cut(old, run(old, src).memory)),
        ),
        block(
          `atomic${bits} ${operation}: register`,
          [...head, 'r0 = r4', 'exit'],
          cases((old, src) => run(old, src).register),
        ),
      ];
    })
    .join('\n');
}

function compareExchanges(bits: Bits): string {
  const triples = [
    [1n, 2n, 1n],
    [1n, 2n, 3n],
    [0xdeadbeef00000001n, 0xaaaaaaaabbbbbbbbn, 0xcafef00d00000001n],
    [0xdeadbeef00000001n, 0xaaaaaaaabbbbbbbbn, 0xdeadbeef00000001n],
    [0xdeadbeef00000001n, 0xaaaaaaaabbbbbbbbn, 0xdeadbeef00000002n],
    [ALL64, 0n, ALL64],
  ] as const;
  const statement =
    bits === 64 ? 'r0 = cmpxchg_64(r10 - 16, r0, r4)' : 'w0 = cmpxchg32_32(r10 - 16, w0, w4)';
  const head = ['r3 = $1', 'r4 = $2', 'r0 = $3', '*(u64 *)(r10 - 16) = r3', statement];
  const run = ([old, src, r0]: (typeof triples)[number]) => atomic('cmpxchg', bits, old, src, r0);
  const cut = (old: bigint, memory: bigint) =>
    bits === 64 ? memory : (old & ~0xffffffffn) | memory;
  return [
    block(
      `atomic${bits} cmpxchg: memory`,
      [...head, 'r0 = *(u64 *)(r10 - 16)', 'exit'],
      triples.map((values) => ({ values, result: cut(values[0], run(values).memory) })),
    ),
    block(
      `atomic${bits} cmpxchg: r0`,
      [...head, 'exit'],
      triples.map((values) => ({ values, result: run(values).register })),
    ),
    block(
      `atomic${bits} cmpxchg: src keeps its value`,
      [...head, 'r0 = r4', 'exit'],
      triples.map((values) => ({ values, result: values[1] })),
    ),
  ].join('\n');
}

/** Loads and stores of every size at every misalignment, through the stack. */
function memory(): string {
  const value = 0xf1e2d3c4b5a69788n;
  const low = (bits: number, at: number) => BigInt.asUintN(bits, value >> BigInt(8 * at));
  const offsets = (bits: number) => Array.from({ length: 9 - bits / 8 }, (_, i) => i);
  const loads = [8, 16, 32, 64].flatMap((bits) =>
    offsets(bits).map((at) => {
      const source = [
        'r3 = $1',
        '*(u64 *)(r10 - 8) = r3',
        `r0 = *(u${bits} *)(r10 - ${8 - at})`,
        'exit',
      ];
      return block(`load u${bits} at ${at}`, source, [{ values: [value], result: low(bits, at) }]);
    }),
  );
  const signedLoads = [8, 16, 32].flatMap((bits) =>
    offsets(bits).map((at) => {
      const source = [
        'r3 = $1',
        '*(u64 *)(r10 - 8) = r3',
        `r0 = *(s${bits} *)(r10 - ${8 - at})`,
        'exit',
      ];
      const cases = [value, 0x7f7f7f7f7f7f7f7fn].map((word) => ({
        values: [word],
        result: u64(BigInt.asIntN(bits, word >> BigInt(8 * at))),
      }));
      return block(`load s${bits} at ${at}`, source, cases);
    }),
  );
  const stored = (bits: number, at: number, word: bigint) => {
    const mask = ((1n << BigInt(bits)) - 1n) << BigInt(8 * at);
    return (value & ~mask) | ((word << BigInt(8 * at)) & mask);
  };
  const stores = [8, 16, 32, 64].flatMap((bits) =>
    offsets(bits).flatMap((at) => {
      const place = `*(u${bits} *)(r10 - ${8 - at})`;
      const head = ['r3 = $1', '*(u64 *)(r10 - 8) = r3'];
      const tail = ['r0 = *(u64 *)(r10 - 8)', 'exit'];
      const word = 0x1122334455667788n;
      return [
        block(
          `store u${bits} at ${at}`,
          [...head, 'r4 = $2', `${place} = r4`, ...tail],
          [{ values: [value, word], result: stored(bits, at, word) }],
        ),
        block(
          `store u${bits} at ${at}, imm`,
          [...head, `${place} = $2`, ...tail],
          [-1, 0x12345678, -0x80000000].map((imm) => ({
            values: [value, imm],
            result: stored(bits, at, extend(imm)),
          })),
        ),
      ];
    }),
  );
  return [...loads, ...signedLoads, ...stores].join('\n');
}

const HEADER =
  '# Expected values from tests/conformance/model.ts; BLESS=1 writes this file anew.\n\n';

/** Files of vectors by name. */
export function generateFiles(): Record<string, string> {
  const files: Record<string, string> = {
    'alu64.txt': [operations(64, PLAIN), neg(64)].join('\n'),
    'alu32.txt': [operations(32, PLAIN), neg(32)].join('\n'),
    'divmod64.txt': [operations(64, DIVISIONS), signedDivisions(64)].join('\n'),
    'divmod32.txt': [operations(32, DIVISIONS), signedDivisions(32)].join('\n'),
    'shift64.txt': shifts(64),
    'shift32.txt': shifts(32),
    'mov.txt': [movs(64), movs(32)].join('\n'),
    'byteorder.txt': byteOrders(),
    'jump64.txt': conditions(64),
    'jump32.txt': conditions(32),
    'atomic.txt': [atomics(64), compareExchanges(64), atomics(32), compareExchanges(32)].join('\n'),
    'memory.txt': memory(),
  };
  return Object.fromEntries(Object.entries(files).map(([name, body]) => [name, HEADER + body]));
}
