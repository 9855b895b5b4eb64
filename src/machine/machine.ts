import { helperContract, type KernelProfile } from '../abi/index.ts';
import { kptrResolver } from '../abi/fields/kptr.ts';
import type { Btf } from '../btf/index.ts';
import {
  type CompileOptions,
  type Engine,
  type EngineCodeMemory,
  isRunning,
  type LoadedCode,
  type ProgramImage,
  usesTimers,
} from '../engine/index.ts';
import type {
  AttachOptions,
  BpffsOptions,
  Kernel,
  KernelCgroup,
  KernelLink,
  KernelMap,
  KernelOwner,
  KernelProgram,
  CpuWork,
  KernelTask,
  KernelUserPages,
  LiveObjects,
  OwnerKind,
  ProgramBinding,
  RunOptions,
  RunResult,
  SyscallOptions,
  TaskOptions,
  UserNamespaceSettings,
  UserOptions,
} from '../kernel/index.ts';
import type { MapSpec, ObjectFile, ProgramSpec } from '../object/index.ts';
import {
  createRuntime,
  type GracePeriodPolicy,
  type MapHash,
  type MemoryModelOptions,
  type MemoryOptions,
  type Runtime,
  CallPlaces,
  UserMappings,
  type RuntimeOwner,
} from '../runtime/index.ts';
import { UserNamespaces } from '../security/index.ts';
import { credentialsOf, type ProcessOptions } from './bpf/identity.ts';
import { kernelAs } from './bpf/kernel.ts';
import { Process } from './bpf/process.ts';
import { SysctlFiles } from './cgroup/sysctl.ts';
import { Sysctls } from './cgroup/sysctls.ts';
import { FileTree } from './bpffs/tree.ts';
import { findPinnedMap, pinObject } from './bpffs/pins.ts';
import type { Cgroup } from './cgroup/cgroup.ts';
import { CgroupHooks } from './cgroup/subsystem.ts';
import { CgroupTree } from './cgroup/tree.ts';
import { createMap } from './create-map.ts';
import { refuse } from './errno.ts';
import { configurationMap, loadProgram } from './load.ts';
import type { MachineMap } from './map.ts';
import { MachineMemory } from './memory.ts';
import { OtherCpus } from './other-cpus.ts';
import { DirectAttachment, orderRules, PlainAttachment } from './objects/attach.ts';
import { Extensions } from './extensions/extensions.ts';
import { Attachments, type OrderRules } from './objects/attachments.ts';
import { DeviceLink, type DevicePlace } from './objects/device-link.ts';
import { HookLink } from './objects/hook-link.ts';
import { MapLink, programsOf } from './objects/map-link.ts';
import type { MachineLink } from './objects/link.ts';
import { Objects } from './objects/registry.ts';
import type { MachineProgram, ProgramHost } from './program.ts';
import { type Offers, offersOf } from './rules.ts';
import { KeyMap } from './static-keys.ts';
import type { MapPlace, Subsystem } from './subsystem.ts';
import { type TimerListener, Timers } from './timers.ts';
import { Tracing } from './trace/tracing.ts';

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
  /**
   * Programs of several CPUs may run at once (`concurrently`): behind each call that one makes,
   * others may run. What compiled code does itself elsewhere it then calls. Default false.
   */
  readonly concurrent?: boolean;
  /** Count executions per instruction. */
  readonly profile?: boolean;
  /** Loop iterations one run of an unverified program may make. */
  readonly fuel?: number;
  /** Receives what programs print with bpf_printk, line by line. */
  readonly onTrace?: (line: string) => void;
  /** The kernel whose rules programs must keep; without one, programs run with checks instead. */
  readonly rules?: KernelProfile | undefined;
  readonly engine: Engine;
  /** Programs that may share a WebAssembly module. Default 16. */
  readonly codePack?: number;
  /** Parts of the kernel with hooks, asked in order who serves a program type. */
  readonly subsystems: readonly Subsystem[];
}

/** The simulated kernel: objects with ids, one memory, one virtual clock. */
export class Machine implements Kernel, ProgramHost {
  readonly kind = 'simulated';
  readonly settings: MachineSettings;
  readonly runtime: Runtime;
  /** Maps, programs, links and BTF by id. */
  readonly objects: Objects;
  /** Its user namespaces. */
  readonly users = new UserNamespaces();
  readonly sysctls = new Sysctls();
  readonly #sysctlFiles: SysctlFiles;
  /** bpffs and the directories around it. */
  readonly files = new FileTree(this.users.first);
  /** Cgroups, and the programs at them. */
  readonly cgroups: CgroupTree;
  /** Programs at devices. */
  readonly attachments = new Attachments();
  readonly memory: MachineMemory | undefined;
  /** Undefined: the engine makes no modules, or one for each program. */
  readonly codeMemory: EngineCodeMemory | undefined;
  readonly offers: Offers;
  readonly #timers: Timers;
  readonly #tracing: Tracing;
  readonly extensions: Extensions;
  readonly #userPages: UserMappings;
  readonly #others: OtherCpus;
  readonly #cgroupHooks = new CgroupHooks(this);
  /** Programs that only their timers hold, or a run that goes on. */
  readonly #lingering = new Set<MachineProgram>();
  readonly #configurations = new WeakMap<MapSpec, MachineMap>();
  #countsRuns = 0;

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
    this.cgroups = new CgroupTree(this.runtime);
    this.objects = new Objects(settings.rules);
    if (settings.rules) this.runtime.objects.kptr = kptrResolver(settings.rules);
    const { engine, codePack } = settings;
    this.codeMemory = engine.codeMemory?.(
      this.runtime,
      codePack === undefined ? {} : { packSize: codePack },
    );
    this.offers = offersOf(this.runtime);
    this.#sysctlFiles = new SysctlFiles(this);
    this.#timers = new Timers(this.runtime, settings);
    this.runtime.events.follow(this.#timers);
    this.#tracing = new Tracing(this);
    this.extensions = new Extensions(this);
    this.#others = new OtherCpus(
      {
        runtime: this.runtime,
        memory: this.memory,
        cpus: this.cpus,
        seed: settings.seed ?? 0,
        aside: (work) => this.#aside(work),
      },
      settings.concurrent === true,
    );
    if (settings.concurrent || this.memory) this.runtime.callPlaces = new CallPlaces(this.#others);
    this.#userPages = new UserMappings(this.runtime);
    if (settings.onTrace) this.runtime.host.trace = settings.onTrace;
  }

  get cpus(): number {
    return this.runtime.options.cpus;
  }

  /** Loaded programs, by id. */
  get programs(): Iterable<MachineProgram> {
    return this.objects.programs;
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

  /** Work that leaves alone what belongs to the runs under way. */
  #aside(work: () => void): void {
    const around = this.subsystems.reduce(
      (inner, part) => () => {
        if (part.aside) part.aside(inner);
        else inner();
      },
      work,
    );
    around();
  }

  #pass(to: number): number {
    const happened = this.runtime.events.advance(to);
    this.sweep();
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
    const typed = btf !== undefined && (spec.keyTypeId !== 0 || spec.valueTypeId !== 0);
    const held = typed ? this.objects.holdBtf(btf) : undefined;
    try {
      return createMap(this, spec, {
        inner: inner as MachineMap | undefined,
        btf: held,
        types: btf,
      });
    } catch (error) {
      held?.drop();
      throw error;
    }
  }

  createOwner(kind: OwnerKind, { parent }: { readonly parent?: KernelOwner } = {}): RuntimeOwner {
    if (kind === 'cgroup') return this.cgroups.create((parent as Cgroup) ?? this.cgroups.root);
    return this.runtime.createOwner(kind, parent ? { parent: parent as RuntimeOwner } : {});
  }

  concurrently<Result>(works: readonly CpuWork<Result>[]): Result[] {
    return this.#others.run(works);
  }

  mapUserPages(size: number): KernelUserPages {
    return this.#userPages.map(size);
  }

  cgroup(path: string): KernelCgroup {
    return this.cgroups.make(path);
  }

  sysctl(name: string, value?: string): string {
    if (value !== undefined) this.#sysctlFiles.write(name, value);
    return value ?? this.#sysctlFiles.read(name);
  }

  createTask(options: TaskOptions): KernelTask {
    return this.#tracing.newTask(options);
  }

  syscall(name: string, options: SyscallOptions = {}): void {
    this.#tracing.syscall(name, options);
  }

  liveObjects(): readonly LiveObjects[] {
    return this.runtime.objects.live();
  }

  /** Directories that are missing are made. */
  pinMap(path: string, map: KernelMap): void {
    this.files.makeParents(path);
    pinObject(this.files, path, 'map', map as MachineMap);
  }

  pinnedMap(path: string): KernelMap | undefined {
    return findPinnedMap(this.files, path);
  }

  unpin(path: string): void {
    this.files.unlink(path);
  }

  /** The map whose header is at `address`. */
  mapAt(address: number): MachineMap | undefined {
    const found = this.runtime.mapAt(address);
    return found && this.objects.maps.get(found.id);
  }

  loadProgram(
    spec: ProgramSpec,
    maps: ReadonlyMap<string, KernelMap>,
    object: ObjectFile,
    insns: readonly KernelMap[] = [],
    bound?: ProgramBinding,
    target?: KernelProgram,
  ): MachineProgram {
    this.sweep();
    return loadProgram(
      this,
      spec,
      maps,
      object,
      insns,
      bound,
      target as MachineProgram | undefined,
    );
  }

  /** A process, by default one of root. */
  process(options: ProcessOptions = {}): Process {
    const credentials = credentialsOf(this.users, options);
    return new Process(this, { pid: options.pid ?? 1, credentials });
  }

  as(user: UserOptions): Kernel {
    return kernelAs(this, user);
  }

  addUserNamespace(name: string, { owner = 0, parent = '' }: UserNamespaceSettings = {}): void {
    this.users.create(name, { owner, parent: this.users.get(parent) });
  }

  mountBpffs(path: string, { userns = '', options = '' }: BpffsOptions = {}): void {
    this.files.mount(path, options, this.users.get(userns));
  }

  /** What is loaded while `work` runs shares memory for code. */
  together<Result>(work: () => Result): Result {
    return this.codeMemory ? this.codeMemory.together(work) : work();
  }

  compile(image: ProgramImage, options: CompileOptions): LoadedCode {
    const { codeMemory, runtime } = this;
    return codeMemory
      ? codeMemory.load(image, options)
      : this.settings.engine.load(image, runtime, options);
  }

  /** The map with values of the kernel's configuration: one for all programs of an object. */
  configuration(spec: MapSpec): MachineMap {
    const known = this.#configurations.get(spec);
    if (known?.alive) return known;
    const map = configurationMap(this, spec);
    this.#configurations.set(spec, map);
    return map;
  }

  run(program: MachineProgram, options: RunOptions): RunResult {
    return this.subsystemOf(program).run(program, options);
  }

  attach(program: MachineProgram, options: AttachOptions): KernelLink {
    const own = this.subsystemOf(program);
    const subsystem: Subsystem = program.parts.target ? this.extensions : own;
    // Packets of cgroup_skb programs are the network's, their place is a cgroup.
    if (this.#cgroupHooks.serves(program.type.name)) {
      return this.#cgroupHooks.attach(program, options);
    }
    if (subsystem.hook) {
      const attached = subsystem.hook(program, options);
      return this.#register(new HookLink(program, this.#forget, attached, options));
    }
    if (subsystem.mapPlace)
      return this.#attachToMap(program, subsystem.mapPlace(program, options), options);
    const place = this.placeOf(program, options);
    const rules = orderRules(this, options);
    const { link = true, replace, classic } = options;
    if (link && replace === undefined && !classic) return this.attachLink(program, place, rules);
    return new DirectAttachment(this, program, place, rules);
  }

  #attachToMap(program: MachineProgram, { map, attachType }: MapPlace, { link }: AttachOptions) {
    if (link !== false) return this.attachMapLink(program, map, attachType);
    const programs = programsOf(map);
    programs.attach(program, attachType);
    return new PlainAttachment(program, () => programs.detach(program, attachType));
  }

  /** BPF_LINK_CREATE at a map of sockets. Throws KernelError, and then there is no link. */
  attachMapLink(program: MachineProgram, map: MachineMap, attachType: number): MapLink {
    const link = this.#register(new MapLink(program, this.#forget, map, attachType));
    try {
      link.enter();
    } catch (error) {
      link[Symbol.dispose]();
      throw error;
    }
    return link;
  }

  /** Where a program would go. Throws KernelError. */
  placeOf(program: MachineProgram, options: AttachOptions): DevicePlace {
    const subsystem = this.subsystemOf(program);
    if (subsystem.place) return subsystem.place(program, options);
    return refuse('EOPNOTSUPP', 'there are no such hooks');
  }

  /** BPF_LINK_CREATE at a device. Throws KernelError, and then there is no link. */
  attachLink(program: MachineProgram, place: DevicePlace, rules: OrderRules): DeviceLink {
    const link = this.#register(new DeviceLink(program, this.#forget, place, this.attachments));
    try {
      link.enter(rules);
    } catch (error) {
      link[Symbol.dispose]();
      throw error;
    }
    return link;
  }

  /** Parts of the kernel, with those every machine has. */
  get subsystems(): readonly Subsystem[] {
    const own = [this.#cgroupHooks, this.#tracing, this.extensions];
    return [...this.settings.subsystems, ...own];
  }

  /** A link that somebody makes, with an id. `forget`: for when it has ended. */
  addLink<Link extends MachineLink>(make: (forget: (link: MachineLink) => void) => Link): Link {
    return this.#register(make(this.#forget));
  }

  /** Gives a link its id. */
  #register<Link extends MachineLink>(link: Link): Link {
    link.id = this.objects.links.add(link);
    return link;
  }

  readonly #forget = ({ id }: MachineLink): void => this.objects.links.remove(id);

  /** How many want runs counted: BPF_ENABLE_STATS. */
  get countsRuns(): boolean {
    return this.#countsRuns > 0;
  }

  /** How many do. */
  get countingRuns(): number {
    return this.#countsRuns;
  }

  /** One more (1) or one less (-1) wants runs counted. */
  countRuns(change: 1 | -1): void {
    const before = this.countsRuns;
    this.#countsRuns += change;
    if (this.countsRuns === before) return;
    for (const program of this.programs) program.count(this.countsRuns);
  }

  isExtended(program: MachineProgram): boolean {
    return this.extensions.isExtended(program);
  }

  /** Called when a program has ended. */
  unload(program: MachineProgram): void {
    this.objects.programs.remove(program.id);
    for (const map of this.objects.maps) if (map instanceof KeyMap) map.unbind(program.parts.code);
    program.parts.code.dispose();
  }

  keeps(program: MachineProgram): boolean {
    if (!this.#isNeeded(program)) return false;
    this.#lingering.add(program);
    return true;
  }

  /** A callback may wait for its time, armed or not; what runs may still arm one. */
  #isNeeded({ parts }: MachineProgram): boolean {
    return isRunning(this.runtime) || this.#timers.leadTo(parts.code.image);
  }

  /** Lets go of programs that no timer leads to any more. */
  sweep(): void {
    for (const program of this.#lingering) {
      if (this.#isNeeded(program)) continue;
      this.#lingering.delete(program);
      program.drop();
    }
  }

  /** True if a loaded program calls a helper that may move or resize the packet. */
  changesPackets(): boolean {
    for (const program of this.programs) if (callsPacketChanger(program.code)) return true;
    return false;
  }

  /** Throws KernelError EBADF, and EOPNOTSUPP: nothing here has a hook for such programs. */
  subsystemOf(program: MachineProgram): Subsystem {
    if (!program.alive) refuse('EBADF', `program '${program.spec.name}' was closed`);
    const found = this.subsystems.find((one) => one.serves(program.type.name, program.spec));
    if (found) return found;
    const text = `program '${program.spec.name}': no hook for type ${program.type.name}`;
    return refuse('EOPNOTSUPP', text);
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

function callsPacketChanger(code: LoadedCode): boolean {
  const { insns } = code.image;
  const view = new DataView(insns.buffer, insns.byteOffset, insns.byteLength);
  for (let at = 0; at < insns.length; at += 8) {
    const isHelperCall = insns[at] === BPF_CALL_HELPER && insns[at + 1]! >> 4 === 0;
    if (isHelperCall && helperContract(view.getInt32(at + 4, true))?.changesPacket) return true;
  }
  return false;
}
