import { attachTypeId, constants, programTypes, type ProgramTypeDef } from '../abi/index.ts';
import type { Btf } from '../btf/index.ts';
import type { LoadedCode, ProgramImage } from '../engine/index.ts';
import type { KernelMap, ProgramBinding, ProgramVerification } from '../kernel/index.ts';
import type { MapSpec, ObjectFile, ProgramSpec } from '../object/index.ts';
import type { Token } from '../security/index.ts';
import type { VerifierCapabilities, VerifierInput } from '../verifier/index.ts';
import { refuse } from './errno.ts';
import { fillInsnArrays, insnArrays } from './insn-array.ts';
import { link } from './link.ts';
import type { Machine } from './machine.ts';
import { MachineMap } from './map.ts';
import { ReadingCode } from './memory.ts';
import type { BtfObject } from './objects/btf.ts';
import { type Adapted, type BoundDevice, MachineProgram } from './program.ts';
import { relocated, verifyProgram } from './rules.ts';
import { constantWords, objectTypes } from './special-fields.ts';
import { loadCode } from './static-keys.ts';

const { BPF_PROG_TYPE_EXT } = constants;

/** A program at BPF_PROG_LOAD, as far as rights depend on it. */
export interface Admitted {
  readonly type: number;
  readonly expectedAttachType: number;
  /** Instructions. */
  readonly length: number;
}

/** What somebody may do with a program. */
export interface Admission {
  /** The token that counts for it. */
  readonly token: Token | undefined;
  readonly capabilities: VerifierCapabilities;
}

/** Who loads a program. */
export interface Loader {
  readonly uid: number;
  /** May not load BTF: program and maps go without. */
  readonly withoutBtf: boolean;
  /** Throws KernelError for a program that is not for this loader. */
  admit(program: Admitted): Admission;
  /** Throws KernelError if it may not create the map with the kernel's configuration. */
  admitMap(spec: MapSpec): void;
}

/** A program of an object file. Throws KernelError and VerifierError. `by`: default root. */
export function loadProgram(
  machine: Machine,
  spec: ProgramSpec,
  maps: ReadonlyMap<string, KernelMap>,
  object: ObjectFile,
  insns: readonly KernelMap[] = [],
  binding?: ProgramBinding,
  target?: MachineProgram,
  by?: Loader,
): MachineProgram {
  const type = spec.type === undefined ? undefined : programTypes.get(spec.type);
  if (!type) {
    const what = spec.type ? `type ${spec.type}` : `section '${spec.section}'`;
    refuse('EINVAL', `program '${spec.name}': this machine cannot run ${what}`);
  }
  const { rules } = machine.settings;
  const bound = binding && bindProgram(machine, type.name, binding);
  const adapted = relocated(spec, object, rules, machine.offers);
  const flags = bound ? constants.BPF_F_XDP_DEV_BOUND_ONLY : 0;
  let admission: Admission | undefined;
  const admit = by && ((one: Admitted) => (admission = by.admit(one)).capabilities);
  const user = admit && { withoutBtf: by.withoutBtf, admit };
  const asked = { flags, target: target?.parts.input };
  const verified = verifyProgram(spec, adapted, maps, object, rules, asked, user);
  if (!rules) admit?.(admittedOf(spec, type));
  const loaded = { spec, adapted, maps, object, rules };
  const arrays = insnArrays(insns, loaded);
  const { kconfig } = adapted;
  if (kconfig) by?.admitMap(kconfig);
  const mapNamed = (name: string): MachineMap => {
    if (name === kconfig?.name) return machine.configuration(kconfig);
    return ownMap(machine, spec, name, maps.get(name));
  };
  const program = installProgram(machine, {
    spec,
    type,
    adapted,
    mapNamed,
    verification: verified?.verification,
    input: verified?.input,
    license: object.license,
    types: object.btf,
    btf: object.btf && !by?.withoutBtf ? () => machine.objects.holdBtf(object.btf!) : undefined,
    ...(by && { uid: by.uid, ...admission }),
    bound,
    target,
  });
  fillInsnArrays(arrays, loaded);
  return program;
}

/** Without rules nobody has looked at the program yet. */
function admittedOf({ attachType, insns }: ProgramSpec, { id }: ProgramTypeDef): Admitted {
  const expectedAttachType = attachType === undefined ? 0 : (attachTypeId(attachType) ?? 0);
  return { type: id, expectedAttachType, length: insns.length / 8 };
}

/** The device a program is for (bpf_prog_dev_bound_init). Throws KernelError. */
export function bindProgram(
  { settings }: Machine,
  type: string,
  binding: ProgramBinding,
): BoundDevice {
  const found = settings.subsystems.find((one) => one.bind && one.serves(type, {}));
  if (found) return found.bind!(type, binding);
  return refuse('EINVAL', `no device runs programs of type ${type}`);
}

/** The map as one of this machine. */
function ownMap(
  { objects }: Machine,
  spec: ProgramSpec,
  name: string,
  map: KernelMap | undefined,
): MachineMap {
  if (!map) refuse('ENOENT', `program '${spec.name}' uses map '${name}', not created`);
  if (map instanceof MachineMap && objects.maps.get(map.id) === map) return map;
  return refuse('EBADF', `map '${name}' is one of another machine`);
}

/** What the verifier has let through, or nobody looked at. */
export interface Installation {
  readonly spec: ProgramSpec;
  readonly type: ProgramTypeDef;
  readonly adapted: Adapted;
  /** By the names the relocations have. Throws KernelError. */
  readonly mapNamed: (name: string) => MachineMap;
  readonly verification: ProgramVerification | undefined;
  readonly input: VerifierInput | undefined;
  readonly license: string;
  /** The program's own types, and what gives a hold on their object. */
  readonly types: Btf | undefined;
  readonly btf: (() => BtfObject) | undefined;
  readonly target?: MachineProgram | undefined;
  readonly uid?: number;
  /** It was loaded with: asked again when it is attached. */
  readonly token?: Token | undefined;
  /** What the verifier let the program do; default: all. */
  readonly capabilities?: VerifierCapabilities | undefined;
  readonly bound?: BoundDevice | undefined;
  /** Of an extension that was saved when its target had gone. */
  readonly runsAs?: ProgramTypeDef | undefined;
  /** Where bpf_obj_new() looks types up, of a program that was saved. */
  readonly objectTypes?: number | undefined;
  /** Default: now. */
  readonly loadTime?: bigint;
}

/** Compiles the program and gives it an id. */
export function installProgram(machine: Machine, one: Installation): MachineProgram {
  const { spec, type, adapted, mapNamed, verification } = one;
  const { runtime, settings, objects } = machine;
  const id = objects.programs.next;
  const used = usedMaps(one);
  const ofTarget = type.id === BPF_PROG_TYPE_EXT ? one.target?.parts.runsAs : undefined;
  const runsAs = one.runsAs ?? ofTarget ?? type;
  const image = link(spec, adapted, id, runsAs, {
    runtime,
    kernel: settings.rules,
    objectTypes: (ids) =>
      one.objectTypes ?? objectTypes(runtime, one.types, [...ids, ...constantWords(used)]),
    mapAddress: (name) => mapNamed(name).runtimeMap.address,
  });
  const { profile, fuel } = settings;
  const options = {
    checks: !verification || used.some(({ unbounded }) => unbounded),
    ...(machine.memory ? { watch: true } : {}),
    ...(profile === undefined ? {} : { profile }),
    ...(fuel === undefined ? {} : { fuel }),
  };
  const compile = (generation: ProgramImage) =>
    reading(machine, spec, machine.compile(generation, options));
  const { result: code, slots } = runtime.functions.during(() =>
    loadCode(spec, image, { runtime, mapNamed }, compile),
  );
  const program = new MachineProgram(
    {
      id,
      spec,
      type,
      code,
      verification,
      adapted,
      input: one.input,
      license: one.license,
      maps: used.map((map) => map.hold()),
      btf: one.btf?.(),
      target: one.target?.hold(),
      runsAs,
      compile,
      slots,
      loadTime: one.loadTime ?? runtime.clock,
      uid: one.uid ?? 0,
      token: one.token,
      capabilities: one.capabilities,
      bound: one.bound,
    },
    machine,
  );
  objects.programs.put(id, program);
  if (machine.countsRuns) program.count(true);
  return program;
}

/** With a model of memory every run is a reader, which grace periods wait for. */
function reading({ memory }: Machine, { flags }: ProgramSpec, code: LoadedCode): LoadedCode {
  return memory ? new ReadingCode(code, memory, flags.includes('sleepable')) : code;
}

/** In the order in which the instructions name them first; then keys of static branches. */
function usedMaps({ adapted, spec, mapNamed }: Installation): MachineMap[] {
  const loads = adapted.relocations.toSorted((a, b) => a.insn - b.insn).map(({ map }) => map);
  const keys = (spec.staticBranches ?? []).map(({ key }) => key);
  return [...new Set([...loads, ...keys])].map(mapNamed);
}

/** The map with values of the kernel's configuration, filled and frozen. */
export function configurationMap(machine: Machine, spec: MapSpec): MachineMap {
  const map = machine.createMap(spec);
  map.update(new Uint8Array(spec.keySize), spec.initialValue!);
  map.freeze();
  return map;
}
