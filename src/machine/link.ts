import type { ProgramTypeDef } from '../abi/index.ts';
import { KernelError } from '../base/index.ts';
import type { ProgramImage } from '../engine/index.ts';
import type { ExternSpec, ObjectFile, ProgramSpec, Relocation } from '../object/index.ts';
import { M_VALUE_TAG, M_VALUES, REGION_MAP_HANDLE, TAG_BASE } from '../runtime/layout.ts';
import type { Runtime } from '../runtime/types.ts';

/** Marks of ld_imm64 in its source register (BPF_PSEUDO_*). */
const PSEUDO_NONE = 0;
const PSEUDO_MAP = 1;
const PSEUDO_MAP_VALUE = 2;

/** What the linker asks a machine. */
export interface LinkTarget {
  readonly runtime: Runtime;
  /** Address of the header of a map of the object. */
  mapAddress(name: string): number;
}

/**
 * The program with every pseudo load resolved: what an engine compiles. Throws KernelError for a
 * map or kernel symbol the machine does not have.
 */
export function link(
  spec: ProgramSpec,
  id: number,
  type: ProgramTypeDef,
  object: ObjectFile,
  target: LinkTarget,
): ProgramImage {
  const insns = spec.insns.slice();
  for (const relocation of spec.relocations) resolve(insns, relocation, spec, object, target);
  return {
    name: spec.name,
    id,
    insns,
    functions: spec.functions.map(({ name, start }) => ({ name, start })),
    lines: spec.lines,
    programType: type.id,
    context: type.context,
  };
}

function resolve(
  insns: Uint8Array,
  relocation: Relocation,
  spec: ProgramSpec,
  object: ObjectFile,
  target: LinkTarget,
): void {
  if (relocation.kind === 'extern') {
    resolveExtern(insns, relocation.insn, externOf(object, relocation.extern), spec);
    return;
  }
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

function externOf(object: ObjectFile, name: string): ExternSpec {
  const found = object.externs.find((one) => one.name === name);
  return found ?? { name, kind: 'ksym_variable', weak: false, typeId: 0 };
}

/** The machine has no kernel symbols: a weak one is 0, others stop the load as libbpf would. */
function resolveExtern(
  insns: Uint8Array,
  insn: number,
  extern: ExternSpec,
  spec: ProgramSpec,
): void {
  if (!extern.weak) {
    const what = extern.kind === 'ksym_function' ? 'kernel function' : 'kernel symbol';
    const text = `program '${spec.name}' needs the ${what} '${extern.name}', not in this machine`;
    throw new KernelError('ESRCH', 3, text);
  }
  const isLoad = insns[insn * 8] === 0x18;
  if (isLoad) patch(insns, insn, PSEUDO_NONE, 0, 0);
}

/** Writes a 64-bit value and its mark into the ld_imm64 at instruction `insn`. */
function patch(insns: Uint8Array, insn: number, mark: number, low: number, high: number): void {
  const view = new DataView(insns.buffer, insns.byteOffset + insn * 8, 16);
  view.setUint8(1, (view.getUint8(1) & 0x0f) | (mark << 4));
  view.setInt32(4, low | 0, true);
  view.setInt32(12, high | 0, true);
}
