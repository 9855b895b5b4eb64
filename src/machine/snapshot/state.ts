/** What of a machine is kept beside its memory: plain data that names objects by id. */
import type { SavedSetting } from '../cgroup/sysctls.ts';
import type { AttachOptions, OwnerKind, ProgramVerification } from '../../kernel/index.ts';
import type { MapSpec, ProgramSpec } from '../../object/index.ts';
import type { VerifierCapabilities, VerifierInput } from '../../verifier/index.ts';
import type { Delegation, IdMap } from '../../security/index.ts';
import type { Ownership } from '../bpffs/inode.ts';
import type { Json } from '../objects/kept.ts';
import type { LinkInfo } from '../objects/link.ts';
import type { ProgramOwner } from '../objects/program-array.ts';
import type { RunStats } from '../objects/run-stats.ts';
import type { Adapted } from '../program.ts';

/** What is in the file beside pages: values, and the objects they refer to. */
export interface SavedState {
  readonly boot: BootState;
  /** `MachineState`, with references. */
  readonly machine: Json;
  /** Parts of the kernel, in their order. */
  readonly subsystems: readonly Json[];
  readonly nodes: Json;
}

/** What a machine is made with. */
export interface BootState {
  /** Of the kernel whose rules hold; undefined: none do. */
  readonly kernel?: string | undefined;
  readonly engine: string;
  readonly cpus: number;
  readonly seed: number;
  readonly mapHash?: string | undefined;
}

export interface MachineState {
  readonly btfs: readonly SavedBtf[];
  readonly maps: readonly SavedMap[];
  readonly programs: readonly SavedProgram[];
  readonly attachments: readonly SavedAttachment[];
  readonly hooks: readonly SavedHook[];
  /** Links that are at nothing any more. */
  readonly detached: readonly SavedDetachedLink[];
  /** Programs in namespaces that no link holds. */
  readonly inNamespaces: readonly SavedNamespaceProgram[];
  /** All but the first, those above before those below. */
  readonly users: readonly SavedUserNamespace[];
  readonly mounts: readonly SavedMount[];
  readonly cgroups: readonly SavedCgroup[];
  readonly files: readonly SavedFile[];
  readonly sysctls: readonly SavedSetting[];
  /** Tasks, cgroups, sockets and inodes that own values: records in memory. */
  readonly owners: readonly SavedOwner[];
  readonly types: readonly SavedType[];
  /** Special fields of values in memory, and who releases what they hold. */
  readonly fields: readonly {
    readonly address: number;
    readonly destructors: readonly (string | undefined)[];
  }[];
  /** Memory that only JavaScript knew. */
  readonly scratch: readonly number[];
  /** How many want runs counted. */
  readonly counting: number;
  /** Ids that come next. */
  readonly next: Readonly<Record<'programs' | 'maps' | 'links' | 'btfs', number>>;
  /** The id of the next cgroup. */
  readonly nextCgroup: bigint;
}

export interface SavedUserNamespace {
  readonly name: string;
  readonly parent: string;
  readonly owner: number;
  readonly ids: IdMap;
}

export interface SavedMount extends Readonly<Ownership> {
  readonly path: string;
  readonly userns: string;
  readonly delegate: Delegation;
}

export interface SavedBtf {
  readonly id: number;
  readonly bytes: Uint8Array;
}

export interface SavedMap {
  readonly id: number;
  readonly address: number;
  readonly spec: MapSpec;
  /** Flags of the definition, without those that file descriptors took over. */
  readonly flags: number;
  readonly btf: number | undefined;
  readonly inner: number | undefined;
  readonly frozen: boolean;
  readonly closed: boolean;
  readonly owner: ProgramOwner | undefined;
  /** An instruction array: the program it was filled for. */
  readonly filledFor: string | undefined;
  /** Key (latin1 text of its bytes), and id of the map or program there. */
  readonly contents: readonly (readonly [string, number])[];
  readonly programs: readonly SavedMapProgram[];
}

/** Of what the verifier saw all but maps, BTF and programs, which are known by id. */
type SavedInput = Omit<VerifierInput, 'btf' | 'maps' | 'attachProgram'>;

export interface SavedProgram {
  readonly id: number;
  readonly spec: ProgramSpec;
  readonly adapted: Adapted;
  readonly input: SavedInput | undefined;
  /** The program it was loaded for, if that is still there, and the function of it. */
  readonly target: { readonly program: number; readonly btfId: number | undefined } | undefined;
  /** It was attached: it holds its target no longer. */
  readonly attached: boolean;
  /** Type of program its code is of, if not its own. */
  readonly runsAs: string | undefined;
  /** Definitions of its maps as the verifier saw them are made anew from these. */
  readonly maps: readonly number[];
  /** By the names that relocations and static branches have. */
  readonly mapNames: readonly (readonly [name: string, map: number])[];
  /** Path of the device it is for alone. */
  readonly device: string | undefined;
  readonly bound: readonly number[];
  readonly btf: number | undefined;
  readonly license: string;
  readonly loadTime: bigint;
  readonly uid: number;
  readonly token: { readonly userns: string; readonly allows: Delegation } | undefined;
  /** What its loader might do; undefined: all. */
  readonly capabilities: VerifierCapabilities | undefined;
  readonly verification: ProgramVerification | undefined;
  readonly stats: RunStats;
  readonly slots: readonly number[];
  readonly entry: number;
  readonly objectTypes: number | undefined;
  readonly closed: boolean;
}

export interface SavedAttachment {
  readonly program: number;
  readonly options: AttachOptions;
  /** Of a link, its id; undefined: no link holds it. */
  readonly link: number | undefined;
  readonly closed: boolean;
  /** Of its place. */
  readonly revision: bigint;
}

export interface SavedHook {
  readonly id: number;
  readonly program: number;
  /** Without target and map, which are known by id. */
  readonly options: AttachOptions;
  readonly target: number | undefined;
  readonly map: number | undefined;
  readonly closed: boolean;
}

export interface SavedDetachedLink {
  readonly id: number;
  readonly program: number;
  readonly closed: boolean;
  readonly type: number;
  readonly info: LinkInfo;
}

export interface SavedNamespaceProgram {
  readonly attachType: number;
  readonly namespace: string;
  readonly program: number;
}

/** A program at a map of sockets. */
export interface SavedMapProgram {
  readonly attachType: number;
  readonly program: number;
  /** Of a link, its id; undefined: no link holds it. */
  readonly link: number | undefined;
  readonly closed: boolean;
}

export interface SavedCgroup {
  readonly path: string;
  readonly id: bigint;
  readonly programs: readonly SavedCgroupProgram[];
  /** By attach type. */
  readonly revisions: readonly (readonly [number, bigint])[];
}

export interface SavedCgroupProgram {
  readonly attachType: number;
  readonly program: number;
  /** Of a link, its id; undefined: no link holds it. */
  readonly link: number | undefined;
  readonly closed: boolean;
  readonly flags: number;
}

export interface SavedFile extends Readonly<Ownership> {
  readonly path: string;
  readonly kind: 'dir' | 'symlink' | 'map' | 'prog' | 'link';
  readonly id: number;
  readonly target: string | undefined;
}

export interface SavedOwner {
  readonly kind: OwnerKind;
  readonly number: number;
  readonly address: number;
}

export interface SavedType {
  readonly name: string;
  readonly perCpu: boolean;
  readonly address: number;
  readonly btf: number | undefined;
  readonly id: number;
}
