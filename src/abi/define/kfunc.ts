import { KernelError } from '../../base/index.ts';
import { kfuncFlags } from '../calls/kfunc-sets.ts';
import { KFUNC_TAG } from './tag.ts';
import type {
  KfuncArg,
  KfuncBuffer,
  KfuncNumber,
  KfuncObject,
  KfuncOptions,
  KfuncSpelling,
  OwnKfunc,
} from './types.ts';

const MAX_ARGS = 5;
const C_NAME = /^[A-Za-z_]\w*$/;

/**
 * Defines a kernel function argument by argument: `createMachine({ kfuncs: [myGet] })` has it, the
 * verifier checks calls of it, `kfuncHeader` and `kfuncStub` print it as C. What Linux 6.12 cannot
 * express (two arguments that are released) works too, and `kfuncSpelling` says so. Throws
 * KernelError EINVAL for what no function can be.
 *
 * @example
 * const add = kfunc('my_add', {
 *   args: [{ int: 'u32' }, { buf: true, sizeArg: 2 }, { int: 'u32' }],
 *   ret: { int: 'u32' },
 *   programs: ['xdp', 'tc'],
 *   body: (_, start, bytes) => bytes.reduce((sum, byte) => sum + byte, start),
 * });
 */
export function kfunc<const Args extends readonly KfuncArg[] = readonly []>(
  name: string,
  options: KfuncOptions<Args> = {},
): OwnKfunc {
  const { body, args = [], ...rest } = options;
  // The types of its parameters follow from `args`, which is what it will be called with.
  const untyped = body as unknown as NonNullable<OwnKfunc['body']>;
  const own: OwnKfunc = { ...rest, name, args, ...(body && { body: untyped }) };
  if (!C_NAME.test(name)) refuse(name, 'the name is not one of C');
  if (own.args.length > MAX_ARGS) refuse(name, `more than ${MAX_ARGS} arguments`);
  if (own.ret && 'int' in own.ret && !INTS.test(own.ret.int)) {
    refuse(name, `there is no number '${own.ret.int}' to return`);
  }
  own.args.forEach((arg, i) => checkArgument(name, own.args, arg, i));
  return own;
}

function refuse(name: string, words: string): never {
  throw new KernelError('EINVAL', 22, `kfunc '${name}': ${words}`);
}

export const isNumber = (arg: KfuncArg): arg is KfuncNumber => 'int' in arg;
export const isObject = (arg: KfuncArg): arg is KfuncObject => 'ptr' in arg;
export const isBuffer = (arg: KfuncArg): arg is KfuncBuffer => 'buf' in arg;

const KINDS = ['int', 'ptr', 'buf', 'string'];
const INTS = /^(bool|[us](8|16|32|64))$/;

/** Definitions may come from plain JavaScript. */
function checkKind(name: string, arg: object, index: number): void {
  const kinds = KINDS.filter((kind) => kind in arg);
  if (kinds.length !== 1) refuse(name, `argument ${index} is one of ${KINDS.join(', ')}`);
  if ('int' in arg && !INTS.test(String(arg.int))) {
    refuse(name, `argument ${index}: there is no number '${String(arg.int)}'`);
  }
}

function checkArgument(name: string, args: readonly KfuncArg[], arg: KfuncArg, index: number) {
  checkKind(name, arg, index);
  if (arg.name !== undefined && !C_NAME.test(arg.name)) {
    refuse(name, `argument ${index}: '${arg.name}' is no name of C`);
  }
  if (isObject(arg) && arg.trusted && arg.rcu) {
    refuse(name, `argument ${index} is either trusted or protected by RCU`);
  }
  if (!isBuffer(arg)) return;
  if ((arg.sizeArg === undefined) === (arg.size === undefined)) {
    refuse(name, `argument ${index}: a buffer has a sizeArg or a size`);
  }
  if (arg.size !== undefined && !(Number.isInteger(arg.size) && arg.size > 0)) {
    refuse(name, `argument ${index}: a size of ${arg.size}`);
  }
  if (arg.sizeArg === undefined) return;
  const size = args[arg.sizeArg];
  if (arg.sizeArg !== index + 1 || !size || !isNumber(size)) {
    refuse(name, `argument ${index}: its length must be the number in the next argument`);
  }
}

/** Its length is what the argument before it has in `sizeArg`. */
const isLength = (args: readonly KfuncArg[], index: number): boolean => {
  const before = args[index - 1];
  return before !== undefined && isBuffer(before) && before.sizeArg === index;
};

/** The definition in the kernel's words, and what those cannot say. */
export function kfuncSpelling(own: OwnKfunc): KfuncSpelling {
  const { args, ret, sleepable, destructive } = own;
  const released = releaseOf(args);
  // What KF_RELEASE takes is trusted without another flag.
  const trust = released.flags === 0 ? trustOf(args) : NOTHING;
  const acquires = ret && 'ptr' in ret && ret.acquire;
  const flags =
    trust.flags |
    released.flags |
    (acquires ? kfuncFlags.ACQUIRE : 0) |
    (ret && 'ptr' in ret && ret.nullable ? kfuncFlags.RET_NULL : 0) |
    (sleepable ? kfuncFlags.SLEEPABLE : 0) |
    (destructive ? kfuncFlags.DESTRUCTIVE : 0);
  const operations = operationsOf(own);
  return {
    params: args.map((_, i) => paramName(args, i)),
    flags,
    tags: [
      ...trust.tags,
      ...released.tags,
      ...operations.map((it) => [-1, `${KFUNC_TAG}in:${it}`] as const),
    ],
    notPortable: [
      ...trust.notPortable,
      ...released.notPortable,
      ...(operations.length > 0
        ? [`only in ${operations.join(', ')}: a set knows types of programs, no operations`]
        : []),
    ],
  };
}

/** Operations of struct_ops tables among its programs. */
export const operationsOf = ({ programs = [] }: OwnKfunc): string[] =>
  programs.filter((name) => name.includes('.'));

type Part = Pick<KfuncSpelling, 'flags' | 'tags' | 'notPortable'>;

const NOTHING: Part = { flags: 0, tags: [], notPortable: [] };

const levelOf = ({ trusted, rcu, release }: KfuncObject): 'trusted' | 'rcu' | undefined =>
  trusted || release ? 'trusted' : rcu ? 'rcu' : undefined;

/** One flag is for all objects a function takes. */
function trustOf(args: readonly KfuncArg[]): Part {
  const levels = args.flatMap((arg, i) => (isObject(arg) ? [[i, levelOf(arg)] as const] : []));
  const wanted = levels.filter(([, level]) => level !== undefined);
  if (wanted.length === 0) return NOTHING;
  const first = wanted[0]![1]!;
  if (levels.every(([, level]) => level === first)) {
    const flags = first === 'rcu' ? kfuncFlags.RCU : kfuncFlags.TRUSTED_ARGS;
    return { flags, tags: [], notPortable: [] };
  }
  return {
    flags: 0,
    tags: wanted.map(([i, level]) => [i, KFUNC_TAG + level!] as const),
    notPortable: ['not all objects must be trusted alike: KF_TRUSTED_ARGS and KF_RCU are for all'],
  };
}

/** KF_RELEASE takes the one reference among the arguments. */
function releaseOf(args: readonly KfuncArg[]): Part {
  const objects = args.filter(isObject);
  const released = args.flatMap((arg, i) => (isObject(arg) && arg.release ? [i] : []));
  if (released.length === 0) return NOTHING;
  if (released.length === 1 && objects.length === 1) {
    return { flags: kfuncFlags.RELEASE, tags: [], notPortable: [] };
  }
  const words =
    released.length > 1
      ? `${released.length} arguments are released: KF_RELEASE takes one`
      : 'KF_RELEASE does not say which of the objects is released';
  const tags = released.map((i) => [i, `${KFUNC_TAG}release`] as const);
  return { flags: 0, tags, notPortable: [words] };
}

function paramName(args: readonly KfuncArg[], index: number): string {
  const arg = args[index]!;
  const name = arg.name ?? `${defaultName(args, index)}${index + 1}`;
  if (isNumber(arg)) {
    if (isLength(args, index)) return `${name}${arg.constant ? '__szk' : '__sz'}`;
    return arg.constant ? `${name}__k` : name;
  }
  if ('string' in arg) return `${name}__str`;
  return arg.nullable ? `${name}__nullable` : name;
}

function defaultName(args: readonly KfuncArg[], index: number): string {
  const arg = args[index]!;
  if (isNumber(arg)) return isLength(args, index) ? 'size' : 'value';
  if (isBuffer(arg)) return 'buf';
  return isObject(arg) ? arg.ptr : 'text';
}
