import { KernelError } from '../base/index.ts';
import {
  type KeyedBranch,
  type LoadedCode,
  type ProgramImage,
  SwitchedCode,
} from '../engine/index.ts';
import { decodeCode } from '../isa/index.ts';
import { type ProgramSpec, staticBranchProblem } from '../object/index.ts';
import type { Runtime } from '../runtime/index.ts';
import { MachineMap } from './map.ts';

const ZERO = new Uint8Array(4);

/** Code bound to a key, and the key's place among those of the code. */
interface Binding {
  readonly code: SwitchedCode;
  readonly place: number;
}

/** A static key: an update from outside gives all programs bound to it other code. */
export class KeyMap extends MachineMap {
  readonly #bindings = new Set<Binding>();

  /** True unless its value is 0. */
  get on(): boolean {
    const value = new Uint8Array(4);
    this.lookup(ZERO, value);
    return value.some((byte) => byte !== 0);
  }

  /** All programs switch or, when one cannot be compiled, none. There are no batches of keys. */
  override update(key: Uint8Array, value: Uint8Array, flags = 0): number {
    const before = new Uint8Array(4);
    this.lookup(ZERO, before);
    const was = this.on;
    const result = super.update(key, value, flags);
    if (this.on === was) return result;
    try {
      for (const { code, place } of this.#bindings) code.prepare(place, this.on);
    } catch (error) {
      super.update(ZERO, before);
      for (const { code, place } of this.#bindings) code.prepare(place, was);
      throw error;
    } finally {
      for (const { code } of this.#bindings) code.commit();
    }
    return result;
  }

  bind(binding: Binding): void {
    this.#bindings.add(binding);
  }

  unbind(code: LoadedCode): void {
    for (const binding of this.#bindings) {
      if (binding.code === code) this.#bindings.delete(binding);
    }
  }
}

/** What of a machine static branches need. */
interface Place {
  readonly runtime: Runtime;
  /** The map of that name of the object being loaded. */
  mapNamed(name: string): MachineMap;
}

/**
 * The code of a program, which follows its keys if it has static branches. Throws KernelError
 * EINVAL for branches that are none, keys that are none, and for a key used as a map.
 */
export function loadCode(
  spec: ProgramSpec,
  image: ProgramImage,
  { runtime, mapNamed }: Place,
  load: (image: ProgramImage) => LoadedCode,
): LoadedCode {
  for (const relocation of spec.relocations) {
    if (relocation.kind === 'extern' || relocation.map === '.kconfig') continue;
    if (mapNamed(relocation.map) instanceof KeyMap) {
      fail(spec, `static key '${relocation.map}' cannot be used as a map`);
    }
  }
  const branches = spec.staticBranches ?? [];
  if (branches.length === 0) return load(image);
  const problem = staticBranchProblem(decodeCode(image.insns), branches);
  if (problem) fail(spec, problem);
  const keys = [...new Set(branches.map(({ key }) => key))].map((name) => keyNamed(spec, name));
  const places = new Map(keys.map((key, place) => [key, place]));
  const keyed = branches.map((branch): KeyedBranch => {
    return { ...branch, key: places.get(keyNamed(spec, branch.key))! };
  });
  const state = keys.map(({ on }) => on);
  const code = new SwitchedCode(image, keyed, state, runtime, load);
  for (const [key, place] of places) key.bind({ code, place });
  return code;

  function keyNamed(program: ProgramSpec, name: string): KeyMap {
    const map = mapNamed(name);
    return map instanceof KeyMap ? map : fail(program, `map '${name}' is no static key`);
  }
}

function fail({ name }: ProgramSpec, reason: string): never {
  throw new KernelError('EINVAL', 22, `program '${name}': ${reason}`);
}
