/**
 * The contract of a kernel: types only. The machine is one implementation, Linux (`src/linux`) the
 * other.
 */
import type { LiveObjects, OwningValue } from '../abi/fields/types.ts';
import type { CodeMemory } from '../abi/code-memory.ts';
import type { LivePlace } from '../abi/live.ts';
import type {
  BatchCommand,
  MapBatch,
  MapView,
  MapViewOptions,
  UserRecord,
} from '../abi/map-commands.ts';
import type { OwnerKind } from '../abi/types.ts';
import type { Btf } from '../btf/index.ts';
import type { CgroupSharing, KernelCgroup } from './cgroup.ts';
import type { KernelMemory } from './memory.ts';
import type { KernelRdma, RdmaOptions } from './rdma.ts';
import type { MapSpec, ObjectFile, ProgramSpec } from '../object/types.ts';
import type { KernelXsk, XskOptions } from './xsk.ts';

export type { LiveObjects, OwnedField, OwningValue, TreeNode } from '../abi/fields/types.ts';
export type {
  CodeChunk,
  CodeMemory,
  CodePack,
  Recompaction,
  RecompactOptions,
} from '../abi/code-memory.ts';
export type {
  BatchCommand,
  MapBatch,
  MapView,
  MapViewOptions,
  UserRecord,
} from '../abi/map-commands.ts';
export type { ChoicePoint, MemoryReport, PoolReport } from '../abi/memory.ts';
export type { AllocationFailure, KernelMemory, MemoryPlace, ReuseEvent } from './memory.ts';
export type { LivePlace } from '../abi/live.ts';
export type { OwnerKind } from '../abi/types.ts';

export interface Kernel {
  readonly kind: 'simulated' | 'linux';
  /** Possible CPUs: values a per-CPU map has per key. */
  readonly cpus: number;
  /** BPF_MAP_CREATE. `btf` has the types of key and value. Throws KernelError. */
  createMap(spec: MapSpec, inner?: KernelMap, btf?: Btf): KernelMap;
  /** A new task, inode, socket or cgroup (below `parent`). */
  createOwner(kind: OwnerKind, options?: { readonly parent?: KernelOwner }): KernelOwner;
  /** The cgroup at a path; directories that are missing are made. */
  cgroup?(path: string): KernelCgroup;
  /** Reads or writes a file below /proc/sys; gives its text. */
  sysctl?(name: string, value?: string): string;
  /**
   * BPF_PROG_LOAD. Throws KernelError (and VerifierError once there is a verifier). `insns`:
   * instruction arrays (an extension) to fill in for this program. `bound`: see ProgramBinding.
   * `target`: the program it attaches to.
   */
  loadProgram(
    spec: ProgramSpec,
    maps: ReadonlyMap<string, KernelMap>,
    object: ObjectFile,
    insns?: readonly KernelMap[],
    bound?: ProgramBinding,
    target?: KernelProgram,
  ): KernelProgram;
  /** Its allocator, if it is modelled. */
  readonly memory?: KernelMemory | undefined;
  /**
   * Programs loaded while `work` runs may share memory for their code. None can be run before it is
   * over.
   */
  together?<Result>(work: () => Result): Result;
  /** Where the code of its programs is; undefined: it does not tell. */
  readonly codeMemory?: CodeMemory | undefined;
  /**
   * Time passes, in nanoseconds: timers that are due run, each at its time, and work that waits.
   * Returns how many events happened. Only kernels with a clock of their own have it.
   */
  advance?(nanoseconds: number | bigint): number;
  /**
   * Does things on several CPUs at once, each to its end, some within others (see `concurrent` of
   * createMachine). Throws KernelError EOPNOTSUPP where programs only run one after the other.
   */
  concurrently?<Result>(works: readonly CpuWork<Result>[]): Result[];
  /**
   * Pages of a user, for uptrs to point to (mmap(2) of private memory). Only kernels whose users
   * are simulated have it.
   */
  mapUserPages?(size: number): KernelUserPages;
  /** A task that makes system calls. Only kernels whose tasks are described have it. */
  createTask?(options: TaskOptions): KernelTask;
  /** Programs at the hooks of a system call run, as if a task had made it. */
  syscall?(name: string, options?: SyscallOptions): void;
  /** Objects of programs that are alive, by type: what is left when all maps are gone leaked. */
  liveObjects?(): readonly LiveObjects[];
  /** BPF_OBJ_PIN of a map: others find it at that path. Throws KernelError EEXIST. */
  pinMap(path: string, map: KernelMap): void;
  /** BPF_OBJ_GET: the map pinned at a path, or undefined. */
  pinnedMap(path: string): KernelMap | undefined;
  /** Takes a pin away. Throws KernelError ENOENT. */
  unpin(path: string): void;
  /**
   * The same kernel for somebody else than root. Throws KernelError, also of making the token. Only
   * kernels with users of their own have it, and the two below.
   */
  as?(user: UserOptions): Kernel;
  /** A new user namespace. Throws KernelError EEXIST, ENOSPC, ENOENT for its parent. */
  addUserNamespace?(name: string, options?: UserNamespaceSettings): void;
  /** A new bpffs over a directory. Throws KernelError for options Linux does not take. */
  mountBpffs?(path: string, options?: BpffsOptions): void;
}

/** Who somebody is. */
export interface UserOptions {
  /** User, as a number of the first user namespace. Default: root of the user namespace. */
  readonly uid?: number;
  /** Default: the number of the user. */
  readonly gid?: number;
  /** Default '': the first one. */
  readonly userns?: string;
  /** Names as 'CAP_BPF'. Default: all for root of the user namespace, none for others. */
  readonly capabilities?: 'all' | readonly string[];
  /** Path of the bpffs a BPF token is made of. Default: no token. */
  readonly token?: string;
}

/** What a user namespace is made with. */
export interface UserNamespaceSettings {
  /** User who makes it. Default 0. */
  readonly owner?: number;
  /** Name of the one it lies in. Default: the first one. */
  readonly parent?: string;
}

/** What a bpffs is mounted with. */
export interface BpffsOptions {
  /** Name of the user namespace it belongs to. Default: the first one. */
  readonly userns?: string;
  /** As for mount(2): 'delegate_cmds=map_create:prog_load,delegate_maps=hash'. */
  readonly options?: string;
}

/** A program for one network device alone (prog_ifindex of BPF_PROG_LOAD). */
export interface ProgramBinding {
  /** Name of the device, 'pod1/eth0' for one in a namespace. */
  readonly device: string;
  /**
   * The device itself is to run the program, which no device of this machine can. Default false:
   * BPF_F_XDP_DEV_BOUND_ONLY.
   */
  readonly offload?: boolean;
}

/** The bpf(2) map commands. Numbers returned are 0 or a negative errno, as the system call does. */
export interface KernelMap {
  readonly id: number;
  readonly spec: MapSpec;
  readonly userValueSize: number;
  /** The type has a value per CPU: a copy is all of them, each rounded up to 8 bytes. */
  readonly perCpu: boolean;
  lookup(key: Uint8Array, out: Uint8Array): number;
  update(key: Uint8Array, value: Uint8Array, flags?: number): number;
  /**
   * update for maps whose values are objects: a map for a map-in-map, a program for a prog_array,
   * an AF_XDP socket for an xskmap.
   */
  setObject(
    key: Uint8Array,
    object: KernelMap | KernelProgram | KernelOwner | KernelXsk,
    flags?: number,
  ): number;
  delete(key: Uint8Array): number;
  lookupAndDelete(key: Uint8Array, out: Uint8Array): number;
  nextKey(key: Uint8Array | undefined, out: Uint8Array): number;
  /** A batch command: 0 or a negative errno (-ENOENT: a lookup has come to the end). */
  batch(command: BatchCommand, batch: MapBatch): number;
  /** Shares the memory of an arena or an array with BPF_F_MMAPABLE. Throws KernelError. */
  mmap(options?: MapViewOptions): MapView;
  /** Room for a record in a user ring buffer, or -E2BIG (never), -ENOSPC (not now). */
  reserve(size: number): UserRecord | number;
  /** The live bytes of an owner's value, no copy; undefined without one. Throws OwnerGone. */
  storage(owner: KernelOwner): Uint8Array | undefined;
  /**
   * Where an owner's value is, for readers in this thread and others; undefined without a value.
   * Throws OwnerGone, KernelError EINVAL for maps that are no local storage.
   */
  livePlace?(owner: KernelOwner): LivePlace | undefined;
  /** The owners that have a value in local storage, oldest first. */
  liveOwners?(): KernelOwner[];
  /** BPF_MAP_FREEZE: no more changes from outside. Returns 0 or a negative errno. */
  freeze(): number;
  /**
   * The value of a key and what it owns (lists, trees, kptrs). Undefined: there is no such key, or
   * the kernel does not show it.
   */
  owned?(key: Uint8Array): OwningValue | undefined;
  /** Takes what is in a ring buffer or perf event array, oldest first. Others: nothing. */
  drain(): KernelRecord[];
  /** Records that found no room in a perf event array. */
  readonly lost: number;
  /** Gives the map up; one that is pinned stays. */
  close(): void;
}

/** A task, inode, socket or cgroup. Leaving the `using` block ends its life. */
export interface KernelOwner extends Disposable {
  readonly kind: OwnerKind;
  /** Stands for it where Linux takes a file descriptor: key of its storage, value of maps. */
  readonly number: number;
  readonly alive: boolean;
  /** It dies: its storage goes with it, and it leaves the maps that hold it. */
  free(): void;
}

/** Something to do on a CPU; without a number on that of its place in the list. */
export type CpuWork<Result = void> =
  | (() => Result)
  | { readonly cpu: number; readonly run: () => Result };

/** Pages of a user that values of task storage can point to (`__uptr`); its end unmaps them. */
export interface KernelUserPages extends Disposable {
  /** Bytes, whole pages of 4096. */
  readonly size: number;
  /** Of the first byte, as a value's member is set to it. */
  readonly address: bigint;
  /** Values that point into it: pages that are pinned stay for programs when they are unmapped. */
  readonly pins: number;
  /** What programs read and write. Throws KernelError EFAULT once it is unmapped. */
  bytes(): Uint8Array;
  place(): LivePlace;
}

/** What a task is like. */
export interface TaskOptions {
  readonly pid: number;
  /** Default: `pid`, the first thread of its process. */
  readonly tgid?: number;
  /** Its name, at most 15 bytes. Default: none. */
  readonly comm?: string;
  readonly uid?: number;
  readonly gid?: number;
  /** Default: it is its own parent. */
  readonly parent?: KernelTask;
  /**
   * A cgroup, or its path ('/kube/pod1'; it is made if it is not there); 'new': one below the root.
   * Default: the root.
   */
  readonly cgroup?: string | KernelOwner;
}

/** A described task: programs see its task_struct, and it owns task storage. */
export interface KernelTask extends KernelOwner {
  readonly pid: number;
  /** The cgroup it is in, which owns cgroup storage. */
  readonly cgroup: KernelCgroup;
}

/** A system call as its hooks see it. */
export interface SyscallOptions {
  /** Who makes it. Default: the idle task, pid 0. */
  readonly task?: KernelTask;
  /** Up to six. Default: zeros. */
  readonly args?: readonly (number | bigint)[];
  /** What it gives back. Default: 0. */
  readonly returns?: number | bigint;
}

/** A record a program put out. */
export interface KernelRecord {
  readonly data: Uint8Array;
  /** The CPU it came from (perf event arrays; 0 for ring buffers). */
  readonly cpu: number;
}

export interface KernelProgram {
  readonly id: number;
  readonly spec: ProgramSpec;
  /** What it took to verify the program; undefined if it was loaded unseen. */
  readonly verification: ProgramVerification | undefined;
  /** BPF_PROG_TEST_RUN. Throws KernelError, and ProgramFault for what an unverified program did. */
  run(options?: RunOptions): RunResult;
  /** Hooks the program up. Which options it takes depends on its type. */
  attach(options: AttachOptions): KernelLink;
  close(): void;
}

/** What verifying a program took. */
export interface ProgramVerification {
  /** Instructions the verifier walked (`verified_insns` of bpf_prog_info). */
  readonly insns: number;
  /** Microseconds. */
  readonly time: number;
}

export interface RunOptions {
  /** The packet, for program types that see one. */
  readonly data?: Uint8Array;
  /** The context struct as the program sees it; fields the kernel sets itself are overwritten. */
  readonly context?: Uint8Array;
  /** XDP: so many of the first bytes of `data` are metadata in front of the packet. Default 0. */
  readonly metadata?: number;
  /** XDP: bytes of `data` in the first buffer; the rest is in fragments of a page. Default: all. */
  readonly linear?: number;
  /** Default 1. */
  readonly repeat?: number;
  /**
   * XDP: frames go where the program says (BPF_F_TEST_XDP_LIVE_FRAMES), so many at a time: `repeat`
   * of them, each with the same bytes. The return value is 0 then, and the packet comes back as it
   * was.
   */
  readonly live?: number;
  /** Name of the device the packet came in by. */
  readonly device?: string;
}

/** Words for what an XDP program returns (enum xdp_action). */
export type XdpVerdict = 'aborted' | 'drop' | 'pass' | 'tx' | 'redirect' | `unknown ${number}`;

/** Words for what a tc program returns (TCX_* and TC_ACT_*). */
export type TcVerdict =
  | 'next'
  | 'pass'
  | 'reclassify'
  | 'drop'
  | 'pipe'
  | 'stolen'
  | 'queued'
  | 'redirect'
  | 'trap'
  | `unknown ${number}`;

export interface RunResult {
  /** Low 32 bits of r0, signed. */
  readonly returnValue: number;
  /** Word for it ('pass', 'drop', …). */
  readonly verdict: string;
  /** The packet after the run. */
  readonly data: Uint8Array | undefined;
  /** The context after the run. */
  readonly context: Uint8Array;
  /** Nanoseconds of real time one run took, on average. */
  readonly duration: number;
}

export interface AttachOptions {
  /** Network programs: the device's name. */
  readonly device?: string;
  /** tc programs: which way packets go. Default: what the section says, else ingress. */
  readonly direction?: 'ingress' | 'egress';
  /**
   * In the order of the programs there (bpf_mprog): before or after one of them; `true` is before
   * or after all. Default: after all. Of programs that are there twice at most one place fits:
   * KernelError ERANGE, ENOENT and EINVAL say what Linux says.
   */
  readonly before?: OrderAnchor | true;
  readonly after?: OrderAnchor | true;
  /** Takes the place of this program, which no link holds. Then none holds the new one either. */
  readonly replace?: OrderAnchor;
  /** The revision of the place as it was seen; another: KernelError ESTALE. */
  readonly expectedRevision?: number | bigint;
  /** False: as BPF_PROG_ATTACH, without a link; it stays until `detach`. Default true. */
  readonly link?: boolean;
  /** tc: a classic filter of a clsact qdisc, which runs when tcx says NEXT. It has no link. */
  readonly classic?: ClassicOptions | true;
  /** XDP: in the driver, or in front of the stack. Default: in the driver, if it can. */
  readonly mode?: 'native' | 'generic';
  /** XDP, an extension of beeyard: several programs at one device. */
  readonly chain?: ChainOptions | true;
  /** Programs of sockets: the sockmap or sockhash whose sockets they are for. */
  readonly map?: KernelMap | { readonly kernelMap: KernelMap };
  /** Where at that map. Default: what the section says. */
  readonly place?: MapPlaceName;
  /**
   * sk_lookup, flow dissector and netfilter programs, iterators: the network namespace. Default:
   * the machine's own, ''.
   */
  readonly namespace?: string;
  /**
   * Extensions (freplace): the program whose function is replaced. Default: that it was loaded for,
   * which stands for the first time only.
   */
  readonly target?: KernelProgram;
  /** Its function: the name, or the BTF id. Default: the name in the section. */
  readonly targetFunction?: string | number;
  /** netfilter programs: which hook. */
  readonly netfilter?: NetfilterOptions;
  /** Programs of cgroups: the cgroup, or its path ('/kube/pod1'; it is made if it is not there). */
  readonly cgroup?: KernelCgroup | string;
  /**
   * Programs of cgroups without a link (`link: false`): beside others of the cgroup and of those
   * above and below ('multi', as links are), giving way to those below ('override'), or alone
   * ('none'). Default 'multi'.
   */
  readonly sharing?: CgroupSharing;
  /** Programs of cgroups: before those of cgroups below (BPF_F_PREORDER). */
  readonly preorder?: boolean;
  /** Iterators over sockets: of all network namespaces (an extension; Linux has no such thing). */
  readonly netns?: 'all';
}

/** Where packets meet a netfilter program. */
export interface NetfilterOptions {
  readonly family: 'ipv4' | 'ipv6';
  readonly hook: 'prerouting' | 'input' | 'forward' | 'output' | 'postrouting';
  /** Lower ones run first. Default 0. */
  readonly priority?: number;
  /** Packets that are in pieces are put together first; the priority is above -400 then. */
  readonly defrag?: boolean;
}

/** Places of programs at a map of sockets, by bpftool's words. */
export type MapPlaceName = 'msg_verdict' | 'stream_parser' | 'stream_verdict' | 'skb_verdict';

/** A program or link that is at the place already, itself or by id. */
export type OrderAnchor =
  | KernelProgram
  | KernelLink
  | { readonly program: number }
  | { readonly link: number };

/** Of a filter of tc. */
export interface ClassicOptions {
  /** Lower ones run first. Default: before all that are there, from 49152 down. */
  readonly priority?: number;
  /** Default: one more than the highest of the priority. */
  readonly handle?: number;
}

/** Of a program in a chain of XDP. */
export interface ChainOptions {
  /** After these verdicts the next program runs. With `chain: true`: after 'pass'. */
  readonly continueOn: readonly XdpVerdict[];
}

/** A program at a hook. Leaving the `using` block takes it off. */
export interface KernelLink extends Disposable {
  readonly id: number;
  readonly program: KernelProgram;
  detach(): void;
  /**
   * Iterators: goes over all there is and gives what the program wrote, as reading its file does.
   * Throws KernelError EINVAL for other links, E2BIG, EAGAIN.
   */
  read(): Uint8Array;
}

/** A packet as a device gave it out. */
export interface SentPacket {
  readonly data: Uint8Array;
  /** Which device sent it here, for redirected packets. */
  readonly from: string;
}

/** What became of a packet a device received. */
export interface ReceiveResult {
  /** 'pass', 'drop', 'tx', 'redirect', 'aborted', …; 'pass' too when no program is attached. */
  readonly verdict: XdpVerdict | TcVerdict;
  /** The return code of the last program that ran, or undefined if none did. */
  readonly verdictCode: number | undefined;
  /** The packet after the programs. */
  readonly data: Uint8Array;
  /** Where a redirected packet went: a device's name, or words for what it is. */
  readonly target: string | undefined;
  /** Why the verdict is 'aborted', when the program did what no verifier would allow. */
  readonly fault: Error | undefined;
}

/** A network device of the simulated machine. */
export interface KernelDevice {
  readonly name: string;
  readonly ifindex: number;
  /** Packets sent out by this device: redirected to it, returned with XDP_TX, or transmitted. */
  readonly sent: SentPacket[];
  /** A packet comes in from the wire: XDP programs first, then tc ingress programs. */
  receive(packet: Uint8Array, options?: { readonly queue?: number }): ReceiveResult;
  /** A packet goes out: tc egress programs, then the wire (`sent`). */
  transmit(packet: Uint8Array): ReceiveResult;
  /**
   * The software RDMA device on it, which is made when it is first asked for: RoCE packets for its
   * addresses go there, past XDP and tc, and its own leave as others do.
   */
  rxe(options?: RdmaOptions): KernelRdma;
  /**
   * Opens an AF_XDP socket on one of its queues, in copy mode. XDP programs redirect packets to it
   * by an xskmap: `maps.sockets.setXsk(queue, socket)`. Throws KernelError: EINVAL (no such queue,
   * wrong sizes, neither ring), EBUSY (the queue has packet memory of another socket), EBADF (the
   * socket to share with is closed).
   *
   * ```ts
   * using socket = host.devices.eth0.xsk({ queue: 0 });
   * maps.sockets.setXsk(0, socket);
   * const packet = socket.receive();
   * ```
   */
  xsk(options?: XskOptions): KernelXsk;
}
