import { errnoName } from '../abi/names.ts';
import { KernelError } from '../base/index.ts';
import type { BtfInput } from '../btf/index.ts';
import type { Kernel, KernelMap, KernelProgram } from '../kernel/index.ts';
import type { MapSpec, ObjectFile } from '../object/index.ts';
import { withGlobals } from './globals.ts';

export interface LoadOptions {
  /** Values for global variables, set before loading (also `const volatile` ones). */
  readonly globals?: Readonly<Record<string, BtfInput>>;
  /** Programs to load; programs that tail calls reach by the object's own prog_arrays come along. */
  readonly programs?: readonly string[];
}

/** The kernel's objects made from an object file. */
export interface LoadedObjects {
  readonly maps: ReadonlyMap<string, KernelMap>;
  readonly programs: ReadonlyMap<string, KernelProgram>;
  /** Programs the kernel refused when nobody asked for them by name, with why. */
  readonly refused: ReadonlyMap<string, KernelError>;
}

/** Creates the maps, loads the programs, fills the slots: what libbpf does between open and attach. */
export function loadObject(
  kernel: Kernel,
  object: ObjectFile,
  options: LoadOptions = {},
): LoadedObjects {
  const specs = withGlobals(object, options.globals ?? {});
  const maps = new Map<string, KernelMap>();
  for (const spec of specs) maps.set(spec.name, createMap(kernel, spec));
  const { programs, refused } = loadPrograms(kernel, object, specs, maps, options.programs);
  for (const spec of specs) fillSlots(spec, maps, programs);
  return { maps, programs, refused };
}

function createMap(kernel: Kernel, spec: MapSpec): KernelMap {
  const inner = spec.inner && kernel.createMap(spec.inner);
  const map = kernel.createMap(spec, inner);
  if (spec.initialValue && spec.dataSection) {
    const value = new Uint8Array(spec.valueSize);
    value.set(spec.initialValue);
    check(map.update(new Uint8Array(spec.keySize), value), `fill map '${spec.name}'`);
  }
  if (spec.dataSection === 'rodata') check(map.freeze(), `freeze map '${spec.name}'`);
  return map;
}

function check(result: number, what: string): void {
  if (result < 0) throw new KernelError(errnoName(result), -result, `cannot ${what}`);
}

function loadPrograms(
  kernel: Kernel,
  object: ObjectFile,
  specs: readonly MapSpec[],
  maps: ReadonlyMap<string, KernelMap>,
  asked: readonly string[] | undefined,
) {
  const programs = new Map<string, KernelProgram>();
  const refused = new Map<string, KernelError>();
  const wanted = asked && withTailCallTargets(asked, specs);
  for (const spec of object.programs) {
    if (wanted && !wanted.has(spec.name)) continue;
    try {
      programs.set(spec.name, kernel.loadProgram(spec, maps, object));
    } catch (error) {
      if (!(error instanceof KernelError) || asked?.includes(spec.name)) throw error;
      refused.set(spec.name, error);
    }
  }
  for (const name of asked ?? []) {
    if (!programs.has(name)) {
      const list = object.programs.map((one) => one.name).join(', ');
      throw new KernelError('ENOENT', 2, `the object has no program '${name}' (it has: ${list})`);
    }
  }
  return { programs, refused };
}

function withTailCallTargets(asked: readonly string[], specs: readonly MapSpec[]): Set<string> {
  const wanted = new Set(asked);
  for (const spec of specs) {
    for (const { kind, name } of spec.initialSlots ?? []) if (kind === 'program') wanted.add(name);
  }
  return wanted;
}

/** Initial values of maps of maps and of prog_arrays: slot number to object. */
function fillSlots(
  spec: MapSpec,
  maps: ReadonlyMap<string, KernelMap>,
  programs: ReadonlyMap<string, KernelProgram>,
): void {
  for (const { slot, name, kind } of spec.initialSlots ?? []) {
    const target = kind === 'map' ? maps.get(name) : programs.get(name);
    if (!target) continue;
    const key = new Uint8Array(spec.keySize);
    const value = new Uint8Array(4);
    new DataView(key.buffer).setUint32(0, slot, true);
    new DataView(value.buffer).setUint32(0, target.handle, true);
    const what = `put ${kind} '${name}' into slot ${slot} of map '${spec.name}'`;
    check(maps.get(spec.name)!.update(key, value), what);
  }
}
