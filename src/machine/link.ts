import {
  type CallContract,
  type KernelProfile,
  kfuncById,
  type ProgramTypeDef,
} from '../abi/index.ts';
import type { ProgramImage } from '../engine/index.ts';
import type { MapRelocation, ProgramSpec, RelocatedProgram } from '../object/index.ts';
import { BPF_PSEUDO_KFUNC_CALL, decodeCode, encodeCode, CALL } from '../isa/index.ts';
import { M_VALUE_TAG, M_VALUES, REGION_MAP_HANDLE, TAG_BASE } from '../runtime/layout.ts';
import type { Runtime } from '../runtime/types.ts';

/** Parameter of bpf_obj_new_impl and bpf_percpu_obj_new_impl. */
const TYPE_ID = 'local_type_id__k';
/** Marks of ld_imm64 in its source register (BPF_PSEUDO_*). */
const PSEUDO_MAP = 1;
const PSEUDO_MAP_VALUE = 2;

/** What the linker asks a machine. */
export interface LinkTarget {
  readonly runtime: Runtime;
  /** Has the kernel functions that calls name by BTF id. */
  readonly kernel?: KernelProfile | undefined;
  /** The types of objects with these BTF ids, where programs find them. */
  objectTypes?(ids: readonly number[]): number;
  /** Address of the header of a map of the object. */
  mapAddress(name: string): number;
}

/** What of a relocated program is linked. */
type Relocated = Pick<RelocatedProgram, 'insns' | 'relocations' | 'modules'>;

/**
 * The relocated program with every pseudo load of a map and every call of a kernel function
 * resolved: what an engine compiles. Throws KernelError for a map the machine does not have.
 */
export function link(
  spec: ProgramSpec,
  relocated: Relocated,
  id: number,
  type: ProgramTypeDef,
  target: LinkTarget,
): ProgramImage {
  const insns = relocated.insns.slice();
  for (const relocation of relocated.relocations) resolve(insns, relocation, target);
  const kfuncs = target.kernel ? bindKfuncs(insns, relocated.modules, target.kernel, type) : [];
  const makesObjects = kfuncs.some(({ args }) => args.some(({ name }) => name === TYPE_ID));
  return {
    name: spec.name,
    id,
    insns,
    ...(kfuncs.length > 0 && { kfuncs }),
    ...(makesObjects && { objectTypes: target.objectTypes?.(numbersIn(insns)) ?? 0 }),
    functions: spec.functions.map(({ name, start }) => ({ name, start })),
    exceptionCallback: spec.functions.find(({ catches }) => catches)?.start,
    lines: spec.lines,
    programType: type.id,
    context: type.context,
  };
}

/** Numbers that instructions load: the verifier wants type ids to be among them. */
function numbersIn(insns: Uint8Array): number[] {
  const { length, imm } = decodeCode(insns);
  return [...new Set(imm.subarray(0, length))].filter((number) => number > 0);
}

/** Calls of kernel functions get the place of their contract in the list that is returned. */
function bindKfuncs(
  insns: Uint8Array,
  modules: readonly string[],
  kernel: KernelProfile,
  type: ProgramTypeDef,
): CallContract[] {
  const code = decodeCode(insns);
  const places = new Map<string, number>();
  const kfuncs: CallContract[] = [];
  for (let i = 0; i < code.length; i++) {
    if (code.op[i] !== CALL || code.src[i] !== BPF_PSEUDO_KFUNC_CALL) continue;
    const [id, module] = [code.imm[i]!, code.off[i]!];
    const key = `${module}:${id}`;
    if (!places.has(key)) {
      const contract = kfuncById(kernel, id, modules[module - 1]);
      if (!contract) continue;
      places.set(key, kfuncs.push(bodyFor(contract, type)) - 1);
    }
    code.set(i, CALL, 0, BPF_PSEUDO_KFUNC_CALL, 0, places.get(key)!);
  }
  if (kfuncs.length > 0) insns.set(encodeCode(code));
  return kfuncs;
}

/** With the body that programs of this type get. */
function bodyFor(contract: CallContract, { context }: ProgramTypeDef): CallContract {
  const { readOnlyFunc: func, kernelFunc } = contract;
  if (kernelFunc !== undefined && context.kernelPacket) return { ...contract, func: kernelFunc };
  return func !== undefined && context.packet?.readOnly ? { ...contract, func } : contract;
}

function resolve(insns: Uint8Array, relocation: MapRelocation, target: LinkTarget): void {
  const address = target.mapAddress(relocation.map);
  if (relocation.kind === 'map') {
    patch(insns, relocation.insn, PSEUDO_MAP, address, TAG_BASE + REGION_MAP_HANDLE);
    return;
  }
  const view = target.runtime.view();
  const value = view.getUint32(address + M_VALUES, true) + relocation.offset;
  patch(
    insns,
    relocation.insn,
    PSEUDO_MAP_VALUE,
    value,
    view.getInt32(address + M_VALUE_TAG, true),
  );
}

/** Writes a 64-bit value and its mark into the ld_imm64 at instruction `insn`. */
function patch(insns: Uint8Array, insn: number, mark: number, low: number, high: number): void {
  const view = new DataView(insns.buffer, insns.byteOffset + insn * 8, 16);
  view.setUint8(1, (view.getUint8(1) & 0x0f) | (mark << 4));
  view.setInt32(4, low | 0, true);
  view.setInt32(12, high | 0, true);
}
