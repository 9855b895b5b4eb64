import { typeText } from '../../log/print-state.ts';
import {
  MASK,
  MEM_ALLOC,
  MEM_PERCPU,
  MEM_RCU,
  MEM_RDONLY,
  MEM_RINGBUF,
  MEM_USER,
  OFF,
  PTR_MAYBE_NULL,
  PTR_TRUSTED,
  PTR_UNTRUSTED,
  S32_MAX,
  S32_MIN,
  SCALAR_VALUE,
  SMAX,
  SMIN,
  TYPE,
  U32_MAX,
  U32_MIN,
  UMAX,
  UMIN,
  VALUE,
} from '../../state/layout.ts';

/** How kernels before 6.8 called the limits of a number. */
const OLD_NAMES: Readonly<Record<string, string>> = {
  umin_value: 'umin',
  umax_value: 'umax',
  smin_value: 'smin',
  smax_value: 'smax',
  u32_min_value: 'umin32',
  u32_max_value: 'umax32',
  s32_min_value: 'smin32',
  s32_max_value: 'smax32',
  u32_min: 'umin32',
  u32_max: 'umax32',
  s32_min: 'smin32',
  s32_max: 'smax32',
};

/** 'R1_w=ctx() fp-8=mmmm????' as pairs of a name ('R1', 'fp-8') and its value, in today's words. */
export function readValues(text: string): [name: string, value: string][] {
  return splitOutside(text, ' ').flatMap((part): [string, string][] => {
    const match = /^(R\d+|fp-\d+)(?:_\w+)?=(.+)$/.exec(part);
    return match ? [[match[1]!, todaysWords(match[2]!)]] : [];
  });
}

/** Splits where no parenthesis is open. */
function splitOutside(text: string, separator: string): string[] {
  const parts: string[] = [];
  let depth = 0;
  let start = 0;
  for (let i = 0; i < text.length; i++) {
    if (text[i] === '(') depth++;
    else if (text[i] === ')') depth = Math.max(depth - 1, 0);
    else if (text[i] === separator && depth === 0) {
      if (i > start) parts.push(text.slice(start, i));
      start = i + 1;
    }
  }
  if (start < text.length) parts.push(text.slice(start));
  return parts;
}

/** 'inv(id=0,umax_value=255)' of old kernels as 'scalar(umax=255)'. */
export function todaysWords(value: string): string {
  const number = /^inv(P?)(-?\d+)$/.exec(value);
  if (number) return `${number[1]}${number[2]}`;
  const match = /^([^(]*?)(?:\((.*)\))?$/.exec(value);
  if (!match || /^[?m0zrdi]{8}$/.test(value)) return value;
  const word = match[1]!.replace(/^(P?)inv(P?)$/, '$1$2scalar');
  if (/^P?-?(?:\d+|0x[0-9a-f]+)$/.test(word) || /^fp(?:\[\d+\])?-?\d*$/.test(word)) return word;
  return `${word}(${attributesOf(match[2] ?? '').join(',')})`;
}

function attributesOf(text: string): string[] {
  return splitOutside(text, ',').flatMap((one) => {
    const cut = one.indexOf('=');
    const names = one.split('=');
    if (/^(?:id|off|imm)=0$/.test(one)) return [];
    const name = OLD_NAMES[names[0]!];
    return [name ? `${name}${one.slice(cut)}` : one];
  });
}

const FLAGS = [
  0,
  MEM_RDONLY,
  MEM_RINGBUF,
  MEM_USER,
  MEM_PERCPU,
  MEM_RCU,
  PTR_UNTRUSTED,
  PTR_TRUSTED,
  MEM_ALLOC,
];
const BASES = 22;

/** Numbers of the types by their words: 'map_value_or_null'. */
const TYPES: ReadonlyMap<string, number> = new Map(
  Array.from({ length: BASES }, (_, base) => base)
    .flatMap((base) => FLAGS.flatMap((flag) => [base | flag, base | flag | PTR_MAYBE_NULL]))
    .toReversed()
    .map((type) => [typeText(type), type]),
);

/** Longest first: 'ptr_or_null_' before 'ptr_'. */
const POINTERS = [...TYPES.keys()]
  .filter((word) => word.endsWith('_'))
  .sort((a, b) => b.length - a.length);

/** The type's number; 0 if it is none this kernel knows. */
export function typeOf(value: string): number {
  const word = /^P?([^(]*)/.exec(value)![1]!;
  if (/^-?(?:\d|0x)/.test(word)) return SCALAR_VALUE;
  if (/^fp(?:\[\d+\])?-?\d*$/.test(word)) return TYPES.get('fp')!;
  const known = TYPES.get(word);
  if (known !== undefined) return known;
  const pointer = POINTERS.find((one) => word.startsWith(one));
  return pointer === undefined ? 0 : TYPES.get(pointer)!;
}

const MAX_U64 = (1n << 64n) - 1n;
const MAX_S64 = (1n << 63n) - 1n;

/** Writes what a log tells of a register into its record: type, limits, known bits. */
export function fillRecord(words: Int32Array, r: number, value: string): void {
  words[r + TYPE] = typeOf(value);
  const number = /^P?(-?(?:0x[0-9a-f]+|\d+))$/.exec(value)?.[1];
  if (number !== undefined) return fillNumber(words, r, bigOf(number));
  const attributes = new Map(
    splitOutside(/\((.*)\)$/.exec(value)?.[1] ?? '', ',').flatMap((one) => {
      const names = one.split('=');
      const last = names.pop()!;
      return names.map((name): [string, string] => [name, last]);
    }),
  );
  const stack = /^fp(?:\[\d+\])?(-?\d+)/.exec(value)?.[1];
  words[r + OFF] = Number(stack ?? attributes.get('off') ?? 0);
  fillLimits(words, r, attributes);
}

function fillNumber(words: Int32Array, r: number, number: bigint): void {
  for (const word of [VALUE, SMIN, SMAX, UMIN, UMAX]) put(words, r + word, number);
  for (const word of [S32_MIN, S32_MAX, U32_MIN, U32_MAX]) {
    words[r + word] = Number(BigInt.asIntN(32, number));
  }
}

function fillLimits(words: Int32Array, r: number, all: ReadonlyMap<string, string>): void {
  const isNumber = words[r + TYPE] === SCALAR_VALUE;
  const known = /^\((0x[0-9a-f]+|\d+); (0x[0-9a-f]+|\d+)\)$/.exec(all.get('var_off') ?? '');
  put(words, r + VALUE, known ? bigOf(known[1]!) : 0n);
  const isFixed = !isNumber && !known && !all.has('umax') && !all.has('smax');
  const mask = known ? bigOf(known[2]!) : isFixed ? 0n : MAX_U64;
  put(words, r + MASK, mask);
  const limit = (name: string, otherwise: bigint) => {
    const text = all.get(name);
    return text === undefined ? otherwise : bigOf(text);
  };
  if (isFixed) return;
  put(words, r + SMIN, limit('smin', -MAX_S64 - 1n));
  put(words, r + SMAX, limit('smax', MAX_S64));
  put(words, r + UMIN, limit('umin', 0n));
  const most = limit('umax', mask);
  put(words, r + UMAX, most);
  const half = most < 1n << 32n ? most : (1n << 32n) - 1n;
  words[r + U32_MIN] = Number(BigInt.asIntN(32, limit('umin32', 0n)));
  words[r + U32_MAX] = Number(BigInt.asIntN(32, limit('umax32', half)));
  const fits = half < 1n << 31n;
  words[r + S32_MIN] = Number(BigInt.asIntN(32, limit('smin32', fits ? 0n : -(1n << 31n))));
  words[r + S32_MAX] = Number(BigInt.asIntN(32, limit('smax32', fits ? half : (1n << 31n) - 1n)));
}

function put(words: Int32Array, at: number, value: bigint): void {
  words[at] = Number(BigInt.asIntN(32, value));
  words[at + 1] = Number(BigInt.asIntN(32, value >> 32n));
}

/** A number of a log; 0 for what is none. */
function bigOf(text: string): bigint {
  const digits = text.replace('-', '');
  if (!/^(?:0x[0-9a-f]{1,16}|\d{1,20})$/.test(digits)) return 0n;
  return text.startsWith('-') ? -BigInt(digits) : BigInt(digits);
}
