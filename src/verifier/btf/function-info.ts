import type { Btf, BtfType } from '../../btf/index.ts';
import type { VerifierEnv } from '../env.ts';
import { btfInfo } from '../messages/btf-info.ts';

/**
 * The first look at func_info, before functions are known: its records are in order and name
 * functions of the program's BTF. Mirrors check_btf_info_early.
 */
export function checkFunctionInfoEarly(env: VerifierEnv): void {
  const { functionInfo, lineInfo, btf } = env.input;
  if (functionInfo.length === 0) checkAbnormalReturn(env);
  if (functionInfo.length === 0 && lineInfo.length === 0) return;
  if (!btf) env.reject('EBADF');
  let before = 0;
  for (const [index, { insn, typeId }] of functionInfo.entries()) {
    if (index === 0) {
      if (insn !== 0) env.reject('EINVAL', btfInfo.first_function(insn));
    } else if (insn <= before) {
      env.reject('EINVAL', btfInfo.function_order(insn, before));
    }
    if (typeId < 0 || typeId >= btf.count || btf.type(typeId).kind !== 'func') {
      env.reject('EINVAL', btfInfo.function_type(typeId));
    }
    before = insn;
  }
  env.hasFunctionInfo = functionInfo.length > 0;
}

/** Functions without a prototype cannot end early. Mirrors check_abnormal_return. */
function checkAbnormalReturn(env: VerifierEnv): void {
  for (const { hasLdAbs, hasTailCall } of env.subprogs.slice(1)) {
    if (hasLdAbs) env.reject('EINVAL', btfInfo.ld_abs_without_btf());
    if (hasTailCall) env.reject('EINVAL', btfInfo.tail_call_without_btf());
  }
}

/**
 * func_info and the functions found in the code must be the same; names, linkage and ids go into
 * `env.subprogs`. Mirrors check_btf_func.
 */
export function checkFunctionInfo(env: VerifierEnv): void {
  const { functionInfo, btf } = env.input;
  if (!env.hasFunctionInfo || !btf) return checkAbnormalReturn(env);
  if (functionInfo.length !== env.subprogs.length) {
    env.reject('EINVAL', btfInfo.function_count());
  }
  for (const [index, { insn, typeId }] of functionInfo.entries()) {
    const subprog = env.subprogs[index]!;
    if (subprog.start !== insn) env.reject('EINVAL', btfInfo.function_layout());
    const func = btf.type(typeId);
    if (func.kind !== 'func') env.reject('EINVAL');
    if (index > 0 && !returnsNumber(btf, func.type)) {
      if (subprog.hasLdAbs) env.reject('EINVAL', btfInfo.ld_abs_return());
      if (subprog.hasTailCall) env.reject('EINVAL', btfInfo.tail_call_return());
    }
    subprog.btfId = typeId;
    subprog.name = func.name;
  }
  // Linkage counts only when every record was fine.
  for (const subprog of env.subprogs) {
    const func = btf.type(subprog.btfId);
    subprog.global = func.kind === 'func' && func.linkage === 'global';
  }
}

function returnsNumber(btf: Btf, protoId: number): boolean {
  const proto = btf.type(protoId);
  if (proto.kind !== 'func_proto') return false;
  const type = btf.resolved(proto.returns);
  return isSmallInt(type) || type.kind === 'enum' || type.kind === 'enum64';
}

/** Mirrors btf_type_is_small_int. */
function isSmallInt(type: BtfType): boolean {
  return type.kind === 'int' && type.size <= 8;
}
