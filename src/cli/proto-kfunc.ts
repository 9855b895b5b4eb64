import {
  enums,
  type KfuncDef,
  kfuncByName,
  kfuncFlags,
  kfuncsOf,
  type KernelModule,
  loadKernelProfile,
  moduleKfuncsOf,
  programTypeName,
} from '../abi/index.ts';
import { type Btf, declareC } from '../btf/index.ts';
import { kfuncContract, type KfuncParam } from '../verifier/index.ts';
import type { Card, CardArgument, CardCaller } from './proto.ts';

/** What KF_* flags mean for whoever calls. */
const FLAG_TEXTS: readonly (readonly [keyof typeof kfuncFlags, string])[] = [
  ['ACQUIRE', 'returns a reference that must be released'],
  ['RELEASE', 'gives up the reference in its argument'],
  ['RET_NULL', 'may return null'],
  ['TRUSTED_ARGS', 'pointers must be trusted and not null'],
  ['SLEEPABLE', 'may sleep: only sleepable programs'],
  ['DESTRUCTIVE', 'needs CAP_SYS_BOOT'],
  ['RCU', 'pointers must be trusted or protected by RCU'],
  ['ITER_NEW', 'starts an iterator'],
  ['ITER_NEXT', 'next element of an iterator'],
  ['ITER_DESTROY', 'ends an iterator'],
  ['RCU_PROTECTED', 'only inside an RCU read section'],
];

const PROGRAM_TYPES = Object.entries(enums.bpf_prog_type)
  .filter(([name]) => !/MAX|UNSPEC|_EXT$/.test(name))
  .map(([, id]) => id);

type KfuncTable = (programType: number) => ReadonlyMap<number, KfuncDef>;

const tableOf =
  (module: KernelModule): KfuncTable =>
  (type) =>
    moduleKfuncsOf(module, type);

const definitions = (table: KfuncTable): KfuncDef[] =>
  PROGRAM_TYPES.flatMap((type) => [...table(type).values()]);

/** Every kfunc of the kernel and of its modules. */
export async function kfuncNames(): Promise<string[]> {
  const { modules } = await loadKernelProfile();
  const tables: KfuncTable[] = [(type) => kfuncsOf(type), ...modules.map(tableOf)];
  return [...new Set(tables.flatMap(definitions).map(({ name }) => name))];
}

/** The card of a kfunc of the kernel or of a module; undefined if there is none of that name. */
export async function kfuncCard(name: string): Promise<Card | undefined> {
  const def = kfuncByName(name);
  const kernel = await loadKernelProfile();
  if (def) return cardOf(def, kernel.btf(), kfuncsOf);
  for (const module of kernel.modules) {
    const own = definitions(tableOf(module)).find((each) => each.name === name);
    if (!own) continue;
    const card = cardOf(own, module.btf(), tableOf(module));
    return { ...card, notes: [...card.notes, `of the kernel module ${module.name}`] };
  }
  return undefined;
}

function cardOf(def: KfuncDef, btf: Btf, table: KfuncTable): Card {
  const { params, result } = kfuncContract(btf, def);
  return {
    kind: 'kfunc',
    name: def.name,
    id: def.id,
    declaration: declarationOf(btf, def),
    arguments: params.map((param) => argumentOf(btf, param)),
    returns:
      result.kind === 'ptr' ? declareC(btf, result.id, '').trim() : result.name || result.kind,
    notes: FLAG_TEXTS.filter(([flag]) => def.flags & kfuncFlags[flag]).map(([, text]) => text),
    callers: callersOf(def, table),
  };
}

function declarationOf(btf: Btf, { id }: KfuncDef): string {
  const func = btf.type(id);
  return func.kind === 'func' ? declareC(btf, func.type, func.name) : func.name;
}

function argumentOf(btf: Btf, param: KfuncParam): CardArgument {
  const notes = [
    param.nullable && 'may be null',
    param.constant && 'a constant',
    param.ignored && 'ignored: the verifier fills it in',
    param.uninit && 'need not be initialised',
    param.sizeOf && 'length of the memory before it',
    param.sizeOf === 'szk' && 'a constant',
    param.returnedSize && 'length of the memory that is returned',
    param.optional && 'memory that may be absent',
    param.string && 'a constant string',
    param.refcounted && 'counted',
  ];
  return {
    name: param.name,
    kind: kindOf(btf, param),
    access: '',
    notes: notes.filter((note) => typeof note === 'string'),
  };
}

function kindOf(btf: Btf, param: KfuncParam): string {
  if (param.special) return param.special;
  if (param.iterator) return 'iterator';
  if (param.map) return 'map';
  if (param.isCallback) return 'callback';
  if (param.allocated) return 'allocated object';
  if (param.isScalar) return 'scalar';
  return declareC(btf, param.type.id, '').trim();
}

function callersOf(def: KfuncDef, table: KfuncTable): CardCaller[] {
  return PROGRAM_TYPES.filter((type) => table(type).get(def.id)).map((type) => ({
    type: programTypeName(type),
  }));
}
