import { constants, lsmReturnRange, type ReturnRange } from '../../abi/index.ts';
import { Rejection } from '../reject.ts';
import {
  accessFieldSize,
  accessType,
  contextRules,
  READ,
  READ_SIGNED,
  REFUSED,
  WRITE,
} from '../../abi/context/index.ts';
import { KERNEL_BTF, type VerifierEnv } from '../env.ts';
import { contextMessages } from '../messages/context.ts';
import { memMessages } from '../messages/mem.ts';
import {
  BTF,
  BTF_ID,
  baseType,
  DEF_NOT_SUBREG,
  ID,
  PTR_TO_BTF_ID,
  regAt,
  SCALAR_VALUE,
  SUBREG_DEF,
  TYPE,
} from '../state/layout.ts';
import { markKnownZero, markUnknown, markS32Range } from '../value/bounds.ts';
import type { Access } from './access.ts';
import { btfContextAccess, ContextValue } from './btf-context.ts';
import { isPointerValue, mayBeNull } from './pointers.ts';
import { checkPtrOffReg } from './region.ts';

const loaded = new ContextValue();

/** False if the program's context has nothing of that kind there. Fills `loaded`. */
function isValidAccess(
  env: VerifierEnv,
  insn: number,
  off: number,
  size: number,
  access: Access,
  isLdsx: boolean,
): boolean {
  // LSM hooks are described by BTF alone.
  if (env.programType === constants.BPF_PROG_TYPE_LSM) {
    return btfContextAccess(env, off, size, loaded);
  }
  const rules = contextRules(env.programType, env.expectedAttachType);
  if (!rules) return false;
  const mode = access === 'write' ? WRITE : isLdsx ? READ_SIGNED : READ;
  const result = rules.access(off, size, mode, env.bpfCapable);
  if (result === REFUSED) return false;
  if (rules.btf) return btfContextAccess(env, off, size, loaded);
  loaded.type = accessType(result);
  if (baseType(loaded.type) === PTR_TO_BTF_ID) {
    loaded.btf = KERNEL_BTF;
    loaded.btfId = env.profile.btf().find('struct', rules.structAt(off) ?? '') ?? 0;
  } else {
    env.aux.contextFieldSize[insn] = accessFieldSize(result);
  }
  return true;
}

/** What the LSM hook's return value can be, if it has one (get_func_retval_range). */
function hookReturnRange(env: VerifierEnv): ReturnRange | undefined {
  if (env.programType !== constants.BPF_PROG_TYPE_LSM) return undefined;
  const proto = env.btfAt(env.attachBtf).type(env.attachProto);
  const isVoid = proto.kind !== 'func_proto' || proto.returns === 0;
  return isVoid ? undefined : lsmReturnRange(env.attachName);
}

/** Register `regno` becomes what was loaded. */
function markLoaded(env: VerifierEnv, regno: number): void {
  const w = env.regs;
  const r = regAt(regno);
  const { type } = loaded;
  if (type === SCALAR_VALUE) {
    markUnknown(env, w, r);
    const range = loaded.isReturnValue ? hookReturnRange(env) : undefined;
    if (range) markS32Range(env, w, r, range.min, range.max);
    return;
  }
  markKnownZero(w, r);
  if (mayBeNull(type)) w[r + ID] = env.newId();
  // The field may be wider than what the instruction says it loads.
  w[r + SUBREG_DEF] = DEF_NOT_SUBREG;
  if (baseType(type) === PTR_TO_BTF_ID) {
    w[r + BTF] = loaded.btf;
    w[r + BTF_ID] = loaded.btfId;
  }
  w[r + TYPE] = type;
}

/** A load from, or store to, the context: the PTR_TO_CTX part of check_mem_access. */
export function accessContext(
  env: VerifierEnv,
  insn: number,
  regno: number,
  off: number,
  size: number,
  access: Access,
  valueRegno: number,
  isLdsx: boolean,
): void {
  if (access === 'write' && valueRegno >= 0 && isPointerValue(env, valueRegno)) {
    env.reject('EACCES', memMessages.leaks_address(valueRegno, 'ctx'));
  }
  checkPtrOffReg(env, env.regs, regAt(regno), regno, false);
  loaded.reset();
  if (!isValidAccess(env, insn, off, size, access, isLdsx)) {
    const reason = contextMessages.invalid_access(off, size);
    env.say(reason);
    env.showLine(insn);
    throw new Rejection('EACCES', reason);
  }
  if (access === 'read' && valueRegno >= 0) markLoaded(env, valueRegno);
}
