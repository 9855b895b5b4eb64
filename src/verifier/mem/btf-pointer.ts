import { gates } from '../gates.ts';
import { mapRules } from '../../abi/index.ts';
import { KERNEL_BTF, type VerifierEnv } from '../env.ts';
import { isGplCompatible } from '../load/program-kinds.ts';
import { tnumText } from '../log/numbers.ts';
import { btfTypeName } from '../log/print-state.ts';
import { btfAccessMessages } from '../messages/btf-access.ts';
import { mapMessages } from '../messages/map.ts';
import {
  BTF,
  BTF_ID,
  MASK,
  MEM_PERCPU,
  MEM_RCU,
  MEM_USER,
  PTR_TO_BTF_ID,
  PTR_UNTRUSTED,
  REF_OBJ_ID,
  regAt,
  TYPE,
  VALUE,
} from '../state/layout.ts';
import { tnumEqualsConst } from '../value/tnum.ts';
import type { Access } from './access.ts';
import { markBtfLoad } from './btf-load.ts';
import { btfStructAccess } from './btf-struct-access.ts';
import { WalkResult } from './btf-walk.ts';
import { checkStructWrite, hasStructWriteRules } from './btf-write.ts';
import { mapAt } from './map-value.ts';
import { isAlloc, isAllocObject, isKernelBtf, isNonOwningRef } from './pointers.ts';
import { trustOfMember } from './trust.ts';

const walked = new WalkResult();

function checkMayRead(env: VerifierEnv, btf: number, name: string): void {
  if (!env.allowPtrLeaks) env.reject('EPERM', btfAccessMessages.not_capable(name));
  if (isKernelBtf(env, btf) && !isGplCompatible(env.input.license)) {
    env.reject('EINVAL', btfAccessMessages.not_gpl(name));
  }
}

/** What no access through a BTF pointer may do, whatever is there. */
function checkPointer(env: VerifierEnv, regno: number, off: number, access: Access): void {
  const w = env.regs;
  const r = regAt(regno);
  const type = w[r + TYPE]!;
  const name = btfTypeName(env, w[r + BTF]!, w[r + BTF_ID]!);
  if (gates.btfNeedsCapability) checkMayRead(env, w[r + BTF]!, name);
  if (off < 0) env.reject('EACCES', btfAccessMessages.negative(regno, name, off));
  if (!tnumEqualsConst(w, r, 0, 0)) {
    const varOff = tnumText(w, r + VALUE, r + MASK);
    env.reject('EACCES', btfAccessMessages.variable(regno, name, off, varOff));
  }
  if (type & MEM_USER) env.reject('EACCES', btfAccessMessages.user_memory(regno, name, off));
  if (type & MEM_PERCPU) env.reject('EACCES', btfAccessMessages.percpu_memory(regno, name, off));
  if (access === 'write' && type & PTR_UNTRUSTED) {
    env.reject('EACCES', btfAccessMessages.read_only());
  }
}

/** SCALAR_VALUE, or PTR_TO_BTF_ID with the rest in `walked`. */
function accessStruct(
  env: VerifierEnv,
  w: Int32Array,
  r: number,
  off: number,
  size: number,
  access: Access,
): number {
  const type = w[r + TYPE]!;
  if (access === 'write' && !isAllocObject(type))
    env.reject('EACCES', btfAccessMessages.read_only());
  const owned = isNonOwningRef(type) || (type & MEM_RCU) !== 0 || w[r + REF_OBJ_ID] !== 0;
  if (isAlloc(type) && !owned) env.reject('EFAULT', btfAccessMessages.internal_no_reference());
  return btfStructAccess(env, env.btfAt(w[r + BTF]!), w[r + BTF_ID]!, type, off, size, walked);
}

/** A load or store through a PTR_TO_BTF_ID. Mirrors check_ptr_to_btf_access. */
export function accessBtfPointer(
  env: VerifierEnv,
  regno: number,
  off: number,
  size: number,
  access: Access,
  valueRegno: number,
): void {
  checkPointer(env, regno, off, access);
  const w = env.regs;
  const r = regAt(regno);
  if (access === 'write' && !isAlloc(w[r + TYPE]!) && hasStructWriteRules(env)) {
    if (!isKernelBtf(env, w[r + BTF]!)) {
      env.reject('EFAULT', btfAccessMessages.internal_program_btf());
    }
    checkStructWrite(env, w, r, off, size);
    return;
  }
  const found = accessStruct(env, w, r, off, size, access);
  const { id, member } = walked;
  let flags = 0;
  if (found === PTR_TO_BTF_ID) flags = trustOfMember(env, w, r, member, id, walked.flags);
  if (access === 'read' && valueRegno >= 0) {
    markBtfLoad(env, w, regAt(valueRegno), found, w[r + BTF]!, id, flags);
  }
}

/** A load through a pointer to a map itself. Mirrors check_ptr_to_map_access. */
export function accessMapPointer(
  env: VerifierEnv,
  regno: number,
  off: number,
  size: number,
  access: Access,
  valueRegno: number,
): void {
  const w = env.regs;
  const { type } = mapAt(env, w, regAt(regno));
  const btf = env.profile.btf();
  const name = mapRules(type)?.struct;
  const id = name === undefined ? undefined : btf.find('struct', name);
  if (name === undefined || id === undefined) {
    env.reject('ENOTSUPP', mapMessages.pointer_access(type));
  }
  if (!env.allowPtrLeaks) {
    const words = gates.btfNeedsCapability ? 'not_capable' : 'map_not_capable';
    env.reject('EPERM', btfAccessMessages[words](name));
  }
  if (off < 0) env.reject('EACCES', btfAccessMessages.map_negative(regno, name, off));
  if (access === 'write') env.reject('EACCES', btfAccessMessages.map_read_only(name));
  const found = btfStructAccess(env, btf, id, PTR_TO_BTF_ID, off, size, walked);
  if (valueRegno >= 0) {
    const r = regAt(valueRegno);
    markBtfLoad(env, w, r, found, KERNEL_BTF, walked.id, walked.flags);
  }
}
