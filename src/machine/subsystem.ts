import type { AttachOptions, ProgramBinding, RunOptions, RunResult } from '../kernel/index.ts';
import type { ProgramSpec } from '../object/index.ts';
import type { MachineMap } from './map.ts';
import type { AnyKept, Freezer, Json, Thaw } from './objects/kept.ts';
import type { DevicePlace } from './objects/device-link.ts';
import type { LinkInfo } from './objects/link.ts';
import type { BoundDevice, MachineProgram } from './program.ts';

/** A program at its hook: the way to take it off, and for iterators the way to run them. */
export interface Attached {
  /** BPF_LINK_TYPE_*, and what struct bpf_link_info says. */
  readonly type: number;
  readonly info: LinkInfo | (() => LinkInfo);
  readonly detach: () => void;
  /** True: BPF_LINK_DETACH takes it off, and the link stays. */
  readonly detachable?: true;
  /** BPF_LINK_UPDATE: another program is there from now on. Throws KernelError. */
  readonly update?: (program: MachineProgram, old: MachineProgram | undefined) => void;
  readonly read?: () => Uint8Array;
}

/** A hook of a network namespace that takes programs without a link (net/core: netns_bpf). */
export interface NamespaceHook {
  /** Throws KernelError EEXIST, EINVAL. */
  attach(program: MachineProgram, namespace: string): void;
  /** Throws KernelError ENOENT, EINVAL. */
  detach(program: MachineProgram, namespace: string): void;
  /** The programs there, in the order they run. */
  programs(namespace: string): readonly MachineProgram[];
  /** Namespaces with a program that no link holds, and that. */
  direct(): Iterable<readonly [namespace: string, program: MachineProgram]>;
}

/** A place at a map. */
export interface MapPlace {
  readonly map: MachineMap;
  /** BPF_* */
  readonly attachType: number;
}

/** What a part of the kernel has in a saved machine. */
export interface SavedSubsystem {
  /** Objects of its own that may be in the file. */
  readonly kinds: readonly AnyKept[];
  save(freezer: Freezer): Json;
  /** What programs and links need: devices, tasks. */
  layout(json: Json, thaw: Thaw): void;
  /** Everything else, when programs and maps are there. */
  resume(json: Json, thaw: Thaw): void;
}

/** Of a program's section: bpftool's word for the attach type, and what it names. */
export type ProgramHook = Partial<Pick<ProgramSpec, 'attachType' | 'attachTarget'>>;

/** Functions and tracepoints of the kernel that a subsystem comes by, for programs that trace. */
export interface KernelPlaces {
  /** For fentry and kprobe. */
  readonly functions: ReadonlySet<string>;
  /** For tp_btf and raw_tp. */
  readonly tracepoints: ReadonlySet<string>;
  /**
   * One program more wants to know, until what this returns is called. `arrive`, the same each
   * time, gets the place and the arguments, which are good as long as it runs. Throws KernelError.
   */
  use(arrive: (place: string, args: readonly (number | bigint)[]) => void): () => void;
}

/** A part of the kernel that has hooks: network, tracing, … Each knows its program types only. */
export interface Subsystem {
  serves(programType: string, hook: ProgramHook): boolean;
  /** The device a program is to be bound to. Throws KernelError EINVAL, EOPNOTSUPP. */
  bind?(programType: string, binding: ProgramBinding): BoundDevice;
  /** BPF_PROG_TEST_RUN. */
  run(program: MachineProgram, options: RunOptions): RunResult;
  /** Where a program goes. Throws KernelError for places that do not exist. */
  place?(program: MachineProgram, options: AttachOptions): DevicePlace;
  /** The place with that attach type at a device. Throws KernelError ENODEV and the like. */
  placeAt?(attachType: number, ifindex: number): DevicePlace;
  /** Puts a program at a hook that is at no device. Throws KernelError. */
  hook?(program: MachineProgram, options: AttachOptions): Attached;
  /** Its hook in namespaces that has this attach type. */
  namespaceHook?(attachType: number): NamespaceHook | undefined;
  /** The map a program goes to, and where at it. Throws KernelError. */
  mapPlace?(program: MachineProgram, options: AttachOptions): MapPlace;
  readonly saved?: SavedSubsystem;
  readonly places?: KernelPlaces;
  /**
   * Programs run on another CPU while one of this subsystem is at a call: what belongs to that run
   * is not touched.
   */
  aside?<Result>(work: () => Result): Result;
  /** The device with that number. */
  deviceAt?(ifindex: number): { readonly name: string } | undefined;
}
