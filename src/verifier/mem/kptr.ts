/** Pointers to kernel objects that map values hold (kptrs). */
import { gates } from '../gates.ts';
import { inBtfSet } from '../../abi/index.ts';
import { uptrSize } from '../../abi/fields/uptr.ts';
import { BPF_LDX, BPF_MEM, BPF_ST, BPF_STX, classOf } from '../../isa/index.ts';
import type { VerifierEnv } from '../env.ts';
import {
  BPF_GRAPH_NODE,
  BPF_KPTR_PERCPU,
  BPF_KPTR_REF,
  BPF_KPTR_UNREF,
  BPF_UPTR,
  hasField,
  kptrTarget,
  type SpecialField,
  structRecord,
} from '../fields/record.ts';
import { btfTypeName, typeText } from '../log/print-state.ts';
import { mapMessages } from '../messages/map.ts';
import { markChainPrecision } from '../precision/backtrack.ts';
import {
  BTF,
  BTF_ID,
  baseType,
  ID,
  MEM_ALLOC,
  MEM_PERCPU,
  MEM_RCU,
  MEM_SIZE,
  NON_OWN_REF,
  OFF,
  PTR_MAYBE_NULL,
  PTR_TO_BTF_ID,
  PTR_TO_MEM,
  PTR_TRUSTED,
  PTR_UNTRUSTED,
  regAt,
  TYPE,
} from '../state/layout.ts';
import { markKnownZero, regIsNull } from '../value/bounds.ts';
import { markBtfLoad } from './btf-load.ts';
import { btfIdsMatch } from './btf-struct-access.ts';
import { inRcuCs, isAlloc, isKernelBtf, typeFlags } from './pointers.ts';
import { checkPtrOffReg } from './region.ts';

const MODE_MASK = 0xe0;

/** Mirrors rcu_safe_kptr. */
function isRcuSafe(env: VerifierEnv, field: SpecialField): boolean {
  if (field.type === BPF_KPTR_PERCPU) return true;
  if (field.type !== BPF_KPTR_REF) return false;
  const { btf, btfId } = kptrTarget(env, field);
  return (
    !isKernelBtf(env, btf) ||
    inBtfSet('rcu_protected_types', btfTypeName(env, btf, btfId), env.profile.tables)
  );
}

/** True if what the kptr points to can be in a list or tree (kptr_pointee_btf_record). */
function hasGraphNode(env: VerifierEnv, btf: number, btfId: number): boolean {
  if (isKernelBtf(env, btf)) return false;
  return hasField(structRecord(env, env.btfAt(btf), btfId), BPF_GRAPH_NODE);
}

/** Flags of the pointer that a load of the field gives (btf_ld_kptr_type). */
function loadedFlags(env: VerifierEnv, field: SpecialField): number {
  if (!gates.trustedPointers) return PTR_MAYBE_NULL | PTR_UNTRUSTED;
  if (!isRcuSafe(env, field) || !inRcuCs(env)) return PTR_MAYBE_NULL | PTR_UNTRUSTED;
  const { btf, btfId } = kptrTarget(env, field);
  let flags = PTR_MAYBE_NULL | MEM_RCU;
  if (field.type === BPF_KPTR_PERCPU) flags |= MEM_PERCPU;
  else if (!isKernelBtf(env, btf)) flags |= MEM_ALLOC;
  return hasGraphNode(env, btf, btfId) ? flags | NON_OWN_REF : flags;
}

/** Flags that a pointer stored into the field may have. */
function allowedFlags(env: VerifierEnv, field: SpecialField, regBtf: number): number {
  if (!isKernelBtf(env, regBtf)) {
    const percpu = field.type === BPF_KPTR_PERCPU ? MEM_PERCPU : 0;
    return PTR_MAYBE_NULL | MEM_ALLOC | percpu;
  }
  const untrusted = field.type === BPF_KPTR_UNREF ? PTR_UNTRUSTED : 0;
  return PTR_MAYBE_NULL | PTR_TRUSTED | MEM_RCU | untrusted;
}

function hasRightFlags(
  env: VerifierEnv,
  field: SpecialField,
  type: number,
  regBtf: number,
): boolean {
  if (typeFlags(type) & ~allowedFlags(env, field, regBtf)) return false;
  return (field.type === BPF_KPTR_PERCPU) === ((type & MEM_PERCPU) !== 0);
}

/** Rejects a register that may not go into the kptr field. Mirrors map_kptr_match_type. */
export function checkKptrMatch(env: VerifierEnv, field: SpecialField, regno: number): void {
  const w = env.regs;
  const r = regAt(regno);
  const type = w[r + TYPE]!;
  const btf = w[r + BTF]!;
  if (baseType(type) !== PTR_TO_BTF_ID || !hasRightFlags(env, field, type, btf)) {
    rejectKptr(env, field, regno, '');
  }
  const id = w[r + BTF_ID]!;
  checkPtrOffReg(env, w, r, regno, true);
  const target = kptrTarget(env, field);
  const matches = btfIdsMatch(
    env,
    env.btfAt(btf),
    id,
    w[r + OFF]!,
    env.btfAt(target.btf),
    target.btfId,
    field.type !== BPF_KPTR_UNREF,
    !isAlloc(type),
  );
  if (!matches) rejectKptr(env, field, regno, btfTypeName(env, btf, id));
}

function rejectKptr(env: VerifierEnv, field: SpecialField, regno: number, regName: string): never {
  const { btf, btfId } = kptrTarget(env, field);
  const name = btfTypeName(env, btf, btfId);
  let expected = typeText(PTR_TO_BTF_ID) + name;
  if (field.type === BPF_KPTR_UNREF) {
    expected += ` or ${typeText(PTR_TO_BTF_ID | PTR_UNTRUSTED)}${name}`;
  }
  const type = typeText(env.regs[regAt(regno) + TYPE]!) + regName;
  env.reject('EACCES', mapMessages.kptr_type(regno, type, expected));
}

/** The user's page, if there is one; programs never say which. Mirrors mark_uptr_ld_reg. */
function loadUptr(env: VerifierEnv, regno: number, kind: number, field: SpecialField): void {
  if (kind !== BPF_LDX) env.reject('EACCES', mapMessages.uptr_store());
  const w = env.regs;
  const r = regAt(regno);
  markKnownZero(w, r);
  w[r + TYPE] = PTR_TO_MEM | PTR_MAYBE_NULL;
  w[r + MEM_SIZE] = uptrSize(field);
  w[r + ID] = env.newId();
}

/**
 * An instruction loads a kptr field into register `valueRegno`, or stores to it. Mirrors
 * check_map_kptr_access.
 */
export function checkKptrAccess(
  env: VerifierEnv,
  valueRegno: number,
  insn: number,
  field: SpecialField,
): void {
  const op = env.code.op[insn]!;
  const kind = classOf(op);
  if ((op & MODE_MASK) !== BPF_MEM) env.reject('EACCES', mapMessages.kptr_mode());
  if (field.type === BPF_UPTR) return loadUptr(env, valueRegno, kind, field);
  if (kind !== BPF_LDX && field.type !== BPF_KPTR_UNREF) {
    env.reject('EACCES', mapMessages.kptr_store());
  }
  if (kind === BPF_LDX) {
    const { btf, btfId } = kptrTarget(env, field);
    const flags = loadedFlags(env, field);
    markBtfLoad(env, env.regs, regAt(valueRegno), PTR_TO_BTF_ID, btf, btfId, flags);
  } else if (kind === BPF_STX) {
    // A scalar may only be stored because it is 0: that must matter to later states.
    if (regIsNull(env.regs, regAt(valueRegno))) markChainPrecision(env, valueRegno);
    else checkKptrMatch(env, field, valueRegno);
  } else if (kind === BPF_ST) {
    if (env.code.imm[insn] !== 0) {
      env.reject('EACCES', mapMessages.kptr_store_imm(field.offset));
    }
  } else {
    env.reject('EACCES', mapMessages.kptr_class());
  }
}
