import {
  constants,
  helperContract,
  type KernelProfile,
  type MapTypeDef,
  programTypes,
} from '../abi/index.ts';
import { mapTypes } from '../abi/maps/index.ts';
import { kptrResolver } from '../abi/fields/kptr.ts';
import { KernelError } from '../base/index.ts';
import type { Btf } from '../btf/index.ts';
import { type Engine, type LoadedCode, usesTimers } from '../engine/index.ts';
import type {
  AttachOptions,
  Kernel,
  KernelLink,
  KernelMap,
  LiveObjects,
  KernelOwner,
  OwnerKind,
  RunOptions,
  RunResult,
} from '../kernel/index.ts';
import type { MapSpec, ObjectFile, ProgramSpec, RelocatedProgram } from '../object/index.ts';
import {
  createRuntime,
  type GracePeriodPolicy,
  type MapHash,
  type MemoryModelOptions,
  type MemoryOptions,
  type Runtime,
  type RuntimeOwner,
} from '../runtime/index.ts';
import { fillInsnArrays, InsnArrayMap, insnArrays } from './insn-array.ts';
import { link } from './link.ts';
import { objectTypes, specialFields } from './special-fields.ts';
import { type Offers, offersOf, relocated, verifyProgram } from './rules.ts';
import { MachineMap } from './map.ts';
import { MachineMemory, ReadingCode } from './memory.ts';
import { KeyMap, loadCode } from './static-keys.ts';
import { Pins } from './pins.ts';
import { MachineProgram, type ProgramHost } from './program.ts';
import { recordReader } from './records.ts';
import { kernelStructOf } from './struct-ops.ts';
import type { Attached, Subsystem } from './subsystem.ts';
import { type TimerListener, Timers } from './timers.ts';

/** Opcode of calls; src_reg 0 means a helper. */
const BPF_CALL_HELPER = 0x85;

export interface MachineSettings extends TimerListener {
  /** Possible CPUs, 1 to 64. Default 1. */
  readonly cpus?: number;
  /** Of all randomness. Default 0: two machines with the same inputs do the same. */
  readonly seed?: number;
  /** How hash maps hash their keys. Default: as Linux does, 'jhash'. */
  readonly mapHash?: MapHash;
  /**
   * When grace periods end. Default: they have no length, and what is freed is free at once; with a
   * policy the allocator of Linux is modelled (see GracePeriodPolicy). With `memory` or
   * `detectReuse` alone: 'eager'.
   */
  readonly gracePeriods?: GracePeriodPolicy;
  /** Limits and failures of allocations by programs and commands. */
  readonly memory?: MemoryOptions;
  /** Report elements that are reused while a reader that got them is still there. */
  readonly detectReuse?: boolean;
  /** Memory other threads can join. */
  readonly shared?: boolean;
  /** Count executions per instruction. */
  readonly profile?: boolean;
  /** Loop iterations one run of an unverified program may make. */
  readonly fuel?: number;
  /** Receives what programs print with bpf_printk, line by line. */
  readonly onTrace?: (line: string) => void;
  /** The kernel whose rules programs must keep; without one, programs run with checks instead. */
  readonly rules?: KernelProfile | undefined;
  readonly engine: Engine;
  /** Parts of the kernel with hooks, asked in order who serves a program type. */
  readonly subsystems: readonly Subsystem[];
}

/** The simulated kernel: objects with ids, one memory, one virtual clock. */
export class Machine implements Kernel, ProgramHost {
  readonly kind = 'simulated';
  readonly settings: MachineSettings;
  readonly runtime: Runtime;
  readonly maps = new Set<MachineMap>();
  readonly programs = new Set<MachineProgram>();
  readonly memory: MachineMemory | undefined;
  readonly #byAddress = new Map<number, MachineMap>();
  readonly #pins = new Pins();
  readonly #offers: Offers;
  readonly #timers: Timers;
  /** Programs that are unloaded while timers still lead to them. */
  readonly #lingering = new Set<LoadedCode>();
  readonly #configurations = new WeakMap<MapSpec, MachineMap>();
  #nextProgram = 1;
  #nextLink = 1;

  constructor(settings: MachineSettings) {
    this.settings = settings;
    this.runtime = createRuntime({
      cpus: settings.cpus ?? 1,
      seed: settings.seed ?? 0,
      shared: settings.shared ?? false,
      memoryModel: modelOf(settings),
      ...(settings.mapHash ? { mapHash: settings.mapHash } : {}),
    });
    const { gracePeriods } = this.runtime;
    this.memory = gracePeriods && new MachineMemory(this.runtime, gracePeriods);
    if (settings.rules) this.runtime.objects.kptr = kptrResolver(settings.rules);
    this.#offers = offersOf(this.runtime);
    this.#timers = new Timers(this.runtime, settings);
    this.runtime.events.follow(this.#timers);
    if (settings.onTrace) this.runtime.host.trace = settings.onTrace;
  }

  get cpus(): number {
    return this.runtime.options.cpus;
  }

  /**
   * Nanoseconds since the machine started: bpf_ktime_get_ns. Setting it lets time pass: timers that
   * are due by then run first. It can be set back, and then nothing happens.
   */
  get clock(): bigint {
    return this.runtime.clock;
  }

  set clock(now: bigint) {
    if (now >= this.runtime.clock) this.#pass(Number(now));
    this.runtime.clock = now;
  }

  advance(nanoseconds: number | bigint): number {
    return this.#pass(Number(this.runtime.clock) + Number(nanoseconds));
  }

  #pass(to: number): number {
    const happened = this.runtime.events.advance(to);
    this.#sweep();
    return happened;
  }

  /** Timers that are armed and work that waits. */
  get armedTimers(): number {
    return this.#timers.pending;
  }

  /** Whether a loaded program may start timers: then it runs on one thread. */
  usesTimers(): boolean {
    for (const { code } of this.programs) if (usesTimers(code.image)) return true;
    return false;
  }

  createMap(spec: MapSpec, inner?: KernelMap, btf?: Btf): MachineMap {
    const facts = mapTypes.find((type) => type.id === spec.typeId);
    if (!facts) {
      const type = spec.type ?? `number ${spec.typeId}`;
      const text = `map '${spec.name}': this machine has no maps of type ${type}`;
      throw new KernelError('EINVAL', 22, text);
    }
    if (inner instanceof KeyMap) {
      throw new KernelError('EINVAL', 22, `map '${spec.name}': static keys are in no other map`);
    }
    const kernelType = facts.needsKernelType
      ? kernelStructOf(spec, this.settings.rules)
      : undefined;
    const valueSize = typeof kernelType === 'object' ? kernelType.size : spec.valueSize;
    const special = btf && specialFields(spec, btf, this.settings.rules);
    const map = this.runtime.createMap({
      name: spec.name,
      type: spec.typeId,
      keySize: spec.keySize,
      valueSize,
      maxEntries: spec.maxEntries,
      flags: spec.flags,
      extra: spec.extra,
      ...(spec.fields ? { fields: spec.fields } : {}),
      ...(facts.needsTypes ? { keyTypeId: spec.keyTypeId, valueTypeId: spec.valueTypeId } : {}),
      ...(kernelType ? { kernelType } : {}),
      ...lockOf(spec, facts),
      ...(special ? { special } : {}),
      ...(inner ? { inner: (inner as MachineMap).runtimeMap } : {}),
    });
    const known = valueSize === spec.valueSize ? spec : { ...spec, valueSize };
    const Kind = facts.staticKey ? KeyMap : facts.insnArray ? InsnArrayMap : MachineMap;
    const made = new Kind(
      this.runtime,
      known,
      facts,
      map,
      recordReader(this.runtime, map),
      this.#pins,
      this.memory,
    );
    this.maps.add(made);
    this.#byAddress.set(map.address, made);
    return made;
  }

  createOwner(kind: OwnerKind, { parent }: { readonly parent?: KernelOwner } = {}): RuntimeOwner {
    return this.runtime.createOwner(kind, parent ? { parent: parent as RuntimeOwner } : {});
  }

  liveObjects(): readonly LiveObjects[] {
    return this.runtime.objects.live();
  }

  pinMap(path: string, map: KernelMap): void {
    this.#pins.pin(path, map);
  }

  pinnedMap(path: string): KernelMap | undefined {
    return this.#pins.get(path);
  }

  unpin(path: string): void {
    this.#pins.remove(path);
  }

  /** The map whose header is at `address`. */
  mapAt(address: number): MachineMap | undefined {
    return this.#byAddress.get(address);
  }

  loadProgram(
    spec: ProgramSpec,
    maps: ReadonlyMap<string, KernelMap>,
    object: ObjectFile,
    insns: readonly KernelMap[] = [],
  ): MachineProgram {
    const type = spec.type === undefined ? undefined : programTypes.get(spec.type);
    if (!type) {
      const what = spec.type ? `type ${spec.type}` : `section '${spec.section}'`;
      const text = `program '${spec.name}': this machine cannot run ${what}`;
      throw new KernelError('EINVAL', 22, text);
    }
    this.#sweep();
    const adapted = relocated(spec, object, this.settings.rules, this.#offers);
    const verification = verifyProgram(spec, adapted, maps, object, this.settings.rules);
    const loaded = { spec, adapted, maps, object, rules: this.settings.rules };
    const arrays = insnArrays(insns, loaded);
    const id = this.#nextProgram++;
    const { kconfig } = adapted;
    const image = link(spec, adapted, id, type, {
      runtime: this.runtime,
      kernel: this.settings.rules,
      objectTypes: (ids) => objectTypes(this.runtime, object.btf, ids),
      mapAddress: (name) =>
        name === kconfig?.name
          ? this.#configuration(kconfig).runtimeMap.address
          : this.#addressOf(maps, name, spec),
    });
    const { engine, profile, fuel } = this.settings;
    const options = {
      checks: !verification || usesUnbounded(adapted, maps),
      ...(this.memory ? { watch: true } : {}),
      ...(profile === undefined ? {} : { profile }),
      ...(fuel === undefined ? {} : { fuel }),
    };
    const place = {
      runtime: this.runtime,
      mapNamed: (name: string) => this.#mapOf(maps, name, spec),
    };
    const code = loadCode(spec, image, place, (generation) => {
      const loaded = engine.load(generation, this.runtime, options);
      const sleepable = spec.flags.includes('sleepable');
      return this.memory ? new ReadingCode(loaded, this.memory, sleepable) : loaded;
    });
    const program = new MachineProgram(id, spec, type, code, verification, this);
    this.programs.add(program);
    fillInsnArrays(arrays, loaded);
    return program;
  }

  #addressOf(maps: ReadonlyMap<string, KernelMap>, name: string, spec: ProgramSpec): number {
    return this.#mapOf(maps, name, spec).runtimeMap.address;
  }

  #mapOf(maps: ReadonlyMap<string, KernelMap>, name: string, spec: ProgramSpec): MachineMap {
    const map = maps.get(name) as MachineMap | undefined;
    if (!map) {
      throw new KernelError('ENOENT', 2, `program '${spec.name}' uses map '${name}', not created`);
    }
    const { address } = map.runtimeMap;
    if (this.#byAddress.get(address) === map) return map;
    throw new KernelError('EBADF', 9, `map '${name}' is one of another machine`);
  }

  /** The map with values of the kernel's configuration: one for all programs of an object. */
  #configuration(spec: MapSpec): MachineMap {
    let map = this.#configurations.get(spec);
    if (!map) {
      map = this.createMap(spec);
      map.update(new Uint8Array(spec.keySize), spec.initialValue!);
      map.freeze();
      this.#configurations.set(spec, map);
    }
    return map;
  }

  run(program: MachineProgram, options: RunOptions): RunResult {
    return this.#subsystem(program).run(program, options);
  }

  attach(program: MachineProgram, options: AttachOptions): KernelLink {
    const detach = this.#subsystem(program).attach(program, options);
    const attached = typeof detach === 'function' ? { detach } : detach;
    return makeLink(this.#nextLink++, program, attached);
  }

  unload(program: MachineProgram): void {
    if (!this.programs.delete(program)) return;
    for (const map of this.maps) if (map instanceof KeyMap) map.unbind(program.code);
    this.#lingering.add(program.code);
    this.#sweep();
  }

  /** Timers hold on to the program of their callback. */
  #sweep(): void {
    for (const code of this.#lingering) {
      if (this.#timers.leadTo(code.image)) continue;
      this.#lingering.delete(code);
      code.dispose();
    }
  }

  /** True if a loaded program calls a helper that may move or resize the packet. */
  changesPackets(): boolean {
    for (const program of this.programs) if (callsPacketChanger(program.code)) return true;
    return false;
  }

  #subsystem(program: MachineProgram): Subsystem {
    const found = this.settings.subsystems.find((one) =>
      one.serves(program.type.name, program.spec),
    );
    if (found) return found;
    const text = `program '${program.spec.name}': no hook for type ${program.type.name}`;
    throw new KernelError('EOPNOTSUPP', 95, text);
  }
}

/** What is asked of the model of memory. */
function modelOf({ gracePeriods, memory, detectReuse }: MachineSettings): MemoryModelOptions {
  return {
    ...(gracePeriods === undefined ? {} : { gracePeriods }),
    ...(memory === undefined ? {} : { memory }),
    ...(detectReuse === undefined ? {} : { detectReuse }),
  };
}

/**
 * The lock in values of a map. Linux refuses types with a lock where it cannot be, and loaders then
 * leave the types out.
 */
function lockOf({ spinLock, flags }: MapSpec, { mayLock }: MapTypeDef): { spinLock?: number } {
  const reachable = (flags & (constants.BPF_F_RDONLY_PROG | constants.BPF_F_WRONLY_PROG)) === 0;
  return mayLock && reachable && spinLock !== undefined ? { spinLock } : {};
}

/** Whether a program uses a map whose memory the verifier does not keep it inside of. */
function usesUnbounded(
  { relocations }: RelocatedProgram,
  maps: ReadonlyMap<string, KernelMap>,
): boolean {
  return relocations.some(({ map }) => (maps.get(map) as MachineMap | undefined)?.unbounded);
}

function makeLink(id: number, program: MachineProgram, { detach, read }: Attached): KernelLink {
  let attached = true;
  const off = () => {
    if (attached) detach();
    attached = false;
  };
  const readAll = () => {
    if (attached && read) return read();
    throw new KernelError('EINVAL', 22, attached ? 'the link is no iterator' : 'it is detached');
  };
  return { id, program, detach: off, read: readAll, [Symbol.dispose]: off };
}

function callsPacketChanger(code: LoadedCode): boolean {
  const { insns } = code.image;
  const view = new DataView(insns.buffer, insns.byteOffset, insns.byteLength);
  for (let at = 0; at < insns.length; at += 8) {
    const isHelperCall = insns[at] === BPF_CALL_HELPER && insns[at + 1]! >> 4 === 0;
    if (isHelperCall && helperContract(view.getInt32(at + 4, true))?.changesPacket) return true;
  }
  return false;
}
