/** What the holder of a token can do with it, and what of its delegation is for nothing. */
import {
  attachTypeName,
  enums,
  mapRules,
  mapTypeName,
  programRules,
  programTypeName,
  takesAttachType,
} from '../../abi/index.ts';
import {
  type Capability,
  type CapabilitySet,
  DELEGATE_KINDS,
  delegateWords,
  type Delegation,
  hasCapability,
  knownBits,
} from '../../security/index.ts';

/** Programs of a type that may be loaded. */
export interface LoadablePrograms {
  readonly type: string;
  readonly attachTypes: readonly string[];
  /** They see or change more than what belongs to the user namespace. */
  readonly wholeMachine: boolean;
}

/** Part of a delegation that nothing comes of. */
export interface UselessBit {
  readonly option: string;
  readonly word: string;
  readonly why: string;
}

/** What the holder of a token could do. */
export interface TokenScope {
  readonly maps: readonly string[];
  readonly programs: readonly LoadablePrograms[];
  readonly types: boolean;
  readonly useless: readonly UselessBit[];
  /** What is beyond an object's needs; empty if nobody asked. */
  readonly unused: Delegation;
}

const { BPF_MAP_CREATE, BPF_PROG_LOAD, BPF_BTF_LOAD } = enums.bpf_cmd;
const USED_COMMANDS: readonly number[] = [BPF_MAP_CREATE, BPF_PROG_LOAD, BPF_BTF_LOAD];

const has = (mask: bigint, number: number): boolean => ((mask >> BigInt(number)) & 1n) === 1n;

function numbersOf(kind: keyof Delegation, mask: bigint): number[] {
  const count = knownBits(kind).toString(2).length;
  return Array.from({ length: count }, (_, number) => number).filter((number) => has(mask, number));
}

/**
 * What somebody with these capabilities in the user namespace could do with a token of this
 * delegation. `needed`: what an object needs, to say what of the delegation it does not.
 *
 * @example
 * tokenScope(delegation, ALL_CAPABILITIES).programs; // [{ type: 'xdp', attachTypes: ['xdp'], … }]
 */
export function tokenScope(
  delegation: Delegation,
  capabilities: CapabilitySet,
  needed: Delegation = delegation,
): TokenScope {
  const may = (capability: Capability): boolean =>
    hasCapability(capabilities, capability) || hasCapability(capabilities, 'CAP_SYS_ADMIN');
  const useless: UselessBit[] = [];
  const waste = (kind: keyof Delegation, number: number, why: string): void => {
    const [word = String(number)] = delegateWords(kind, 1n << BigInt(number));
    useless.push({ option: `delegate_${kind}`, word, why });
  };
  for (const command of numbersOf('cmds', delegation.cmds)) {
    if (!USED_COMMANDS.includes(command)) waste('cmds', command, 'the command takes no token');
  }
  const given = { delegation, may, waste };
  const maps = creatableMaps(given);
  const programs = loadablePrograms(given);
  return {
    maps,
    programs,
    types: has(delegation.cmds, BPF_BTF_LOAD) && may('CAP_BPF'),
    useless,
    unused: without(delegation, needed),
  };
}

interface Given {
  readonly delegation: Delegation;
  may(capability: Capability): boolean;
  waste(kind: keyof Delegation, number: number, why: string): void;
}

function creatableMaps({ delegation, may, waste }: Given): string[] {
  return numbersOf('maps', delegation.maps).flatMap((type) => {
    const needs = mapRules(type)?.needs ?? 'CAP_BPF';
    const missing = [needs, 'CAP_BPF' as const].find((capability) => !may(capability));
    if (!mapRules(type)) return [];
    if (!has(delegation.cmds, BPF_MAP_CREATE)) waste('maps', type, 'map_create is not delegated');
    else if (missing) waste('maps', type, `${missing} is missing in the user namespace`);
    else return [mapTypeName(type)];
    return [];
  });
}

function loadablePrograms({ delegation, may, waste }: Given): LoadablePrograms[] {
  const attachs = numbersOf('attachs', delegation.attachs);
  const used = new Set<number>();
  const programs = numbersOf('progs', delegation.progs).flatMap((type) => {
    const rules = programRules(type);
    if (!rules) return [];
    const fitting = attachs.filter((attach) => takesAttachType(type, attach));
    const { netAdmin, perfmon } = rules.needs;
    const needs = [
      'CAP_BPF' as const,
      ...(netAdmin ? ['CAP_NET_ADMIN' as const] : []),
      ...(perfmon ? ['CAP_PERFMON' as const] : []),
    ];
    const missing = needs.find((capability) => !may(capability));
    if (!has(delegation.cmds, BPF_PROG_LOAD)) waste('progs', type, 'prog_load is not delegated');
    else if (missing) waste('progs', type, `${missing} is missing in the user namespace`);
    else if (fitting.length === 0) waste('progs', type, 'no attach type of it is delegated');
    else {
      for (const attach of fitting) used.add(attach);
      const attachTypes = rules.attachTypes ? fitting.map(attachTypeName) : ['any delegated'];
      return [{ type: programTypeName(type), attachTypes, wholeMachine: perfmon }];
    }
    return [];
  });
  for (const attach of attachs) {
    if (!used.has(attach)) waste('attachs', attach, 'no program that may be loaded takes it');
  }
  return programs;
}

function without(delegation: Delegation, needed: Delegation): Delegation {
  const rest = DELEGATE_KINDS.map((kind) => [
    kind,
    delegation[kind] & ~needed[kind] & knownBits(kind),
  ]);
  return Object.fromEntries(rest) as Delegation;
}
