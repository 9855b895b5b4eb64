import {
  BPF_CMPXCHG,
  BPF_FETCH,
  type Code,
  FRAME_POINTER,
  type InsnInfo,
  insnInfo,
  invalidReason,
} from '../isa/index.ts';

/** Kinds whose destination register receives a value. */
const WRITES_DST: ReadonlySet<InsnInfo['kind']> = new Set([
  'alu',
  'neg',
  'end',
  'movsx',
  'addr_space_cast',
  'load',
  'load_sx',
  'ld_imm64',
] as const);

/**
 * Whether both engines run slot `i`, rather than end the run with 'bad instruction' there: a valid
 * encoding (reserved fields zero, registers that exist) of an instruction Linux 6.12 accepts, that
 * does not write the frame pointer, and is no call of a kernel function.
 */
export function isExecutable(code: Code, i: number): boolean {
  if (invalidReason(code, i) !== undefined) return false;
  const info = insnInfo(code.op[i]!, code.off[i], code.src[i], code.imm[i])!;
  if (info.refused || info.kind === 'callx' || info.kind === 'call_kfunc') return false;
  return !writesFramePointer(code, i, info);
}

function writesFramePointer(code: Code, i: number, info: InsnInfo): boolean {
  if (info.kind !== 'atomic') {
    return WRITES_DST.has(info.kind) && code.dst[i] === FRAME_POINTER;
  }
  const imm = code.imm[i]!;
  const fetches = (imm & BPF_FETCH) !== 0 && imm !== BPF_CMPXCHG;
  return fetches && code.src[i] === FRAME_POINTER;
}
