import type { ProgramTypeDef } from '../abi/index.ts';
import type { ProgramImage } from '../engine/index.ts';
import type { MapRelocation, ProgramSpec, RelocatedProgram } from '../object/index.ts';
import { M_VALUE_TAG, M_VALUES, REGION_MAP_HANDLE, TAG_BASE } from '../runtime/layout.ts';
import type { Runtime } from '../runtime/types.ts';

/** Marks of ld_imm64 in its source register (BPF_PSEUDO_*). */
const PSEUDO_MAP = 1;
const PSEUDO_MAP_VALUE = 2;

/** What the linker asks a machine. */
export interface LinkTarget {
  readonly runtime: Runtime;
  /** Address of the header of a map of the object. */
  mapAddress(name: string): number;
}

/** What of a relocated program is linked. */
type Relocated = Pick<RelocatedProgram, 'insns' | 'relocations'>;

/**
 * The relocated program with every pseudo load of a map resolved: what an engine compiles. Throws
 * KernelError for a map the machine does not have.
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
