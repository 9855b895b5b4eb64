/** What an object needs of a token and of the capabilities in its user namespace, part by part. */
import {
  enums,
  isExtensionMap,
  loadAttachType,
  mapRules,
  programRules,
  type KernelProfile,
} from '../../abi/index.ts';
import { mapTypes } from '../../abi/maps/index.ts';
import type { MapSpec, ObjectFile, ProgramSpec } from '../../object/index.ts';
import { relocateProgram } from '../../object/index.ts';
import { type Capability, delegateWords } from '../../security/index.ts';
import {
  type VerifierCapabilities,
  type VerifierInput,
  verifierInput,
  verify,
} from '../../verifier/index.ts';

const { BPF_MAP_CREATE, BPF_PROG_LOAD, BPF_BTF_LOAD } = enums.bpf_cmd;

/** Attach types of Linux are below. */
const MOST_ATTACHS = enums.bpf_attach_type.__MAX_BPF_ATTACH_TYPE;

/** Bits by number. */
export type Bits = Readonly<Partial<Record<'cmds' | 'maps' | 'progs' | 'attachs', number>>>;

/** What one map, program, or the types of an object need. */
export interface TokenNeed {
  readonly kind: 'map' | 'program' | 'types';
  /** Of the map or program; '' for types. */
  readonly name: string;
  /** The type of map or program, in words. */
  readonly type: string;
  readonly bits: Bits;
  /** In the user namespace of the token. */
  readonly capabilities: readonly Capability[];
  /** In the user namespace of the token, to attach it. */
  readonly toAttach: readonly Capability[];
  /** Why it needs what its type alone does not say. */
  readonly why: string | undefined;
  /** No token is enough for it, with the reason. */
  readonly impossible: string | undefined;
}

const bit = (number: number): bigint => 1n << BigInt(number);
const one = (number: number | undefined): bigint => (number === undefined ? 0n : bit(number));

/** The bits of some needs together. */
export function delegationOf(needs: readonly TokenNeed[]) {
  const all = { cmds: 0n, maps: 0n, progs: 0n, attachs: 0n };
  for (const { bits } of needs) {
    all.cmds |= one(bits.cmds);
    all.maps |= one(bits.maps);
    all.progs |= one(bits.progs);
    all.attachs |= one(bits.attachs);
  }
  return all;
}

/** The needs of each map that is created, with those of the maps it is made of. */
export function mapNeeds({ maps }: ObjectFile): TokenNeed[] {
  return maps.filter(({ autocreate }) => autocreate !== false).flatMap(needsOfMap);
}

function needsOfMap(spec: MapSpec): TokenNeed[] {
  const { name, typeId, inner } = spec;
  const type = spec.type ?? `type ${typeId}`;
  const special = mapRules(typeId)?.needs;
  const extension = isExtensionMap(typeId) ? 'Linux has no such maps' : undefined;
  const need: TokenNeed = {
    kind: 'map',
    name,
    type,
    bits: extension ? {} : { cmds: BPF_MAP_CREATE, maps: typeId },
    capabilities: special === 'CAP_NET_ADMIN' ? ['CAP_BPF', special] : ['CAP_BPF'],
    toAttach: [],
    why: undefined,
    impossible: extension,
  };
  return inner ? [...needsOfMap(inner), need] : [need];
}

/** Programs that are loaded when nobody says which. */
export const loadedPrograms = ({ programs }: ObjectFile): ProgramSpec[] =>
  programs.filter(({ autoload }) => autoload !== false);

/** What is tried of a program, in the order in which rights grow. */
const RIGHTS = { bpf: true, perfmon: false, netAdmin: false, sysAdmin: false };

/** The needs of a program: by its type, and by what the verifier lets it do without them. */
export function programNeeds(
  object: ObjectFile,
  spec: ProgramSpec,
  profile: KernelProfile,
): TokenNeed[] {
  const input = verifierInput(object, spec, profile);
  const { type, expectedAttachType } = input;
  const rules = programRules(type);
  const attach = loadAttachType(type, expectedAttachType);
  const byType = rules?.needs ?? { bpf: true, netAdmin: false, perfmon: false };
  const least = { ...RIGHTS, netAdmin: byType.netAdmin, perfmon: byType.perfmon };
  const found = leastRights(input, profile, least);
  const capabilities: Capability[] = [
    'CAP_BPF',
    ...(byType.netAdmin ? (['CAP_NET_ADMIN'] as const) : []),
    ...(found.rights.perfmon ? (['CAP_PERFMON'] as const) : []),
  ];
  const need: TokenNeed = {
    kind: 'program',
    name: spec.name,
    type: spec.type!,
    bits: {
      cmds: BPF_PROG_LOAD,
      progs: type,
      attachs: attach,
    },
    capabilities,
    toAttach: rules?.attachNeeds ? [rules.attachNeeds] : [],
    why: found.why,
    impossible: attach < MOST_ATTACHS ? found.impossible : 'Linux has no such attach type',
  };
  const { kconfig } = relocateProgram(object, spec, profile);
  return kconfig ? [...needsOfMap(kconfig), need] : [need];
}

interface Found {
  readonly rights: VerifierCapabilities;
  readonly why: string | undefined;
  readonly impossible: string | undefined;
}

/** The fewest capabilities with which the verifier says yes. */
function leastRights(
  input: VerifierInput,
  profile: KernelProfile,
  least: VerifierCapabilities,
): Found {
  const first = verify(input, profile, { capabilities: least });
  if (first.ok) return { rights: least, why: undefined, impossible: undefined };
  const said = first.reason?.text ?? first.errnoName;
  const why = `without CAP_PERFMON: ${said}`;
  const more = { ...least, perfmon: true };
  const second = verify(input, profile, { capabilities: more });
  if (second.ok) return { rights: more, why, impossible: undefined };
  const root = verify(input, profile);
  const impossible = root.ok
    ? `it needs CAP_SYS_ADMIN in the first user namespace: ${second.reason?.text ?? said}`
    : `nobody can load it: ${root.reason?.text ?? root.errnoName}`;
  return { rights: more, why: undefined, impossible };
}

/** Why an object cannot do without loading its BTF, or undefined. */
export function typesNeed(
  object: ObjectFile,
  profile: KernelProfile,
  programs: readonly TokenNeed[],
): TokenNeed | undefined {
  if (!object.btf) return undefined;
  const why = mapThatNeedsTypes(object) ?? programThatNeedsTypes(object, profile, programs);
  if (why === undefined) return undefined;
  return {
    kind: 'types',
    name: '',
    type: 'BTF',
    bits: { cmds: BPF_BTF_LOAD },
    capabilities: ['CAP_BPF'],
    toAttach: [],
    why,
    impossible: undefined,
  };
}

function mapThatNeedsTypes({ maps }: ObjectFile): string | undefined {
  const map = maps.find(({ typeId, autocreate }) => {
    const facts = mapTypes.find(({ id }) => id === typeId);
    return autocreate !== false && (facts?.needsTypes || facts?.needsKernelType);
  });
  return map && `maps of type ${map.type} have types (map '${map.name}')`;
}

function programThatNeedsTypes(
  object: ObjectFile,
  profile: KernelProfile,
  needs: readonly TokenNeed[],
): string | undefined {
  for (const spec of loadedPrograms(object)) {
    const need = needs.find(({ kind, name }) => kind === 'program' && name === spec.name);
    if (!need || need.impossible !== undefined) continue;
    const has = (capability: Capability): boolean => need.capabilities.includes(capability);
    const capabilities = {
      ...RIGHTS,
      netAdmin: has('CAP_NET_ADMIN'),
      perfmon: has('CAP_PERFMON'),
    };
    const input = verifierInput(object, spec, profile, { withoutBtf: true });
    const { ok, reason, errnoName } = verify(input, profile, { capabilities });
    if (!ok) return `program '${spec.name}' without its types: ${reason?.text ?? errnoName}`;
  }
  return undefined;
}

/** A need's bits in the words of mount options: 'prog_load', 'xdp', … */
export function bitWords({
  bits,
}: TokenNeed): { readonly option: string; readonly word: string }[] {
  return (['cmds', 'maps', 'progs', 'attachs'] as const).flatMap((kind) => {
    const number = bits[kind];
    if (number === undefined) return [];
    return delegateWords(kind, bit(number)).map((word) => ({ option: `delegate_${kind}`, word }));
  });
}
