/** How the kernel's test loader asks the verifier for a program. */
import type { KernelProfile } from '../../abi/index.ts';
import type { ObjectFile, ProgramSpec } from '../../object/index.ts';
import {
  type VerifierCapabilities,
  type VerifierInput,
  verifierInput,
} from '../../verifier/index.ts';
import { DEFAULT_FLAGS, type SelftestMode, type SelftestSpec } from './annotations.ts';

const ALL: VerifierCapabilities = { bpf: true, perfmon: true, netAdmin: true, sysAdmin: true };
const NONE: VerifierCapabilities = {
  bpf: false,
  perfmon: false,
  netAdmin: false,
  sysAdmin: false,
};

/** Objects whose tests keep other capabilities (prog_tests/verifier.c). */
export const OTHER_CAPABILITIES: ReadonlySet<string> = new Set(['verifier_mtu.bpf.o']);

/** What the test driver leaves of the capabilities for an object's file (prog_tests/verifier.c). */
export function capabilitiesOf(file: string, mode: SelftestMode): VerifierCapabilities {
  if (mode === 'unprivileged') return NONE;
  if (OTHER_CAPABILITIES.has(file)) return { ...NONE, bpf: true, netAdmin: true };
  return file.startsWith('verifier_') ? { ...ALL, sysAdmin: false } : ALL;
}

/** A program of an object's file, and what its tags say. */
export interface SelftestUnit {
  /** The file's name: 'verifier_and.bpf.o'. */
  readonly file: string;
  readonly object: ObjectFile;
  readonly program: ProgramSpec;
  readonly spec: SelftestSpec | undefined;
  readonly mode: SelftestMode;
}

/** The input of a program. Throws KernelError for what the loader refuses. */
export function selftestInput(unit: SelftestUnit, target: KernelProfile): VerifierInput {
  const { object, program, file, spec, mode } = unit;
  const input = verifierInput(object, program, target, {
    // libbpf's name of an object: its file's, up to the first dot.
    objectName: file.split('.')[0]!,
    flags: spec?.flags ?? DEFAULT_FLAGS,
    withoutBtf: !capabilitiesOf(file, mode).bpf,
  });
  if (mode === 'privileged') return input;
  return { ...input, insns: withoutMaps(input.insns, object, program) };
}

/** Map types the test loader lets be made without capabilities (BPF_MAP_TYPE_*). */
const FOR_EVERYBODY = new Set([1, 2, 3, 4, 5, 6, 8, 12, 13, 19, 21, 27, 31]);
const CALL = 0x85;
const POISON = 2_001_000_000;

/** Other maps are not made; libbpf turns what names them into calls that no kernel knows. */
function withoutMaps(insns: Uint8Array, object: ObjectFile, program: ProgramSpec): Uint8Array {
  const copy = insns.slice();
  const view = new DataView(copy.buffer);
  for (const { insn, ...rest } of program.relocations) {
    const map = 'map' in rest ? rest.map : undefined;
    const index = object.maps.findIndex(({ name }) => name === map);
    if (index < 0 || FOR_EVERYBODY.has(object.maps[index]!.typeId)) continue;
    for (const at of [insn * 8, insn * 8 + 8]) {
      view.setUint32(at, CALL, true);
      view.setInt32(at + 4, POISON + index, true);
    }
  }
  return copy;
}
