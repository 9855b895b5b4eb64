import { succeed } from '../abi/succeed.ts';
import { KernelError, VerifierError } from '../base/index.ts';
import type { Btf, BtfInput } from '../btf/index.ts';
import type { Kernel, KernelMap, KernelProgram } from '../kernel/index.ts';
import type { MapSpec, ObjectFile, ProgramSpec } from '../object/index.ts';
import { withGlobals } from './globals.ts';
import { type InsnArrayOption, insnArraysOf } from './insn-arrays.ts';
import { type ReusedMap, ReusedMaps } from './reuse.ts';
import type { AnyObject, Input, ObjectShape } from './typed.ts';

/** A loaded program: itself, or what the kernel has of it. */
type AnyProgram = KernelProgram | { readonly kernelProgram: KernelProgram };

export interface LoadOptions<Shape extends ObjectShape = AnyObject> {
  /**
   * Values for global variables, set before loading (also `const volatile` ones). Of a struct only
   * the members that are given change.
   */
  readonly globals?: {
    readonly [Name in keyof Shape['globals']]?: Input<Shape['globals'][Name]>;
  };
  /**
   * Programs to load; programs that tail calls reach by the object's own prog_arrays come along.
   * Default: all but those whose section starts with '?'.
   */
  readonly programs?: readonly (keyof Shape['programs'] & string)[];
  /**
   * Maps to use instead of those of the object, by name: of another object, or pinned. They must
   * stay loaded.
   */
  readonly maps?: Readonly<Record<string, ReusedMap>>;
  /**
   * Instruction arrays of the object (include/beeyard/insn_array.h), by name: loading the program
   * fills in where its instructions have gone.
   */
  readonly insnArrays?: Readonly<Record<string, InsnArrayOption>>;
  /**
   * Programs for one network device alone, by name: those that ask for what the device says of
   * packets (bpf_xdp_metadata_rx_*) must be. They attach to this device, and go into no map.
   */
  readonly bound?: { readonly [Name in keyof Shape['programs']]?: string };
  /**
   * For programs that attach to another (SEC("freplace/function")), by name: that one, which must
   * stay loaded; with the name of its function where the section has none.
   */
  readonly targets?: {
    readonly [Name in keyof Shape['programs']]?:
      | AnyProgram
      | { readonly program: AnyProgram; readonly function: string };
  };
  /** Folder of maps that are pinned by name (LIBBPF_PIN_BY_NAME). Default '/sys/fs/bpf'. */
  readonly pinRoot?: string;
}

/** The kernel's objects made from an object file. */
export interface LoadedObjects {
  readonly maps: ReadonlyMap<string, KernelMap>;
  readonly programs: ReadonlyMap<string, KernelProgram>;
  /** Maps and programs the kernel refused while nobody who was asked for needs them, with why. */
  readonly refused: ReadonlyMap<string, KernelError | VerifierError>;
  /** The maps made for this object alone: to be closed with it. */
  readonly owned: readonly KernelMap[];
}

/**
 * Creates the maps, loads the programs, fills the slots: what libbpf does between open and
 * attach.
 */
export function loadObject(
  kernel: Kernel,
  object: ObjectFile,
  options: LoadOptions = {},
): LoadedObjects {
  if (!object.littleEndian) {
    throw new KernelError('EINVAL', 22, 'the object is big endian, the machine little endian');
  }
  const globals = (options.globals ?? {}) as Readonly<Record<string, BtfInput>>;
  const specs = withGlobals(object, globals);
  const reused = new ReusedMaps(kernel, specs, options);
  try {
    return makeObjects(kernel, object, options, specs, reused);
  } catch (error) {
    reused.undo();
    throw error;
  }
}

function makeObjects(
  kernel: Kernel,
  object: ObjectFile,
  options: LoadOptions,
  specs: readonly MapSpec[],
  reused: ReusedMaps,
): LoadedObjects {
  const refused = new Map<string, KernelError | VerifierError>();
  const maps = new Map<string, KernelMap>();
  for (const written of specs) {
    if (written.autocreate === false) continue;
    const spec = withEntries(written, kernel.cpus);
    const there = reused.find(spec);
    attempt(spec.name, refused, () => {
      maps.set(spec.name, there ?? reused.share(createMap(kernel, spec, object.btf)));
    });
  }
  const leftOut = programsLeftOut(object);
  const wanted = options.programs && withTailCallTargets(options.programs, specs);
  const programs = new Map<string, KernelProgram>();
  const loadAll = () => {
    for (const spec of object.programs) {
      if (wanted ? !wanted.has(spec.name) : leftOut.has(spec.name)) continue;
      const load = () => {
        const insns = insnArraysOf(spec, options.insnArrays ?? {}, maps);
        const device = (options.bound as Readonly<Record<string, string>> | undefined)?.[spec.name];
        const { target, attachTarget = spec.attachTarget } = targetOf(options, spec.name);
        const given = { insns, device, target };
        const aimed = attachTarget === spec.attachTarget ? spec : { ...spec, attachTarget };
        programs.set(spec.name, loadProgram(kernel, object, aimed, maps, refused, given));
      };
      if (options.programs?.includes(spec.name)) load();
      else attempt(spec.name, refused, load);
    }
  };
  if (kernel.together) kernel.together(loadAll);
  else loadAll();
  checkAllFound(object, options.programs ?? [], programs);
  for (const spec of specs) {
    const filled = reused.has(spec.name) && spec.type !== 'prog_array';
    if (maps.has(spec.name) && !filled) fillSlots(spec, maps, programs);
  }
  const owned = [...maps].flatMap(([name, map]) => (reused.has(name) ? [] : [map]));
  return { maps, programs, refused, owned };
}

/** Does it, or remembers why the kernel refused. */
function attempt(
  name: string,
  refused: Map<string, KernelError | VerifierError>,
  action: () => void,
): void {
  try {
    action();
  } catch (error) {
    if (!(error instanceof KernelError || error instanceof VerifierError)) throw error;
    refused.set(name, error);
  }
}

/** What the caller says for one program. */
interface GivenToProgram {
  readonly insns: readonly KernelMap[];
  readonly device: string | undefined;
  readonly target: KernelProgram | undefined;
}

/** What a program attaches to (bpf_program__set_attach_target). */
function targetOf({ targets }: LoadOptions, name: string): AimedAt {
  const target = targets?.[name];
  if (!target) return {};
  const named = 'program' in target;
  const program = named ? target.program : target;
  return {
    target: 'kernelProgram' in program ? program.kernelProgram : program,
    ...(named && { attachTarget: target.function }),
  };
}

interface AimedAt {
  readonly target?: KernelProgram;
  readonly attachTarget?: string;
}

function loadProgram(
  kernel: Kernel,
  object: ObjectFile,
  spec: ProgramSpec,
  maps: ReadonlyMap<string, KernelMap>,
  refused: ReadonlyMap<string, KernelError | VerifierError>,
  { insns, device, target }: GivenToProgram,
): KernelProgram {
  for (const relocation of spec.relocations) {
    const missing = 'map' in relocation ? refused.get(relocation.map) : undefined;
    if (missing) throw missing;
  }
  return kernel.loadProgram(
    spec,
    maps,
    object,
    insns,
    device === undefined ? undefined : { device },
    target,
  );
}

function checkAllFound(
  object: ObjectFile,
  asked: readonly string[],
  programs: ReadonlyMap<string, KernelProgram>,
): void {
  for (const name of asked) {
    if (programs.has(name)) continue;
    const list = object.programs.map((one) => one.name).join(', ');
    throw new KernelError('ENOENT', 2, `the object has no program '${name}' (it has: ${list})`);
  }
}

/** No size means one entry per CPU, for the type that has events per CPU. */
function withEntries(written: MapSpec, cpus: number): MapSpec {
  const sized = written.maxEntries === 0 && written.type === 'perf_event_array';
  return sized ? { ...written, maxEntries: cpus } : written;
}

function createMap(kernel: Kernel, spec: MapSpec, btf: Btf | undefined): KernelMap {
  const inner = spec.inner && kernel.createMap(spec.inner, undefined, btf);
  const map = kernel.createMap(spec, inner, btf);
  if (spec.initialValue && spec.dataSection) {
    const value = new Uint8Array(spec.valueSize);
    value.set(spec.initialValue);
    succeed(map.update(new Uint8Array(spec.keySize), value), `cannot fill map '${spec.name}'`);
  }
  if (spec.type === 'arena' && spec.initialValue) fillArena(map, spec.initialValue);
  if (spec.dataSection === 'rodata') succeed(map.freeze(), `cannot freeze map '${spec.name}'`);
  return map;
}

/** Globals in an arena are its first bytes: their pages are no more to be given to programs. */
function fillArena(map: KernelMap, bytes: Uint8Array): void {
  using view = map.mmap({ populate: bytes.length });
  view.bytes().set(bytes);
}

/**
 * Programs libbpf does not load by itself: of sections that start with '?', and those that are only
 * in struct_ops tables of such sections.
 */
function programsLeftOut({ programs, maps }: ObjectFile): Set<string> {
  const names = (tables: readonly MapSpec[]): string[] =>
    tables.flatMap(({ initialSlots }) => (initialSlots ?? []).map(({ name }) => name));
  const unused = new Set(names(maps.filter(({ autocreate }) => autocreate === false)));
  for (const name of names(maps.filter(({ autocreate }) => autocreate !== false))) {
    unused.delete(name);
  }
  for (const { name, autoload } of programs) if (autoload === false) unused.add(name);
  return unused;
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
    new DataView(key.buffer).setUint32(0, slot, true);
    const what = `cannot put ${kind} '${name}' into slot ${slot} of map '${spec.name}'`;
    succeed(maps.get(spec.name)!.setObject(key, target), what);
  }
}
