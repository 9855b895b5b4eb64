import {
  BASE_TYPE_MASK,
  MASK,
  PTR_TO_MAP_KEY,
  PTR_TO_MAP_VALUE,
  PTR_TO_PACKET,
  PTR_TO_PACKET_META,
  PTR_TO_STACK,
  S32_MAX,
  S32_MIN,
  SCALAR_VALUE,
  slotAt,
  slotType,
  STACK_SPILL,
  TYPE,
  VALUE,
} from '../../state/layout.ts';
import { BPF_LDX, BPF_ST, BPF_STX, classOf } from '../../../isa/index.ts';
import { isCall } from '../insn.ts';
import { lineageOf } from '../lineage.ts';
import { contextAccess } from './context.ts';
import {
  bytes,
  type Cause,
  type CauseTable,
  earlier,
  isVariable,
  lastInsn,
  lastWord,
  number,
  register,
  type Situation,
  text,
  variableLength,
} from './cause.ts';

/** Causes of rejected loads, stores and memory arguments. */
export const memoryCauses: CauseTable = {
  'packet.outside': packetBounds,
  'mem.packet_bounds': packetBounds,
  'mem.invalid_access': invalidAccess,
  'mem.value_bounds': (s) => ({
    problem:
      `The access covers bytes ${number(s, 1)} to ${number(s, 1) + number(s, 2) - 1}, but ` +
      `the map's value has only ${bytes(number(s, 0))}.`,
    advice: ['Use the same struct as the map does, or make the value larger.'],
  }),
  'mem.region_bounds': (s) => ({
    problem:
      `The access covers bytes ${number(s, 1)} to ${number(s, 1) + number(s, 2) - 1} of ` +
      `memory that has ${bytes(number(s, 0))}.`,
    advice: ['Stay within the size given when the memory was reserved or passed in.'],
  }),
  'mem.max_outside': outside,
  'mem.min_outside': outside,
  'mem.min_negative': (s) => ({
    problem: `${reg(s)} may have a negative offset, so the access may lie before ${whatOf(s)}.`,
    subject: register(s, number(s, 0)),
    advice: ['Use an unsigned index, or add `if (i < 0) return 0;` before it is used.'],
  }),
  'mem.unbounded': (s) => ({
    problem: `Nothing limits the offset in ${reg(s)}: the access could go anywhere.`,
    subject: register(s, number(s, 0)),
    advice: [
      'Compare the index with a constant (or mask it) before it is added to the pointer.',
      'A check of the low 32 bits says nothing about a 64-bit index: check the variable ' +
        'in the width that is used.',
    ],
  }),
  'mem.size_negative': (s) => ({
    problem: `The length in ${reg(s)} may be negative.`,
    subject: register(s, number(s, 0)),
    advice: ['Make the length unsigned, or write `len &= MAX;` / `if (len < 0) return 0;` before.'],
  }),
  'mem.size_zero': (s) => ({
    problem: `The length in ${reg(s)} may be zero, which this helper does not take.`,
    subject: register(s, number(s, 0)),
    advice: ['Add `if (len == 0) return 0;` before the call.'],
  }),
  'mem.size_unbounded': (s) => ({
    ...(isShortSigned(s) && { id: 'negative-length' as const }),
    problem: `The length in ${reg(s)} has no upper limit.`,
    subject: register(s, number(s, 0)),
    advice: ['Write `if (len > sizeof(buffer)) len = sizeof(buffer);` or `len &= MAX;` before.'],
  }),
  'mem.misaligned': (s) => ({
    ...baseRegister(s),
    problem:
      `An access of ${bytes(number(s, 4))} is not at a multiple of its size, and this load ` +
      `asks for aligned accesses.`,
    advice: ['Read the field bytewise, drop `packed`, or load without strict alignment.'],
  }),
  'mem.misaligned_packet': (s) => ({
    ...baseRegister(s),
    problem:
      `An access of ${bytes(number(s, 4))} to the packet is not at a multiple of its size, ` +
      `and this load asks for aligned accesses.`,
    advice: ['Read the field bytewise with `__builtin_memcpy`.'],
  }),
  'mem.modified_pointer': (s) => ({
    problem:
      `${reg(s, 1)} is a ${text(s, 0)} pointer that was moved by ${number(s, 2)}: it may ` +
      `only be used as it was given.`,
    subject: register(s, number(s, 1)),
    advice: [
      'Access fields through the original pointer, with constant offsets.',
      'If the C code does, the compiler merged two accesses: put the access before the ' +
        'branch, or read through a volatile pointer.',
    ],
  }),
  'mem.variable_pointer': (s) => ({
    ...baseRegister(s),
    problem: `A ${text(s, 0)} pointer is accessed at an offset that is not constant.`,
    advice: ['Use constant offsets: choose with `if` or `switch` instead of computing an address.'],
  }),
  'mem.no_write': (s) => ({
    problem: `${reg(s)} points to ${text(s, 1)}, which may only be read.`,
    subject: register(s, number(s, 0)),
    advice: ['Copy what you need to the stack or to a map and change it there.'],
  }),
  'mem.leaks_address': (s) => ({
    problem:
      `The kernel address in ${reg(s)} would become readable in ${text(s, 1)}; this loader ` +
      `may not see kernel addresses.`,
    subject: register(s, number(s, 0)),
    advice: ['Store a number instead of the pointer, or load with CAP_PERFMON.'],
  }),
  'mem.different_pointers': () => ({
    problem: 'One instruction is reached with pointers of different kinds, depending on the path.',
    advice: ['Write the access once per branch, so that the compiler does not merge them.'],
  }),
  'context.invalid_access': contextAccess,
  'stack.uninit_range': stackUninit(2, 3, 4),
  'stack.uninit_variable_range': stackUninit(2, 3, 4),
  'stack.uninit_read': (s) => ({
    problem:
      `${bytes(number(s, 2))} are read from the stack at fp${number(s, 0)}, but byte ` +
      `${number(s, 1)} of them was never written.`,
    advice: ['Initialise the variable: `= {}` clears all of it, also the padding between fields.'],
  }),
  'stack.out_of_bounds': stackOutside,
  'stack.variable_out_of_bounds': (s) => ({
    problem: `An index into the stack may lead outside of it.`,
    subject: register(s, number(s, 1)),
    advice: ['Limit the index to the array before it is used.'],
  }),
  'stack.unbounded': (s) => ({
    problem: `Nothing limits the index into the stack in ${reg(s, 1)}.`,
    subject: register(s, number(s, 1)),
    advice: ['Limit the index to the array before it is used.'],
  }),
  'stack.corrupts_spill': () => ({
    problem: 'The store would overwrite part of a pointer that is saved on the stack.',
    advice: ['Do not write through pointers into the stack that overlap saved pointers.'],
  }),
  'btf_access.beyond_struct': (s) => ({
    problem: `The access goes beyond struct ${text(s, 0)}.`,
    advice: ['Cast to the type the object really has, or read it with bpf_probe_read_kernel().'],
  }),
};

const reg = (s: Situation, n = 0) => `R${number(s, n)}`;
const signed = (n: number) => (n < 0 ? String(n) : `+${n}`);

function packetBounds(s: Situation): Cause {
  const bounds = earlier(s, 'mem.packet_bounds');
  const [off, size, regno, , range] = (bounds?.args ?? []).map(Number);
  const needed = (off ?? 0) + (size ?? 1);
  const known = Math.max(range ?? 0, 0);
  const what =
    known === 0
      ? 'no check against `data_end` holds on this path'
      : `only ${bytes(known)} ${known === 1 ? 'is' : 'are'} known to be there`;
  return {
    problem: `The program reads or writes packet bytes up to ${needed}, but ${what}.`,
    subject: register(s, regno ?? number(s, 0)),
    advice: [
      `Check first, with the same pointer that is used: \`if (p + ${needed} > data_end) ` +
        `return …;\``,
      'After a helper that changes the packet, read `data` and `data_end` from the ' +
        'context again and check again.',
    ],
  };
}

function stackOutside(s: Situation): Cause {
  const [regno, off, size] = [number(s, 1), number(s, 2), number(s, 3)];
  const length = variableLength(s, regno);
  if (length !== undefined) {
    return {
      id: 'length-unbounded',
      problem:
        `The length in R${length} may be ${size}, but the buffer on the stack ` +
        `(fp${signed(off)}) has at most ${bytes(Math.max(-off, 0))}.`,
      subject: register(s, length),
      advice: ['Limit it to the size of the buffer: `if (len > sizeof(buf)) len = sizeof(buf);`'],
    };
  }
  const isAbove = off + size > 0;
  return {
    problem: isAbove
      ? `The access to ${bytes(size)} at fp${signed(off)} runs past the stack, which ends at fp.`
      : `The access to ${bytes(size)} at fp${signed(off)} is below the 512 bytes of stack.`,
    subject: register(s, regno),
    advice: isAbove
      ? [
          'The variable is smaller than what is accessed: compare the size with sizeof, the ' +
            'index with the length.',
        ]
      : ['Move large variables to a per-CPU array map.', 'Check the index of arrays on the stack.'],
  };
}

/** The register is the constant zero. */
function isNull(s: Situation): boolean {
  const n = number(s, 0);
  const words = [VALUE, VALUE + 1, MASK, MASK + 1].map((word) => lastWord(s, n, word));
  return words.every((word) => word === 0);
}

function invalidAccess(s: Situation): Cause {
  const type = text(s, 1);
  const subject = register(s, number(s, 0));
  if (type === 'scalar' && isNull(s)) {
    const steps = lineageOf(s.path, subject, s.path.length - 1);
    const isTested = steps.some(({ kind }) => kind === 'tested');
    return {
      id: 'null-check-missing',
      problem: `${reg(s)} is NULL on this path, and is used as a pointer.`,
      subject,
      advice: [
        isTested
          ? 'The check is there, but the path on which the pointer is NULL goes on: return there.'
          : 'Put `if (!p) return 0;` before it is used.',
      ],
    };
  }
  if (type === 'scalar') {
    return {
      problem: `${reg(s)} is used as a pointer, but it holds a plain number here.`,
      subject,
      advice: [
        'The history shows where the pointer became a number: 32-bit arithmetic, a load ' +
          'from memory the verifier knows nothing of, or two branches merged into one.',
        'Memory of the kernel is read with bpf_probe_read_kernel(), or through a typed ' +
          'pointer (CO-RE).',
      ],
    };
  }
  if (type.endsWith('_or_null') || type.includes('or_null_')) {
    return {
      id: 'null-check-missing',
      problem:
        `${reg(s)} may be NULL: its ${type.replace('_or_null', '')} was not checked on ` +
        `this path.`,
      subject,
      advice: [
        'Put `if (!p) return 0;` right behind the call that returned it, and use that ' +
          'same variable.',
      ],
    };
  }
  return {
    ...(type.startsWith('untrusted_') && { id: 'trust-lost' as const }),
    problem: `Memory cannot be accessed through ${reg(s)}, which is of kind ${type}.`,
    subject,
    advice: ['Use the pointer the helper or the context gave for this, or a helper that reads it.'],
  };
}

/** The stack byte at `off` is part of a pointer, which this loader may not see. */
function isSpilledPointer({ path, env }: Situation, off: number): boolean {
  const words = path.last[path.frames[path.length - 1] ?? 0];
  const spi = Math.floor((-off - 1) / 8);
  if (env.allowPtrLeaks || !words || off >= 0) return false;
  const r = slotAt(spi);
  return words[r + TYPE]! > SCALAR_VALUE && slotType(words, r, 7) === STACK_SPILL;
}

function leakedPointer(s: Situation): Cause {
  return {
    id: 'pointer-leak',
    problem: 'The call would read a pointer that is saved on the stack, which shows its address.',
    subject: register(s, number(s, 1)),
    advice: ['Store a number instead of the pointer, or load with CAP_PERFMON.'],
  };
}

function stackUninit(off: number, byte: number, size: number) {
  return (s: Situation): Cause => {
    const isFixed = typeof s.message.args[off] === 'number';
    if (isFixed && isSpilledPointer(s, number(s, off) + number(s, byte))) return leakedPointer(s);
    const where = isFixed ? `fp${number(s, off)}` : 'a variable offset';
    return {
      problem:
        `The call reads ${bytes(number(s, size))} of stack at ${where}, ` +
        `but byte ${number(s, byte)} of them was never written.`,
      subject: register(s, number(s, 1)),
      advice: [
        'Clear the whole object first: `struct x v = {};` or ' +
          '`__builtin_memset(&v, 0, sizeof(v))`; padding between fields counts too.',
      ],
    };
  };
}

/** An access that leaves memory of known size: by its length, its constant offset or its index. */
function outside(s: Situation): Cause {
  const regno = number(s, 0);
  const found =
    earlier(s, 'mem.value_bounds') ??
    earlier(s, 'mem.key_bounds') ??
    earlier(s, 'mem.region_bounds');
  const [total, off, size] = (found?.args ?? []).map(Number) as [number, number, number];
  const length = variableLength(s, regno);
  if (length !== undefined && found) {
    return {
      id: 'length-unbounded',
      problem:
        `The length in R${length} may be ${size}, but of ${whatOf(s)} only ` +
        `${bytes(Math.max(total - off, 0))} are left.`,
      subject: register(s, length),
      advice: ['Limit it to the size of the buffer: `if (len > sizeof(buf)) len = sizeof(buf);`'],
    };
  }
  const subject = register(s, regno);
  if (!isVariable(s, regno) && !isIndexed(s, regno)) {
    return {
      id: found?.code.startsWith('mem.region') ? 'memory-bounds' : 'map-value-bounds',
      problem: `The access covers bytes ${off} to ${off + size - 1} of ${whatOf(s)}.`,
      subject,
      advice: [
        'Stay within the object: compare the struct used here with the one the memory is ' +
          'declared with.',
      ],
    };
  }
  const low = found !== undefined && off < 0;
  return {
    id: 'index-out-of-range',
    ...(low ? tooLow(s) : tooHigh(s, total, off, size)),
    subject,
  };
}

/** An index that is known exactly, as loops have on each round. */
function isIndexed(s: Situation, regno: number): boolean {
  const steps = lineageOf(s.path, register(s, regno), s.path.length - 1);
  const changed = steps.flatMap(({ kind, insn }) => (kind === 'changed' ? [insn] : []));
  const isLoop = new Set(changed).size < changed.length;
  return isLoop || steps.some(({ kind }) => kind === 'moved');
}

/** A number whose low half is limited from above but may be negative: a signed int. */
function isShortSigned(s: Situation): boolean {
  const n = number(s, 0);
  const [min, max] = [lastWord(s, n, S32_MIN) ?? 0, lastWord(s, n, S32_MAX) ?? 0];
  return min < 0 && max < MAX_S32;
}

const MAX_S32 = 0x7fff_ffff;

function tooLow(s: Situation): Cause {
  return {
    problem: `${reg(s)} may point before the start of ${whatOf(s)}.`,
    advice: ['Make the index unsigned, or check that it is not negative before it is added.'],
  };
}

function tooHigh(s: Situation, total: number, off: number, size: number): Cause {
  return {
    problem:
      `The access may reach byte ${off + size} of ${whatOf(s)}: the offset in ${reg(s)} can be ` +
      `${off}, and must be at most ${total - size}.`,
    advice: [
      'Limit the index before it is added, on the very variable that is used: ' +
        '`if (i >= N) return 0;`',
      'If the check is there already, the compiler may have tested a copy: mask the index ' +
        '(`i &= N - 1`) or keep it in one variable with `barrier_var(i)`.',
    ],
  };
}

/** What memory the words are about, from the line the kernel prints before. */
function whatOf(s: Situation): string {
  const value = earlier(s, 'mem.value_bounds');
  if (value) return `the map's value of ${bytes(Number(value.args[0]))}`;
  const key = earlier(s, 'mem.key_bounds');
  if (key) return `the map's key of ${bytes(Number(key.args[0]))}`;
  const region = earlier(s, 'mem.region_bounds');
  if (region) return `the memory of ${bytes(Number(region.args[0]))}`;
  return POINTEES[(lastWord(s, number(s, 0), TYPE) ?? 0) & BASE_TYPE_MASK] ?? 'the memory';
}

const POINTEES: Readonly<Record<number, string>> = {
  [PTR_TO_PACKET]: 'the packet',
  [PTR_TO_PACKET_META]: "the packet's metadata",
  [PTR_TO_MAP_VALUE]: "the map's value",
  [PTR_TO_MAP_KEY]: "the map's key",
  [PTR_TO_STACK]: 'the stack',
};

/** The pointer of the load or store that was rejected. */
function baseRegister(s: Situation): Pick<Cause, 'subject'> {
  const insn = lastInsn(s);
  if (insn < 0) return {};
  const { code } = s.env;
  const cls = classOf(code.op[insn]!);
  if (cls === BPF_LDX) return { subject: register(s, code.src[insn]!) };
  if (cls === BPF_ST || cls === BPF_STX) return { subject: register(s, code.dst[insn]!) };
  return isCall(s.env, insn) ? { subject: register(s, 1) } : {};
}
