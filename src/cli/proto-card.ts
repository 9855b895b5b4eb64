/** A call contract as a card: one code path for helpers, kfuncs and functions. */
import {
  type ArgContract,
  type CallbackContract,
  type CallContract,
  type CallScope,
  callScope,
  type KernelProfile,
  programTypeNumbers,
  type ReturnContract,
} from '../abi/index.ts';
import { wrapText } from '../base/index.ts';
import type { Style } from './io.ts';
import { formatTable, naturalWidth } from './table.ts';

/** Program types that have calls of their own: all but EXT. */
const PROGRAM_TYPES = programTypeNumbers.length - 1;

/** What is shown of a contract; JSON has the same keys. */
export interface Card {
  readonly kind: CallContract['callee'];
  readonly name: string;
  /** Helper id, or BTF id of the function. */
  readonly id: number | undefined;
  readonly module?: string;
  /** As C declares it. */
  readonly declaration: string;
  readonly arguments: readonly CardArgument[];
  readonly returns: CardResult;
  /** Functions it calls: what they get and may return. */
  readonly callback?: CardCallback;
  /** What holds for the whole call: 'GPL only', 'may sleep'. */
  readonly notes: readonly string[];
  readonly callers: readonly CardCaller[];
}

export interface CardArgument {
  readonly name: string;
  /** C type. */
  readonly type: string;
  readonly kind: string;
  readonly access: string;
  readonly nullable?: boolean;
  readonly trust?: string;
  /** Bytes, or the argument that says how many. */
  readonly size?: number;
  readonly size_from?: string;
  readonly release?: boolean;
  readonly notes: readonly string[];
}

export interface CardResult {
  readonly type: string;
  readonly kind: string;
  readonly nullable?: boolean;
  readonly trust?: string;
  readonly size?: number;
  readonly size_from?: string;
  readonly acquire?: boolean;
  readonly notes: readonly string[];
}

interface CardCallback {
  readonly when: string;
  readonly arguments: readonly CardArgument[];
  readonly returns: CardResult;
}

/** A program type that may call it, and what that takes. */
export interface CardCaller {
  readonly type: string;
  readonly struct_ops?: string;
  readonly except_members?: readonly string[];
  readonly capability?: string;
  readonly attach?: readonly string[];
  readonly except_attach?: readonly string[];
  readonly config?: readonly string[];
  readonly sleepable?: boolean;
}

/** The card of a contract; who may call it is asked of `kernel` with its modules. */
export function cardOf(contract: CallContract, kernel: KernelProfile): Card {
  const { callee, name, id, module, args, returns, callback } = contract;
  return {
    kind: callee,
    name,
    id,
    ...(module === undefined ? {} : { module }),
    declaration: declarationOf(contract),
    arguments: args.map((_, i) => argumentOf(args, i)),
    returns: resultOf(returns, args),
    ...(callback ? { callback: callbackOf(callback, args) } : {}),
    notes: notesOf(contract),
    callers: callScope(contract, kernel.modules).map(callerOf),
  };
}

const nameOf = (args: readonly ArgContract[], index: number): string =>
  args[index]?.name ?? `argument ${index + 1}`;

function declarationOf({ name, args, returns }: CallContract): string {
  const result = returns.type === undefined ? '' : declared(returns.type, '');
  const params = args.map((arg, i) => declared(arg.type ?? arg.kind, arg.name ?? `a${i + 1}`));
  return `${result}${name}(${params.join(', ')})`;
}

/** A C type with the name where C wants it. */
function declared(type: string, name: string): string {
  if (type.includes('(*)')) return type.replace('(*)', `(*${name})`);
  return `${type}${type.endsWith('*') ? '' : ' '}${name}`;
}

function argumentOf(args: readonly ArgContract[], index: number, caller = args): CardArgument {
  const arg = args[index]!;
  return {
    name: nameOf(args, index),
    type: arg.type ?? '',
    kind: arg.kind,
    access: arg.access ?? '',
    ...given({
      nullable: arg.nullable,
      trust: arg.trust,
      size: arg.size,
      size_from: arg.sizeFrom === undefined ? undefined : nameOf(args, arg.sizeFrom),
      release: arg.release,
    }),
    notes: words([
      arg.btf && !arg.type?.includes(arg.btf) && `struct ${arg.btf}`,
      arg.memoryOk && 'or memory with the same in it',
      arg.nullable && 'may be null',
      arg.optional && 'may be null whatever its length',
      arg.trust && arg.trust !== 'untrusted' && !arg.nullable && 'not null',
      arg.trust && TRUST[arg.trust],
      arg.uninit && 'need not be initialised',
      arg.size !== undefined && `${arg.size} bytes`,
      arg.align !== undefined && `aligned to ${arg.align}`,
      arg.sizeFrom !== undefined && `as long as ${nameOf(args, arg.sizeFrom)} says`,
      arg.kind === 'size' && isHelperSize(arg) && (arg.zeroSizeOk ? 'may be 0' : 'not 0'),
      arg.constant && 'a constant',
      arg.ignored && 'ignored: the verifier fills it in',
      arg.release && 'gives up the reference',
      arg.insert && 'becomes part of the list or tree',
      arg.borrowed && 'in a list or tree, not owned',
      arg.percpu && 'one per CPU',
      arg.user && 'memory of the user',
      arg.dynptr && `dynptr of kind ${arg.dynptr}`,
      arg.sameAs !== undefined && `of the type of ${nameOf(args, arg.sameAs)}`,
      arg.from !== undefined && `${nameOf(caller, arg.from)} as it is`,
      arg.of !== undefined && `of ${nameOf(caller, arg.of)}`,
    ]),
  };
}

/** Helpers say of every length whether it may be 0; kfuncs take what their memory takes. */
const isHelperSize = (arg: ArgContract): boolean => arg.raw !== undefined;

const TRUST = {
  trusted: 'trusted',
  rcu: 'trusted or protected by RCU',
  untrusted: 'may be stale',
} as const;

function resultOf(returns: ReturnContract, args: readonly ArgContract[]): CardResult {
  const { kind, type, nullable, trust, size, sizeFrom, acquire, range } = returns;
  const sizeName = sizeFrom === undefined ? undefined : nameOf(args, sizeFrom);
  return {
    type: type ?? '',
    kind,
    ...given({
      nullable,
      trust,
      size,
      size_from: sizeName,
      acquire: acquire === true || undefined,
    }),
    notes: words([
      returns.btf && !type?.includes(returns.btf) && `struct ${returns.btf}`,
      nullable && 'may be null',
      trust && TRUST[trust],
      returns.access === 'read' && 'read only',
      size !== undefined && `${size} bytes`,
      sizeName && `as long as ${sizeName} says`,
      returns.typeFrom !== undefined && `of the type whose id ${nameOf(args, returns.typeFrom)} is`,
      returns.percpu && 'one per CPU',
      acquire === true && 'a reference that must be released',
      acquire === 'sockets' && 'from maps of sockets, a reference that must be released',
      returns.keepsReference && 'with the reference of the argument',
      returns.borrowed && 'good while the lock is held',
      typeof range === 'object' && `${range.min} to ${range.max}`,
      range === 'length' && 'up to the length asked for, or an error',
      range === 'cpu' && 'the number of a CPU',
    ]),
  };
}

function callbackOf(callback: CallbackContract, caller: readonly ArgContract[]): CardCallback {
  return {
    when: callback.when,
    arguments: callback.args.map((_, i) => argumentOf(callback.args, i, caller)),
    returns: resultOf(callback.returns, callback.args),
  };
}

const SECTIONS = {
  spin_lock: 'a section under a lock',
  rcu: 'an RCU read section',
  preempt_off: 'a section without preemption',
} as const;

const ITERATOR = {
  new: 'starts an iterator',
  next: 'moves an iterator on: next element, or null',
  destroy: 'ends an iterator',
} as const;

function notesOf(contract: CallContract): string[] {
  const { args, callback, enters, leaves, iterator } = contract;
  return words([
    contract.module && `of the kernel module ${contract.module}`,
    contract.gplOnly && 'only programs under a GPL-compatible licence',
    contract.maySleep && 'may sleep: only sleepable programs',
    contract.onlyIn && `only in ${contract.onlyIn}`,
    contract.destructive && 'can bring the machine down: needs CAP_SYS_BOOT',
    contract.deviceBound && 'only programs loaded for one network device',
    contract.packetAccess && 'takes pointers into the packet',
    contract.changesPacket && 'pointers into the packet are invalid afterwards',
    contract.release && !args.some((arg) => arg.release) && 'gives up the reference it is given',
    contract.rcuProtected && 'good within one RCU read section',
    enters && `begins ${SECTIONS[enters]}`,
    leaves && `ends ${SECTIONS[leaves]}`,
    iterator && ITERATOR[iterator],
    contract.graph &&
      contract.graph !== 'refcount' &&
      'only while the lock beside the root is held',
    contract.replacesProgram && 'if it succeeds, another program goes on in place of this one',
    contract.throws && 'ends the program',
    contract.changesMap && 'not on maps that programs may only read',
    contract.fastcall && 'keeps the registers it does not need (bpf_fastcall)',
    callback?.when === 'synchronous' && 'calls its callback before it returns',
    callback?.when === 'asynchronous' && 'calls its callback later',
  ]);
}

function callerOf(scope: CallScope): CardCaller {
  return {
    type: scope.type,
    ...given({
      struct_ops: scope.structOps,
      except_members: scope.exceptMembers,
      capability: scope.capability,
      attach: scope.attach,
      except_attach: scope.exceptAttach,
      config: scope.config,
      sleepable: scope.sleepable,
    }),
  };
}

const words = (notes: readonly (string | false | undefined)[]): string[] =>
  notes.filter((note) => typeof note === 'string' && note !== '') as string[];

type Defined<T> = { [K in keyof T]?: Exclude<T[K], undefined> };

/** Only the keys that have a value. */
const given = <T extends object>(values: T): Defined<T> =>
  Object.fromEntries(
    Object.entries(values).filter(([, value]) => value !== undefined),
  ) as Defined<T>;

const COLUMNS = [{ head: 'argument' }, { head: 'kind' }, { head: 'access' }, { head: '' }];

/** Indents of text that goes on in more lines. */
const HANGING = ['  ', '    '] as const;
/** Notes get at least that many columns; they go on in the next line. */
const NOTES_WIDTH = 30;

/** The card for a terminal of that many columns. */
export function cardText(card: Card, columns: number, style: Style): string {
  const { dim } = style;
  const declaration = wrapText(card.declaration, columns, '', '  ');
  const identity = `${card.kind} ${card.id ?? ''}`;
  const lines = [
    ...declaration.slice(0, -1).map(style.bold),
    `${style.bold(declaration.at(-1)!)}  ${dim(identity)}`,
    '',
    argumentTable(card.arguments, columns, dim),
    ...wrapText(`returns ${resultText(card.returns)}`, columns, ...HANGING),
    ...card.notes.flatMap((note) => wrapText(note, columns, ...HANGING)),
    '',
    ...callbackLines(card.callback, columns, dim),
    ...callerLines(card, columns, dim),
  ];
  return `${lines
    .map((line) => line.replace(/\n$/, ''))
    .join('\n')
    .trimEnd()}\n`;
}

type Dim = Style['dim'];

function argumentTable(args: readonly CardArgument[], columns: number, dim: Dim): string {
  if (args.length === 0) return '  no arguments\n';
  const heads = (nameOfArg: (arg: CardArgument) => string) =>
    args.map((arg, i) => [`${i + 1} ${nameOfArg(arg)}`, arg.kind, arg.access]);
  const typed = heads((arg) => declared(arg.type, arg.name).trim());
  // The types stand in the declaration, too.
  const fits = columns - naturalWidth(COLUMNS, typed) >= NOTES_WIDTH;
  const cells = fits ? typed : heads((arg) => arg.name);
  const room = columns - naturalWidth(COLUMNS, cells);
  const rows = args.flatMap((arg, i) => {
    const [first, ...rest] = wrapText(arg.notes.join(', '), room);
    return [[...cells[i]!, first!], ...rest.map((line) => ['', '', '', line])];
  });
  return formatTable(COLUMNS, rows, columns, dim);
}

const resultText = ({ type, kind, notes }: CardResult): string =>
  [type && kind !== 'void' ? `${type} (${kind})` : kind, ...notes].join(', ');

function callbackLines(callback: CardCallback | undefined, columns: number, dim: Dim): string[] {
  if (!callback) return [];
  return [
    `  ${dim('its callback is called with')}`,
    argumentTable(callback.arguments, columns, dim),
    `  ${dim('and returns')} ${resultText(callback.returns)}`,
    '',
  ];
}

/** Types that may call it for the same price, together. */
function callerLines({ kind, callers }: Card, columns: number, dim: Dim): string[] {
  if (kind === 'function') return [];
  const head = `  ${dim('programs that may call it')}`;
  if (callers.length === 0) return [head, '  none of this kernel'];
  const groups = new Map<string, string[]>();
  for (const caller of callers) {
    const key = termsOf(caller).join('; ');
    const type = caller.struct_ops ? `${caller.type}/${caller.struct_ops}` : caller.type;
    groups.set(key, [...(groups.get(key) ?? []), type]);
  }
  const lines = [...groups].flatMap(([terms, types]) =>
    wrapText(`${terms ? `${terms}: ` : ''}${typesText(types)}`, columns, ...HANGING),
  );
  return [head, ...lines];
}

/** Types by name; there are as many as Linux has when none is left out. */
const typesText = (types: readonly string[]): string =>
  types.length === PROGRAM_TYPES ? 'all program types' : types.join(' ');

function termsOf(caller: CardCaller): string[] {
  return words([
    caller.sleepable && 'sleepable',
    caller.capability && `with ${caller.capability}`,
    caller.attach && `attached as ${caller.attach.join(', ')}`,
    caller.except_attach && `not attached as ${caller.except_attach.join(', ')}`,
    caller.except_members && `but for ${caller.except_members.join(', ')}`,
    caller.config && `where the kernel has ${caller.config.join(', ')}`,
  ]);
}
