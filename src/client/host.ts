import { KernelError, type VerifierError } from '../base/index.ts';
import { type BtfInput, type BtfValue, decodeValue } from '../btf/index.ts';
import type { Kernel, KernelDevice } from '../kernel/index.ts';
import { type ObjectFile, parseObject } from '../object/index.ts';
import { globalsOf, patchValue } from './globals.ts';
import { type LoadOptions, loadObject } from './load.ts';
import { MapOf } from './map.ts';
import { Program } from './program.ts';

/** An object file: parsed, its bytes, or (in Node) its path. */
export type ObjectSource = ObjectFile | Uint8Array | string | URL;

/** What `load` gives. */
export interface LoadedObject extends Disposable {
  readonly object: ObjectFile;
  readonly programs: Readonly<Record<string, Program>>;
  readonly maps: Readonly<Record<string, MapOf>>;
  /** Live global variables, read and written by name. */
  readonly globals: Globals;
  /** Programs this kernel cannot run, with why. */
  readonly refused: ReadonlyMap<string, KernelError | VerifierError>;
}

/** The global variables of a loaded object. */
export interface Globals {
  readonly names: readonly string[];
  get(name: string): BtfValue;
  /**
   * Of a struct only the members given change. Throws KernelError EPERM for constants: give those
   * to `load`.
   */
  set(name: string, value: BtfInput): void;
}

/** A kernel and its devices: where objects are loaded. */
export class Host implements Disposable {
  readonly kernel: Kernel;
  readonly devices: Readonly<Record<string, KernelDevice>>;
  readonly #loaded: LoadedObject[] = [];

  constructor(kernel: Kernel, devices: Iterable<readonly [string, KernelDevice]>) {
    this.kernel = kernel;
    this.devices = Object.fromEntries(devices);
  }

  /** Creates the object's maps and loads its programs. */
  async load(source: ObjectSource, options: LoadOptions = {}): Promise<LoadedObject> {
    const object = await objectFrom(source);
    const { maps, programs, refused, owned } = loadObject(this.kernel, object, options);
    const typed = [...maps].map(
      ([name, map]) => [name, new MapOf(map, object.btf, this.kernel.cpus)] as const,
    );
    const mapsByName = Object.fromEntries(typed);
    const loaded: LoadedObject = {
      object,
      programs: Object.fromEntries([...programs].map(([name, one]) => [name, new Program(one)])),
      maps: mapsByName,
      globals: liveGlobals(object, mapsByName),
      refused,
      [Symbol.dispose]() {
        for (const program of programs.values()) program.close();
        for (const map of owned) map.close();
      },
    };
    this.#loaded.push(loaded);
    return loaded;
  }

  [Symbol.dispose](): void {
    for (const loaded of this.#loaded.splice(0)) loaded[Symbol.dispose]();
  }
}

async function objectFrom(source: ObjectSource): Promise<ObjectFile> {
  if (source instanceof Uint8Array) return parseObject(source);
  if (typeof source !== 'string' && !(source instanceof URL)) return source;
  // Not an import: bundlers for browsers would follow it.
  const builtin = globalThis.process?.getBuiltinModule;
  if (!builtin) throw new TypeError('in a browser, give the bytes of the object file');
  return parseObject(builtin('node:fs').readFileSync(source));
}

function liveGlobals(object: ObjectFile, maps: Readonly<Record<string, MapOf>>): Globals {
  const known = globalsOf(object);
  const variable = (name: string) => {
    const found = known.get(name);
    if (found) return found;
    throw new KernelError('ENOENT', 2, `the object has no global variable '${name}'`);
  };
  const bytesOf = (map: string): Uint8Array => {
    const { kernelMap } = maps[map]!;
    const bytes = new Uint8Array(kernelMap.userValueSize);
    kernelMap.lookup(new Uint8Array(kernelMap.spec.keySize), bytes);
    return bytes;
  };
  return {
    names: [...known.keys()],
    get(name) {
      const { map, offset, size, typeId } = variable(name);
      return decodeValue(object.btf!, typeId, bytesOf(map).subarray(offset, offset + size));
    },
    set(name, value) {
      const { map, offset, typeId } = variable(name);
      const bytes = bytesOf(map);
      patchValue(object.btf!, typeId, value, bytes, offset);
      const { kernelMap } = maps[map]!;
      const result = kernelMap.update(new Uint8Array(kernelMap.spec.keySize), bytes);
      if (result < 0) {
        throw new KernelError('EPERM', 1, `global '${name}' is constant: give it to load()`);
      }
    },
  };
}
