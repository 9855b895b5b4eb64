import type { Btf, BtfFunc, BtfFuncProto, BtfType } from '../../btf/index.ts';
import { kindText } from '../btf/kind-text.ts';
import type { VerifierEnv } from '../env.ts';
import { attach } from '../messages/attach.ts';

/** A function, and the BTF it is described in. */
interface Described {
  readonly btf: Btf;
  readonly func: BtfFunc;
  readonly proto: BtfFuncProto;
}

function describe(env: VerifierEnv, btf: Btf, func: BtfType): Described {
  const proto = func.kind === 'func' ? btf.type(func.type) : undefined;
  if (func.kind !== 'func' || proto?.kind !== 'func_proto') return env.reject('EFAULT');
  return { btf, func, proto };
}

/**
 * An extension must have the prototype of the function it replaces. Mirrors btf_check_type_match
 * and btf_check_func_type_match.
 */
export function checkPrototypesMatch(env: VerifierEnv, targetBtf: Btf, target: BtfType): void {
  const { btf, functionInfo } = env.input;
  if (!btf || !env.hasFunctionInfo) {
    return env.reject('EINVAL', attach.extension_without_btf());
  }
  const own = describe(env, btf, btf.type(functionInfo[0]!.typeId));
  const other = describe(env, targetBtf, target);
  for (const { func } of [own, other]) {
    if (func.linkage !== 'global') env.reject('EINVAL', attach.not_global(func.name));
  }
  const [a, b] = [own.func.name, other.func.name];
  const [aCount, bCount] = [own.proto.params.length, other.proto.params.length];
  if (aCount !== bCount) env.reject('EINVAL', attach.arg_counts(a, aCount, b, bCount));
  const aReturns = own.btf.resolved(own.proto.returns);
  const bReturns = other.btf.resolved(other.proto.returns);
  if (!sameInfo(aReturns, bReturns)) {
    env.reject('EINVAL', attach.return_types(kindText(aReturns), a, kindText(bReturns), b));
  }
  for (let i = 0; i < aCount; i++) checkParameter(env, own, other, i);
}

/** Kind, number of members and flag of a type's record are the same. */
function sameInfo(a: BtfType, b: BtfType): boolean {
  return a.kind === b.kind && countOf(a) === countOf(b) && flagOf(a) === flagOf(b);
}

function countOf(type: BtfType): number {
  if ('members' in type) return type.members.length;
  if ('values' in type) return type.values.length;
  return 'params' in type ? type.params.length : 0;
}

function flagOf(type: BtfType): boolean {
  if ('members' in type) return type.members.some(({ bitSize }) => bitSize > 0);
  if (type.kind === 'enum' || type.kind === 'enum64') return type.signed;
  return type.kind === 'fwd' && type.of === 'union';
}

function checkParameter(env: VerifierEnv, own: Described, other: Described, index: number): void {
  const [a, b] = [own.func.name, other.func.name];
  const type = own.btf.resolved(own.proto.params[index]!.type);
  const wanted = other.btf.resolved(other.proto.params[index]!.type);
  if (!sameInfo(type, wanted)) {
    env.reject('EINVAL', attach.arg_kinds(index, a, kindText(type), b, kindText(wanted)));
  }
  if ('size' in type && 'size' in wanted && type.size !== wanted.size) {
    env.reject('EINVAL', attach.arg_sizes(index, a, type.size, b, wanted.size));
  }
  if (type.kind === 'int' || type.kind === 'enum' || type.kind === 'enum64') return;
  if (type.kind !== 'ptr' || wanted.kind !== 'ptr') {
    return env.reject('EINVAL', attach.arg_unknown(index, a));
  }
  const struct = own.btf.resolved(type.type);
  const wantedStruct = other.btf.resolved(wanted.type);
  if (!('members' in struct)) env.reject('EINVAL', attach.arg_no_context(index, a));
  if (!('members' in wantedStruct)) env.reject('EINVAL', attach.arg_no_context(index, b));
  if (struct.name !== wantedStruct.name) {
    env.reject('EINVAL', attach.arg_structs(index, a, struct.name, b, wantedStruct.name));
  }
}
