import type { Btf, BtfFuncProto } from '../btf/index.ts';
import { essentialName, sameKind } from './core-names.ts';

const MAX_DEPTH = 32;

/** Two types, one of the object and one of the kernel. */
export interface TypePair {
  readonly local: Btf;
  readonly localId: number;
  readonly target: Btf;
  readonly targetId: number;
}

/** The chain of types is deeper than libbpf follows: its error, not "no". */
export class TooDeep extends Error {}

/** The same pair with other types, typedefs and qualifiers skipped. */
export function pairOf(pair: TypePair, localId: number, targetId: number): TypePair {
  const { local, target } = pair;
  return { local, localId: local.resolve(localId), target, targetId: target.resolve(targetId) };
}

/**
 * May one type stand for the other? The rule for existence, size and id of types, and for kernel
 * variables and functions: kinds are compared, names only at the root, by whoever asks.
 * Mirrors __bpf_core_types_are_compat.
 */
export function typesCompatible(pair: TypePair, level = MAX_DEPTH): boolean {
  if (!sameKind(pair.local.type(pair.localId), pair.target.type(pair.targetId))) return false;
  let current = pairOf(pair, pair.localId, pair.targetId);
  for (let depth = MAX_DEPTH; depth > 0; depth--) {
    const local = current.local.type(current.localId);
    const target = current.target.type(current.targetId);
    if (!sameKind(local, target)) return false;
    if (local.kind === 'int' && target.kind === 'int') {
      return local.bitOffset === 0 && target.bitOffset === 0;
    }
    if (local.kind === 'func_proto' && target.kind === 'func_proto') {
      if (!parametersAgree(current, local, target, typesCompatible, level)) return false;
      current = pairOf(current, local.returns, target.returns);
    } else if (
      (local.kind === 'ptr' && target.kind === 'ptr') ||
      (local.kind === 'array' && target.kind === 'array')
    ) {
      current = pairOf(current, local.type, target.type);
    } else {
      return ['void', 'struct', 'union', 'enum', 'enum64', 'fwd'].includes(local.kind);
    }
  }
  throw new TooDeep();
}

type Rule = (pair: TypePair, level: number) => boolean;

function parametersAgree(
  pair: TypePair,
  local: BtfFuncProto,
  target: BtfFuncProto,
  rule: Rule,
  level: number,
): boolean {
  if (local.params.length !== target.params.length) return false;
  return local.params.every(({ type }, i) => {
    if (level <= 0) throw new TooDeep();
    return rule(pairOf(pair, type, target.params[i]!.type), level - 1);
  });
}

/** May a field of one type be read where one of the other is (bpf_core_fields_are_compat)? */
export function fieldsCompatible(pair: TypePair): boolean {
  const local = pair.local.resolved(pair.localId);
  const target = pair.target.resolved(pair.targetId);
  if (isComposite(local) && isComposite(target)) return true;
  if (!sameKind(local, target)) return false;
  switch (local.kind) {
    case 'ptr':
    case 'float':
      return true;
    case 'fwd':
    case 'enum':
    case 'enum64': {
      const [a, b] = [essentialName(local.name), essentialName(target.name)];
      return a === '' || b === '' || a === b;
    }
    case 'int':
      return local.bitOffset === 0 && target.kind === 'int' && target.bitOffset === 0;
    case 'array':
      if (target.kind !== 'array') return false;
      return fieldsCompatible(pairOf(pair, local.type, target.type));
    default:
      return false;
  }
}

const isComposite = ({ kind }: { readonly kind: string }): boolean =>
  kind === 'struct' || kind === 'union';

const namesMatch = (local: string, target: string): boolean =>
  target === '' ? local === '' : essentialName(local) === essentialName(target);

/**
 * Is the kernel's type the local one in every part that the local one has? The rule of
 * bpf_core_type_matches (__bpf_core_types_match). Behind a pointer only names and kinds count.
 */
export function typesMatch(pair: TypePair, behindPointer = false, level = MAX_DEPTH): boolean {
  if (level <= 0) throw new TooDeep();
  let current = pairOf(pair, pair.localId, pair.targetId);
  let behind = behindPointer;
  for (let depth = MAX_DEPTH; depth > 0; depth--) {
    const local = current.local.type(current.localId);
    const target = current.target.type(current.targetId);
    if (!namesMatch(local.name, target.name)) return false;
    if (local.kind === 'ptr' && target.kind === 'ptr') {
      behind = true;
      current = pairOf(current, local.type, target.type);
    } else if (local.kind === 'array' && target.kind === 'array') {
      if (local.count !== target.count) return false;
      current = pairOf(current, local.type, target.type);
    } else if (local.kind === 'func_proto' && target.kind === 'func_proto') {
      const rule: Rule = (each, left) => typesMatch(each, behind, left);
      if (!parametersAgree(current, local, target, rule, level)) return false;
      current = pairOf(current, local.returns, target.returns);
    } else {
      return leavesMatch(current, behind, level);
    }
  }
  throw new TooDeep();
}

function leavesMatch(pair: TypePair, behindPointer: boolean, level: number): boolean {
  const local = pair.local.type(pair.localId);
  const target = pair.target.type(pair.targetId);
  switch (local.kind) {
    case 'void':
      return target.kind === 'void';
    case 'int':
      return target.kind === 'int' && local.size === target.size && local.signed === target.signed;
    case 'enum':
    case 'enum64':
      return (
        (target.kind === 'enum' || target.kind === 'enum64') &&
        local.size === target.size &&
        local.values.length <= target.values.length &&
        local.values.every(({ name }) => target.values.some((each) => namesMatch(name, each.name)))
      );
    case 'fwd':
      if (target.kind === 'fwd') return local.of === target.of;
      return behindPointer && target.kind === local.of;
    case 'struct':
    case 'union':
      if (behindPointer) {
        return target.kind === 'fwd' ? target.of === local.kind : target.kind === local.kind;
      }
      return target.kind === local.kind && membersMatch(pair, level);
    default:
      return false;
  }
}

function membersMatch(pair: TypePair, level: number): boolean {
  const local = pair.local.type(pair.localId);
  const target = pair.target.type(pair.targetId);
  if (local.kind !== 'struct' && local.kind !== 'union') return false;
  if (target.kind !== 'struct' && target.kind !== 'union') return false;
  if (local.members.length > target.members.length) return false;
  return local.members.every((member) =>
    target.members.some(
      (each) =>
        namesMatch(member.name, each.name) &&
        typesMatch({ ...pair, localId: member.type, targetId: each.type }, false, level - 1),
    ),
  );
}
