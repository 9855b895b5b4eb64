import {
  BPF_DW,
  BPF_PSEUDO_BTF_ID,
  BPF_PSEUDO_FUNC,
  BPF_PSEUDO_MAP_FD,
  BPF_PSEUDO_MAP_VALUE,
} from '../../isa/index.ts';
import { findSubprog } from '../cfg/subprograms.ts';
import type { VerifierEnv } from '../env.ts';
import { ARENA_MAP } from '../load/program-kinds.ts';
import { load } from '../messages/load.ts';
import { checkRegArg } from '../prune/liveness.ts';
import {
  baseType,
  BTF,
  BTF_ID,
  CONST_PTR_TO_MAP,
  MAP,
  MEM_SIZE,
  OFF,
  PTR_TO_BTF_ID,
  PTR_TO_FUNC,
  PTR_TO_MAP_VALUE,
  PTR_TO_MEM,
  regAt,
  SCALAR_VALUE,
  SUBPROGNO,
  TYPE,
} from '../state/layout.ts';
import { markKnown, markKnownZero, markUnknown } from '../value/bounds.ts';

const SIZE_BITS = 0x18;

/** A load of 64 bits: a number, or what a pseudo load stands for. Mirrors check_ld_imm. */
export function checkLdImm64(env: VerifierEnv, insn: number): void {
  const { op, dst, src, off, imm } = env.code;
  if ((op[insn]! & SIZE_BITS) !== BPF_DW) env.reject('EINVAL', load.ld_imm());
  if (off[insn] !== 0) env.reject('EINVAL', load.ld_imm64_reserved());
  checkRegArg(env, dst[insn]!, 'dst');
  const w = env.regs;
  const r = regAt(dst[insn]!);
  if (src[insn] === 0) {
    w[r + TYPE] = SCALAR_VALUE;
    markKnown(w, r, imm[insn]!, imm[insn + 1]!);
    return;
  }
  markKnownZero(w, r);
  if (src[insn] === BPF_PSEUDO_BTF_ID) loadSymbol(env, insn, w, r);
  else if (src[insn] === BPF_PSEUDO_FUNC) loadFunction(env, insn, w, r);
  else loadMap(env, insn, w, r);
}

function loadSymbol(env: VerifierEnv, insn: number, w: Int32Array, r: number): void {
  const { loadType, loadObject, loadValue } = env.aux;
  w[r + TYPE] = loadType[insn]!;
  switch (baseType(loadType[insn]!)) {
    case PTR_TO_MEM:
      w[r + MEM_SIZE] = loadValue[insn]!;
      return;
    case PTR_TO_BTF_ID:
      w[r + BTF] = loadObject[insn]!;
      w[r + BTF_ID] = loadValue[insn]!;
      return;
    default:
      env.reject('EFAULT', load.misconfigured());
  }
}

function loadFunction(env: VerifierEnv, insn: number, w: Int32Array, r: number): void {
  const index = findSubprog(env, insn + env.code.imm[insn]! + 1);
  if (!env.hasFunctionInfo) env.reject('EINVAL', load.callback_without_info());
  if (env.subprogs[index]!.global) env.reject('EINVAL', load.callback_not_static());
  if (index === 0) env.reject('EINVAL', load.callback_is_main());
  w[r + TYPE] = PTR_TO_FUNC;
  w[r + SUBPROGNO] = index;
}

function loadMap(env: VerifierEnv, insn: number, w: Int32Array, r: number): void {
  const index = env.aux.loadObject[insn]!;
  w[r + MAP] = index;
  switch (env.code.src[insn]) {
    case BPF_PSEUDO_MAP_VALUE:
      if (env.maps[index - 1]!.type === ARENA_MAP) return markUnknown(env, w, r);
      w[r + TYPE] = PTR_TO_MAP_VALUE;
      w[r + OFF] = env.aux.loadValue[insn]!;
      return;
    case BPF_PSEUDO_MAP_FD:
      w[r + TYPE] = CONST_PTR_TO_MAP;
      return;
    default:
      env.reject('EINVAL', load.misconfigured());
  }
}
