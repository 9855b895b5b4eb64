import {
  type ArgContract,
  type CallContract,
  enums,
  HELPER_COUNT,
  helperAvailability,
  helperContract,
  helperId,
  helperName,
  programTypeName,
} from '../abi/index.ts';
import type { CommandCall } from './command.ts';
import { EXIT, usageError } from './exit.ts';
import { type CliIo, type Style, styleFor } from './io.ts';
import { kfuncCard, kfuncNames } from './proto-kfunc.ts';
import { didYouMean } from './suggest.ts';
import { formatTable } from './table.ts';
import { toJson } from './values.ts';

/** What is shown of a helper or kfunc. */
export interface Card {
  readonly kind: 'helper' | 'kfunc';
  readonly name: string;
  /** Helper id, or id of the kfunc in the kernel's BTF. */
  readonly id: number;
  /** As C declares it. */
  readonly declaration: string;
  readonly arguments: readonly CardArgument[];
  readonly returns: string;
  /** What holds for the whole call: 'GPL only', 'may sleep'. */
  readonly notes: readonly string[];
  readonly callers: readonly CardCaller[];
}

export interface CardArgument {
  readonly name: string;
  readonly kind: string;
  readonly access: string;
  readonly notes: readonly string[];
}

/** A program type that may call it, and what that takes. */
export interface CardCaller {
  readonly type: string;
  readonly capability?: string;
  readonly attach?: readonly string[];
  readonly except_attach?: readonly string[];
}

/** `beeyard proto`: the contract card of a helper or kfunc. */
export async function run(call: CommandCall, io: CliIo): Promise<number> {
  const card = await cardOf(call.operands[0]!);
  if (call.json) io.out(`${toJson(card, call.flag('pretty'))}\n`);
  else io.out(cardText(card, io.columns, styleFor(io.color)));
  return EXIT.ok;
}

async function cardOf(name: string): Promise<Card> {
  const id = helperId(name);
  const contract = id === undefined ? undefined : helperContract(id);
  if (id !== undefined && contract) return helperCard(id, contract);
  const kfunc = (await kfuncCard(name)) ?? (await kfuncCard(`bpf_${name}`));
  if (kfunc) return kfunc;
  const helpers = Array.from({ length: HELPER_COUNT }, (_, i) => `bpf_${helperName(i)}`);
  const hint = didYouMean(name, [...helpers, ...(await kfuncNames())]);
  throw usageError(`Linux 6.12 has no helper or kfunc '${name}'${hint}`);
}

function helperCard(id: number, contract: CallContract): Card {
  const { name, args } = contract;
  return {
    kind: 'helper',
    name,
    id,
    declaration: `${name}(${args.map(parameterText).join(', ')})`,
    arguments: args.map((arg, i) => ({
      name: nameOf(args, i),
      kind: arg.kind,
      access: arg.access ?? '',
      notes: argumentNotes(arg, args),
    })),
    returns: returnText(contract),
    notes: callNotes(contract),
    callers: callersOf(id),
  };
}

const nameOf = (args: readonly ArgContract[], index: number): string =>
  args[index]?.name ?? `argument ${index + 1}`;

function parameterText(arg: ArgContract, index: number): string {
  const type = arg.type ?? arg.kind;
  return `${type}${type.endsWith('*') ? '' : ' '}${arg.name ?? `a${index + 1}`}`;
}

function argumentNotes(arg: ArgContract, args: readonly ArgContract[]): string[] {
  const notes: (string | false | undefined)[] = [
    arg.nullable && 'may be null',
    arg.uninit && 'need not be initialised',
    arg.size !== undefined && `${arg.size} bytes`,
    arg.align !== undefined && `aligned to ${arg.align}`,
    arg.sizeFrom !== undefined && `as long as ${nameOf(args, arg.sizeFrom)} says`,
    arg.kind === 'size' && (arg.zeroSizeOk ? 'may be 0' : 'not 0'),
    arg.release && 'gives up the reference',
    arg.trust,
    arg.user && 'memory of the user',
    arg.dynptr && `dynptr of kind ${arg.dynptr}`,
    arg.btf && `struct ${arg.btf}`,
  ];
  return notes.filter((note) => typeof note === 'string');
}

function returnText({ returns, args }: CallContract): string {
  const notes = [
    returns.kind,
    returns.btf && `struct ${returns.btf}`,
    returns.nullable && 'may be null',
    returns.trust,
    returns.acquire && 'a reference that must be released',
    returns.sizeFrom !== undefined && `as long as ${nameOf(args, returns.sizeFrom)} says`,
  ];
  return notes.filter(Boolean).join(', ');
}

function callNotes(contract: CallContract): string[] {
  const notes = [
    contract.gplOnly && 'only programs under a GPL-compatible licence',
    contract.maySleep && 'may sleep: only sleepable programs',
    contract.packetAccess && 'takes pointers into the packet',
    contract.changesPacket && 'pointers into the packet are invalid afterwards',
    contract.fastcall && 'keeps the registers it does not need (bpf_fastcall)',
    contract.callback === 'synchronous' && 'calls its callback before it returns',
    contract.callback === 'asynchronous' && 'calls its callback later',
  ];
  return notes.filter((note) => typeof note === 'string');
}

function callersOf(id: number): CardCaller[] {
  const types = Object.entries(enums.bpf_prog_type).filter(
    ([name]) => !/MAX|UNSPEC|_EXT$/.test(name),
  );
  return types.flatMap(([, type]) => {
    const row = helperAvailability(type, id);
    if (!row) return [];
    return {
      type: programTypeName(type),
      ...(row.capability ? { capability: row.capability } : {}),
      ...(row.attach ? { attach: row.attach } : {}),
      ...(row.exceptAttach ? { except_attach: row.exceptAttach } : {}),
    };
  });
}

const COLUMNS = [{ head: 'argument' }, { head: 'kind' }, { head: 'access' }, { head: '' }];

function cardText(card: Card, columns: number, style: Style): string {
  const { dim } = style;
  const rows = card.arguments.map((arg, i) => [
    `${i + 1} ${arg.name}`,
    arg.kind,
    arg.access,
    arg.notes.join(', '),
  ]);
  const lines = [
    `${style.bold(card.declaration)}  ${dim(`${card.kind} ${card.id}`)}`,
    '',
    rows.length > 0 ? formatTable(COLUMNS, rows, columns, dim) : '  no arguments\n',
    `  ${dim('returns')} ${card.returns}`,
    ...card.notes.map((note) => `  ${note}`),
    '',
    `  ${dim('programs that may call it')}`,
    ...callerLines(card.callers, columns),
  ];
  return `${lines.map((line) => line.replace(/\n$/, '')).join('\n')}\n`;
}

/** Types that may call it for the same price, together. */
function callerLines(callers: readonly CardCaller[], columns: number): string[] {
  if (callers.length === 0) return ['  none of this kernel'];
  const groups = new Map<string, string[]>();
  for (const { type, capability, attach, except_attach: except } of callers) {
    const terms = [
      capability && `with ${capability}`,
      attach && `attached as ${attach.join(', ')}`,
      except && `not attached as ${except.join(', ')}`,
    ];
    const key = terms.filter(Boolean).join('; ');
    groups.set(key, [...(groups.get(key) ?? []), type]);
  }
  return [...groups].flatMap(([terms, types]) =>
    wrapped(`${terms ? `${terms}: ` : ''}${types.join(' ')}`, columns),
  );
}

function wrapped(text: string, columns: number): string[] {
  const lines: string[] = [];
  let line = ' ';
  for (const word of text.split(' ')) {
    if (line.length + word.length + 1 > columns && line !== ' ') {
      lines.push(line);
      line = '   ';
    }
    line += ` ${word}`;
  }
  return [...lines, line];
}
