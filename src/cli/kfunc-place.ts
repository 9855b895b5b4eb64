/** Where a program would be attached, from the words of `beeyard kfuncs --prog`. */
import {
  attachTypeId,
  canBeSleepable,
  constants,
  type KernelProfile,
  type KfuncPlace,
  lsmHook,
  memberMaySleep,
  type ModuleStructOps,
  programTypeId,
  structOpsTables,
} from '../abi/index.ts';
import { SECTION_FORMS, sectionMeaning } from '../object/index.ts';
import { usageError } from './exit.ts';
import { didYouMean } from './suggest.ts';

/** A place under the name the user gave it. */
export interface NamedPlace {
  readonly name: string;
  readonly place: KfuncPlace;
}

/** 'TABLE.MEMBER' of a struct_ops, a section name ('lsm/file_open'), or a program type. */
export function placeNamed(name: string, kernel: KernelProfile): NamedPlace {
  const tables = structOpsTables(kernel.modules);
  const [table = '', member, ...rest] = name.replace(/^struct_ops[./]/, '').split('.');
  const facts = tables.get(table);
  if (facts && rest.length === 0) return { name, place: memberPlace(table, member, facts) };
  return { name, place: sectionPlace(name) ?? typePlace(name) ?? unknown(name, tables) };
}

function memberPlace(table: string, member: string | undefined, facts: ModuleStructOps) {
  const members = facts.supported.join(', ');
  if (member === undefined) {
    throw usageError(`which operation of ${table}? ${table}.MEMBER with one of ${members}`);
  }
  if (!facts.supported.includes(member)) {
    const hint = didYouMean(member, facts.supported);
    throw usageError(`${table} has no operation '${member}' for programs${hint}`);
  }
  return {
    type: constants.BPF_PROG_TYPE_STRUCT_OPS,
    attachType: 0,
    sleepable: memberMaySleep(facts, member) ? ('possible' as const) : ('no' as const),
    operation: { table, member },
  };
}

function sectionPlace(name: string): KfuncPlace | undefined {
  const { type, attachType, attachTarget, flags } = sectionMeaning(name);
  const id = type === undefined ? undefined : programTypeId(type);
  if (id === undefined) return undefined;
  const attach = attachType === undefined ? 0 : (attachTypeId(attachType) ?? 0);
  const asked = flags.includes('sleepable');
  return { type: id, attachType: attach, sleepable: sleepability(id, attach, asked, attachTarget) };
}

/** Only some hooks of LSM may be slept in. */
function sleepability(type: number, attach: number, asked: boolean, target: string | undefined) {
  if (asked || type === constants.BPF_PROG_TYPE_SYSCALL) return 'yes';
  const hook = type === constants.BPF_PROG_TYPE_LSM && target ? lsmHook(target) : undefined;
  if (hook && !hook.sleepable) return 'no';
  return canBeSleepable(type, attach) ? 'possible' : 'no';
}

function typePlace(name: string): KfuncPlace | undefined {
  const type = programTypeId(name);
  if (type === undefined) return undefined;
  return { type, attachType: 0, sleepable: sleepability(type, 0, false, undefined) };
}

function unknown(name: string, tables: ReadonlyMap<string, ModuleStructOps>): never {
  const stems = SECTION_FORMS.map(({ form }) => form.replace('+', ''));
  const hint = didYouMean(name, [...stems, ...tables.keys()]);
  const forms = 'a section name (xdp, lsm/file_open), a program type or TABLE.MEMBER';
  throw usageError(`'${name}' is no place for programs: ${forms}${hint}`);
}
