import { errnos, type KernelProfile } from '../abi/index.ts';
import { KernelError } from '../base/index.ts';
import { INSN_SIZE, LD_IMM64 } from '../isa/index.ts';
import type { KernelMap } from '../kernel/index.ts';
import type { ObjectFile, ProgramSpec, RelocatedProgram } from '../object/index.ts';
import { M_STATE, MAP_FROZEN, M_STRIDE, M_VALUES } from '../runtime/layout.ts';
import { MachineMap } from './map.ts';
import { rewrittenOrigins } from './rules.ts';

// struct bpf_insn_array_value
const ORIG_OFF = 0;
const XLATED_OFF = 4;
const JITTED_OFF = 8;
/** xlated_off of an instruction that the verifier has taken out (INSN_DELETED of Linux 6.19). */
const DELETED = 0xffffffff;

/**
 * An instruction array: user space says which instructions of a program it means (orig_off) and
 * freezes the map; loading the program fills in where they have gone (xlated_off). jitted_off stays
 * 0: compiled code has no place that belongs to one instruction.
 */
export class InsnArrayMap extends MachineMap {
  #program: string | undefined;

  /** The program that it was filled for, by name. */
  get program(): string | undefined {
    return this.#program;
  }

  resumeFor(program: string): void {
    this.#program = program;
  }

  /** What loading fills in is not to be set: EINVAL. */
  override update(key: Uint8Array, value: Uint8Array, flags = 0): number {
    const { byteOffset, byteLength } = value;
    const view = new DataView(value.buffer, byteOffset, byteLength);
    const isSet = view.getUint32(XLATED_OFF, true) !== 0 || view.getUint32(JITTED_OFF, true) !== 0;
    return isSet ? -errnos['EINVAL']! : super.update(key, value, flags);
  }

  /** Why the map cannot be filled for a program of these instructions; throws KernelError. */
  check(program: string, insns: Uint8Array): void {
    const refuse = (code: 'EINVAL' | 'EBUSY', reason: string): never => {
      const text = `program '${program}': instruction array '${this.spec.name}' ${reason}`;
      throw new KernelError(code, errnos[code]!, text);
    };
    if (this.#program !== undefined) refuse('EBUSY', `belongs to program '${this.#program}'`);
    if ((this.#field(M_STATE) & MAP_FROZEN) === 0) refuse('EINVAL', 'is not frozen');
    for (const at of this.#entries()) {
      const insn = this.runtime.view().getUint32(at + ORIG_OFF, true);
      if (!isInsn(insns, insn)) refuse('EINVAL', `names instruction ${insn}, which is none`);
    }
  }

  /** `origin`: for each rewritten instruction the one it was made for. */
  fill(program: string, origin: Int32Array): void {
    this.#program = program;
    for (const at of this.#entries()) {
      const view = this.runtime.view();
      const place = origin.indexOf(view.getUint32(at + ORIG_OFF, true));
      view.setUint32(at + XLATED_OFF, place < 0 ? DELETED : place, true);
    }
  }

  #field(field: number): number {
    return this.runtime.view().getUint32(this.runtimeMap.address + field, true);
  }

  /** Addresses of the values. */
  #entries(): number[] {
    const [first, stride] = [this.#field(M_VALUES), this.#field(M_STRIDE)];
    return Array.from({ length: this.spec.maxEntries }, (_, i) => first + i * stride);
  }
}

function isInsn(insns: Uint8Array, insn: number): boolean {
  if (insn * INSN_SIZE >= insns.length) return false;
  for (let i = 0; i <= insn; i++) {
    if (i === insn) return true;
    if (insns[i * INSN_SIZE] === LD_IMM64) i++;
  }
  return false;
}

/** What filling instruction arrays needs of a program that has been loaded. */
interface Loaded {
  readonly spec: ProgramSpec;
  readonly adapted: RelocatedProgram;
  readonly maps: ReadonlyMap<string, KernelMap>;
  readonly object: ObjectFile;
  readonly rules: KernelProfile | undefined;
}

/** Instruction arrays of a program that is to be loaded. Throws KernelError for what is none. */
export function insnArrays(maps: readonly KernelMap[], { spec, adapted }: Loaded): InsnArrayMap[] {
  return maps.map((map) => {
    if (!(map instanceof InsnArrayMap)) {
      const text = `program '${spec.name}': map '${map.spec.name}' is no instruction array`;
      throw new KernelError('EINVAL', errnos['EINVAL']!, text);
    }
    map.check(spec.name, adapted.insns);
    return map;
  });
}

/** Says where the instructions have gone. Code that nobody verified stays where it is. */
export function fillInsnArrays(arrays: readonly InsnArrayMap[], loaded: Loaded): void {
  if (arrays.length === 0) return;
  const { spec, adapted, maps, object, rules } = loaded;
  const origin = rules
    ? rewrittenOrigins(spec, adapted, maps, object, rules)
    : Int32Array.from({ length: adapted.insns.length / INSN_SIZE }, (_, i) => i);
  for (const array of arrays) array.fill(spec.name, origin);
}
