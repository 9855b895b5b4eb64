import { helperName, type KernelProfile } from '../../../abi/index.ts';
import {
  BPF_ALU,
  BPF_ALU64,
  BPF_CALL,
  BPF_JMP,
  BPF_LD,
  BPF_LDX,
  BPF_ST,
  BPF_STX,
  BPF_X,
  classOf,
} from '../../../isa/index.ts';

/** The fields of an instruction. */
export interface Fields {
  readonly dst: number;
  readonly src: number;
  readonly off: number;
  readonly imm: number;
}

const NOTHING: Fields = { dst: 0, src: 0, off: 0, imm: 0 };

/** Fields of an instruction from its opcode and the kernel's text; what the text lacks is 0. */
export function fieldsOf(op: number, text: string, profile: KernelProfile): Fields {
  switch (classOf(op)) {
    case BPF_ALU:
    case BPF_ALU64:
    case BPF_LD:
      return { ...NOTHING, dst: first(text), ...source(op, text) };
    case BPF_LDX:
      return { ...NOTHING, dst: first(text), ...memory(text, 'src') };
    case BPF_ST:
      return { ...NOTHING, ...memory(text, 'dst'), imm: lastNumber(text) };
    case BPF_STX:
      return { ...NOTHING, ...memory(text, 'dst'), src: last(text) };
    default:
      if (op === (BPF_JMP | BPF_CALL)) return call(text, profile);
      return { ...NOTHING, dst: first(text), ...source(op, text), off: distance(text) };
  }
}

const number = (text: string | undefined) => (Number(text ?? 0) | 0) as number;
const register = (text: string | undefined) => number(text) & 15;
const first = (text: string) => register(/[rw](\d+)/.exec(text)?.[1]);
const last = (text: string) => register([...text.matchAll(/\b[rw](\d+)/g)].at(-1)?.[1]);
const lastNumber = (text: string) =>
  number([...text.matchAll(/(?:^|[^\w+-])(-?(?:0x[0-9a-f]+|\d+))\b/g)].at(-1)?.[1]);
const distance = (text: string) => number(/goto(?:l)? pc([+-]\d+)/.exec(text)?.[1]);

function source(op: number, text: string): Partial<Fields> {
  const before = text.replace(/ goto.*$/, '');
  return op & BPF_X ? { src: last(before) } : { imm: lastNumber(before) };
}

/** '(r10 -8)' */
function memory(text: string, base: 'src' | 'dst'): Partial<Fields> {
  const match = /\(r(\d+) ?([+-]\d+)?\)/.exec(text);
  return match ? { [base]: register(match[1]), off: number(match[2]) } : {};
}

const PSEUDO_CALL = 1;
const PSEUDO_KFUNC_CALL = 2;

function call(text: string, profile: KernelProfile): Fields {
  const inside = /^call pc([+-]\d+)/.exec(text)?.[1];
  if (inside !== undefined) return { ...NOTHING, src: PSEUDO_CALL, imm: number(inside) };
  const match = /^call (\w+)#(-?\d+)/.exec(text);
  if (!match) return NOTHING;
  const [, name, id] = match;
  if (name === 'unknown' || `bpf_${helperName(Number(id))}` === name) {
    return { ...NOTHING, imm: number(id) };
  }
  // The number is that of another kernel's BTF: ours is found by name.
  const known = profile.btf().find('func', name!);
  return { ...NOTHING, src: PSEUDO_KFUNC_CALL, imm: known ?? 0 };
}
