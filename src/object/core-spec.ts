import type { Btf, BtfArray, BtfMember, BtfType, CoreRelocationKind } from '../btf/index.ts';
import { fieldsCompatible, typesCompatible, typesMatch } from './core-compat.ts';
import { essentialName } from './core-names.ts';

/** libbpf follows this many levels of members and elements. */
const MAX_LEVELS = 64;

/** A named member, an enumerator, or (without name) an element of an array. */
export interface Accessor {
  readonly typeId: number;
  readonly index: number;
  readonly name: string | undefined;
}

/** Where an access goes in one BTF (struct bpf_core_spec). */
export interface AccessSpec {
  readonly btf: Btf;
  readonly rootId: number;
  readonly kind: CoreRelocationKind;
  readonly path: Accessor[];
  /** Levels gone through so far, members without name among them. */
  levels: number;
  bitOffset: number;
}

/** The relocation cannot be done: what libbpf answers with an error. */
export class CoreError extends Error {}

const TYPE_KINDS: readonly CoreRelocationKind[] = [
  'local_type_id',
  'target_type_id',
  'type_exists',
  'type_size',
  'type_matches',
];

export const isTypeKind = (kind: CoreRelocationKind): boolean => TYPE_KINDS.includes(kind);
export const isEnumKind = (kind: CoreRelocationKind): boolean =>
  kind === 'enumval_exists' || kind === 'enumval_value';

const fail = (reason: string): never => {
  throw new CoreError(reason);
};

/** The access as one would write it: 'task_struct.comm[3]', 'pid_type PIDTYPE_TGID'. */
export function accessText({ btf, rootId, path, kind }: AccessSpec): string {
  const root = btf.type(rootId).name;
  if (isTypeKind(kind)) return root;
  if (isEnumKind(kind)) return `${root} ${path[0]!.name}`;
  const [first, ...rest] = path;
  const steps = rest.map(({ name, index }) => (name === undefined ? `[${index}]` : `.${name}`));
  const element = first!.index > 0 || rest.length === 0 ? `[${first!.index}]` : '';
  return `${root}${element}${steps.join('')}`;
}

/** What the compiler wrote down, followed through the object's own types (bpf_core_parse_spec). */
export function localSpec(
  btf: Btf,
  typeId: number,
  access: string,
  kind: CoreRelocationKind,
): AccessSpec {
  const spec: AccessSpec = { btf, rootId: typeId, kind, path: [], levels: 0, bitOffset: 0 };
  if (isTypeKind(kind)) return access === '0' ? spec : fail(`access string '${access}'`);
  const indexes = access.split(':').map((each) => (/^\d+$/.test(each) ? Number(each) : -1));
  if (indexes.some((index) => index < 0) || indexes.length > MAX_LEVELS) {
    fail(`access string '${access}'`);
  }
  const root = btf.resolve(typeId);
  const [first = 0, ...rest] = indexes;
  if (isEnumKind(kind)) {
    const type = btf.type(root);
    const values = type.kind === 'enum' || type.kind === 'enum64' ? type.values : [];
    if (rest.length > 0 || first >= values.length) fail(`no enumerator ${access}`);
    spec.path.push({ typeId: root, index: first, name: values[first]!.name });
    return spec;
  }
  spec.path.push({ typeId: root, index: first, name: undefined });
  spec.bitOffset = first * btf.sizeOf(root) * 8;
  let id = root;
  for (const index of rest) id = step(spec, id, index);
  return spec;
}

/** Goes one level down in the object's own types; returns the type it comes to. */
function step(spec: AccessSpec, from: number, index: number): number {
  const { btf, path } = spec;
  const typeId = btf.resolve(from);
  const type = btf.type(typeId);
  if (type.kind === 'struct' || type.kind === 'union') {
    const member = type.members[index] ?? fail(`type ${typeId} has no member ${index}`);
    spec.bitOffset += member.bitOffset;
    if (member.name) path.push({ typeId, index, name: member.name });
    return member.type;
  }
  if (type.kind !== 'array') return fail(`type ${typeId} is a ${type.kind}`);
  const element = btf.resolve(type.type);
  if (!isFlexible(btf, path[path.length - 1]!, type) && index >= type.count) {
    fail(`no element ${index}`);
  }
  path.push({ typeId: element, index, name: undefined });
  spec.bitOffset += index * btf.sizeOf(element) * 8;
  return element;
}

/** An array without length that is the last member of its struct. */
function isFlexible(btf: Btf, accessor: Accessor, array: BtfArray): boolean {
  if (accessor.name === undefined || array.count > 0) return false;
  const struct = btf.type(accessor.typeId);
  return 'members' in struct && accessor.index === struct.members.length - 1;
}

/**
 * The same access in a type of the kernel, or undefined if that type has it not
 * (bpf_core_spec_match).
 */
export function targetSpec(
  local: AccessSpec,
  target: Btf,
  targetId: number,
): AccessSpec | undefined {
  const spec: AccessSpec = {
    btf: target,
    rootId: targetId,
    kind: local.kind,
    path: [],
    levels: 0,
    bitOffset: 0,
  };
  if (isTypeKind(local.kind)) {
    const pair = { local: local.btf, localId: local.rootId, target, targetId };
    const rule = local.kind === 'type_matches' ? typesMatch : typesCompatible;
    return rule(pair) ? spec : undefined;
  }
  if (isEnumKind(local.kind)) return enumerator(local, spec);
  let id = targetId;
  for (const [level, accessor] of local.path.entries()) {
    id = target.resolve(id);
    const next =
      accessor.name === undefined
        ? enterElement(spec, id, accessor, level)
        : findMember(spec, id, local.btf, accessor);
    if (next === undefined) return undefined;
    id = next;
  }
  return spec;
}

function enumerator(local: AccessSpec, spec: AccessSpec): AccessSpec | undefined {
  const typeId = spec.btf.resolve(spec.rootId);
  const type = spec.btf.type(typeId);
  if (type.kind !== 'enum' && type.kind !== 'enum64') return undefined;
  const wanted = essentialName(local.path[0]!.name!);
  const index = type.values.findIndex(({ name }) => essentialName(name) === wanted);
  if (index < 0) return undefined;
  spec.path.push({ typeId, index, name: type.values[index]!.name });
  return spec;
}

function enterElement(
  spec: AccessSpec,
  id: number,
  { index }: Accessor,
  level: number,
): number | undefined {
  const { btf, path } = spec;
  let element = id;
  goDown(spec);
  if (level > 0) {
    const array = btf.type(id);
    if (array.kind !== 'array') return undefined;
    if (!isFlexible(btf, path[path.length - 1]!, array) && index >= array.count) return undefined;
    element = btf.resolve(array.type);
  }
  path.push({ typeId: element, index, name: undefined });
  spec.bitOffset += index * btf.sizeOf(element) * 8;
  return element;
}

/**
 * Looks for the member of that name, also inside members without name, and goes there. Returns its
 * type (bpf_core_match_member).
 */
function findMember(
  spec: AccessSpec,
  id: number,
  localBtf: Btf,
  accessor: Accessor,
): number | undefined {
  const typeId = spec.btf.resolve(id);
  const type = spec.btf.type(typeId);
  if (type.kind !== 'struct' && type.kind !== 'union') return undefined;
  const local = memberAt(localBtf.type(accessor.typeId), accessor.index);
  for (const [index, member] of type.members.entries()) {
    goDown(spec);
    if (member.name === '') {
      spec.bitOffset += member.bitOffset;
      const found = findMember(spec, member.type, localBtf, accessor);
      if (found !== undefined) return found;
      spec.bitOffset -= member.bitOffset;
    } else if (member.name === local.name) {
      const pair = {
        local: localBtf,
        localId: local.type,
        target: spec.btf,
        targetId: member.type,
      };
      if (!fieldsCompatible(pair)) return undefined;
      spec.path.push({ typeId, index, name: member.name });
      spec.bitOffset += member.bitOffset;
      return member.type;
    }
    spec.levels--;
  }
  return undefined;
}

function goDown(spec: AccessSpec): void {
  if (spec.levels === MAX_LEVELS) fail('members are nested too deep');
  spec.levels++;
}

function memberAt(type: BtfType, index: number): BtfMember {
  return 'members' in type ? type.members[index]! : fail(`type ${type.id} has no members`);
}
