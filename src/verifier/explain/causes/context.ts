import { contextMember, contextRules, READ, REFUSED, WRITE } from '../../../abi/index.ts';
import { BPF_ST, BPF_STX, classOf } from '../../../isa/index.ts';
import type { BtfType } from '../../../btf/index.ts';
import { bytes, type Cause, lastInsn, number, register, type Situation } from './cause.ts';

const SIZES = [1, 2, 4, 8] as const;
/** Names of fields that are listed at most. */
const MAX_FIELDS = 14;

/** An access to the context that the program type may not do: which field it is, and what may. */
export function contextAccess(s: Situation): Cause {
  const [off, size] = [number(s, 0), number(s, 1)];
  const { env } = s;
  const insn = Math.max(lastInsn(s), 0);
  const cls = classOf(env.code.op[insn]!);
  const isWrite = cls === BPF_ST || cls === BPF_STX;
  const verb = isWrite ? 'write' : 'read';
  const base = isWrite ? env.code.dst[insn]! : env.code.src[insn]!;
  const rules = contextRules(env.programType, env.expectedAttachType);
  if (rules?.btf) return { ...noArgument(s, off), subject: register(s, base) };
  const struct = contextStruct(s);
  if (struct && off >= struct.size) {
    return {
      problem:
        `The context (struct ${struct.name}) has ${bytes(struct.size)}: offset ${off} is ` +
        'behind it.',
      subject: register(s, base),
      advice: ['Is the function written for another program type? Use the context of this one.'],
    };
  }
  const field = struct && fieldAt(struct, off);
  const what = field ? `'${field}' of struct ${struct.name}` : `offset ${off} of its context`;
  return {
    problem: `This program type may not ${verb} ${bytes(size)} at ${what}.`,
    subject: register(s, base),
    advice: adviceFor(s, off, size, isWrite, struct),
  };
}

/** Programs whose context is the arguments of a function. */
function noArgument({ env }: Situation, off: number): Cause {
  const name = env.attachName || 'what it attaches to';
  return {
    problem: `The program uses argument ${off / 8} (from 0) of ${name}, which is not there for it.`,
    advice: [
      'Compare with the prototype; the return value comes after the arguments, at fexit only.',
    ],
  };
}

function adviceFor(
  s: Situation,
  off: number,
  size: number,
  isWrite: boolean,
  struct: Struct | undefined,
): string[] {
  const { env } = s;
  const rules = contextRules(env.programType, env.expectedAttachType);
  const may = (at: number, width: number, mode: typeof READ | typeof WRITE) =>
    rules !== undefined && rules.access(at, width, mode, env.bpfCapable) !== REFUSED;
  const mode = isWrite ? WRITE : READ;
  const others = SIZES.filter((width) => width !== size && may(off, width, mode));
  if (others.length > 0) {
    return [
      `Access it with ${others.join(' or ')} bytes; \`volatile\` keeps the compiler from it.`,
    ];
  }
  const names = struct
    ? allowedFields(struct, (at) => SIZES.some((width) => may(at, width, mode)))
    : [];
  const list = names.slice(0, MAX_FIELDS).join(', ') + (names.length > MAX_FIELDS ? ', …' : '');
  const verb = isWrite ? 'write' : 'read';
  return [
    ...(isWrite && may(off, size, READ) ? ['It may be read, but not written.'] : []),
    ...(list ? [`Fields it may ${verb}: ${list}.`] : []),
    ...(list ? [] : ['Use the fields the program type has, in their own size.']),
  ];
}

type Struct = Extract<BtfType, { readonly kind: 'struct' | 'union' }>;

/** The context as programs see it, by the kernel's own table. */
function contextStruct({ env }: Situation): Struct | undefined {
  const kernel = env.profile.btf();
  const type = kernel.resolved(contextMember(kernel, env.programType, 'prog').id);
  return type.kind === 'struct' ? type : undefined;
}

function allowedFields(struct: Struct, isAllowed: (offset: number) => boolean): string[] {
  const members = struct.members.filter(({ name, bitOffset }) => name && isAllowed(bitOffset / 8));
  return members.map(({ name }) => name);
}

/** Name of the member that covers a byte; '' in holes and unions without names. */
function fieldAt(struct: Struct, offset: number): string {
  const before = struct.members.filter(({ bitOffset }) => bitOffset / 8 <= offset);
  return offset < struct.size ? (before.at(-1)?.name ?? '') : '';
}
