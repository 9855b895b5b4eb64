import { mapTypes } from '../abi/maps/index.ts';
import { errnoName } from '../abi/names.ts';
import { KernelError } from '../base/index.ts';
import type { KernelMap } from '../kernel/index.ts';
import type { ProgramSpec } from '../object/index.ts';

/** Which instructions of which program an instruction array is about. */
export interface InsnArrayOption {
  readonly program: string;
  /** Numbers of instructions in the object. Default: the program's static branches. */
  readonly insns?: readonly number[];
}

/**
 * The instruction arrays of a program, told what they are about and frozen. Throws KernelError for
 * maps that are none, or too small.
 */
export function insnArraysOf(
  spec: ProgramSpec,
  options: Readonly<Record<string, InsnArrayOption>>,
  maps: ReadonlyMap<string, KernelMap>,
): KernelMap[] {
  return Object.entries(options).flatMap(([name, { program, insns }]) => {
    if (program !== spec.name) return [];
    const map = maps.get(name);
    if (!map || !mapTypes.find(({ id }) => id === map.spec.typeId)?.insnArray) {
      throw new KernelError('EINVAL', 22, `map '${name}' is no instruction array`);
    }
    mark(map, insns ?? (spec.staticBranches ?? []).map(({ insn }) => insn));
    return [map];
  });
}

function mark(map: KernelMap, insns: readonly number[]): void {
  const key = new Uint32Array(1);
  const value = new Uint32Array(map.spec.valueSize / 4);
  for (const [i, insn] of insns.entries()) {
    key[0] = i;
    value[0] = insn;
    const result = map.update(new Uint8Array(key.buffer), new Uint8Array(value.buffer));
    if (result === 0) continue;
    const text = `instruction array '${map.spec.name}' does not take entry ${i}`;
    throw new KernelError(errnoName(result), -result, text);
  }
  map.freeze();
}
