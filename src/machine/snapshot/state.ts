/** What of a machine is kept beside its memory: plain data that names objects by id. */
import type { AttachOptions, ProgramVerification } from '../../kernel/index.ts';
import type { MapSpec, ProgramSpec } from '../../object/index.ts';
import type { VerifierCapabilities, VerifierInput } from '../../verifier/index.ts';
import type { Delegation, IdMap } from '../../security/index.ts';
import type { Ownership } from '../bpffs/inode.ts';
import type { ProgramOwner } from '../objects/program-array.ts';
import type { RunStats } from '../objects/run-stats.ts';
import type { Adapted } from '../program.ts';

export interface MachineState {
  /** Of the kernel whose rules hold; undefined: none do. */
  readonly kernel: string | undefined;
  readonly engine: string;
  readonly cpus: number;
  readonly seed: number;
  readonly mapHash: string | undefined;
  readonly devices: readonly SavedDevice[];
  readonly btfs: readonly SavedBtf[];
  readonly maps: readonly SavedMap[];
  readonly programs: readonly SavedProgram[];
  readonly attachments: readonly SavedAttachment[];
  /** All but the first, those above before those below. */
  readonly users: readonly SavedUserNamespace[];
  readonly mounts: readonly SavedMount[];
  readonly cgroups: readonly SavedCgroup[];
  readonly files: readonly SavedFile[];
  readonly unprivilegedBpfDisabled: number;
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

export interface SavedDevice {
  readonly name: string;
  readonly ifindex: number;
  readonly mtu: number;
  readonly address: Uint8Array;
  readonly forwarding: boolean;
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
  /** Key (latin1 text of its bytes), and id of the map or program there. */
  readonly contents: readonly (readonly [string, number])[];
}

/** Of what the verifier saw all but maps and BTF, which are known by id. */
type SavedInput = Omit<VerifierInput, 'btf' | 'maps' | 'attachProgram'> & {
  readonly btf: undefined;
  readonly maps: undefined;
};

export interface SavedProgram {
  readonly id: number;
  readonly spec: ProgramSpec;
  readonly adapted: Adapted;
  readonly input: SavedInput | undefined;
  /** Definitions of its maps as the verifier saw them are made anew from these. */
  readonly maps: readonly number[];
  /** By the names that relocations and static branches have. */
  readonly mapNames: Readonly<Record<string, number>>;
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
