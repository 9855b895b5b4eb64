import type {
  AttachOptions,
  KernelProgram,
  OrderAnchor,
  RunOptions,
  RunResult,
  TcVerdict,
  XdpVerdict,
} from '../kernel/index.ts';

/** A program as programs are named here: itself, what the kernel has of it, a link, an id. */
type Anchor = OrderAnchor | { readonly kernelProgram: KernelProgram };

/** Options of a program that sees the packets of a device. */
interface AtDevice extends Pick<AttachOptions, 'expectedRevision' | 'link' | 'mode' | 'chain'> {
  /** The device's name. */
  readonly device: string;
  /** In the order of the programs there; `true`: before or after all. */
  readonly before?: Anchor | true;
  readonly after?: Anchor | true;
  readonly replace?: Anchor;
}

interface AtDeviceDirection extends Omit<AtDevice, 'mode' | 'chain'> {
  /** Which way packets go. Default: what the section says, else ingress. */
  readonly direction?: 'ingress' | 'egress';
  /** A classic filter of tc, which runs when tcx says NEXT. */
  readonly classic?: NonNullable<AttachOptions['classic']>;
}

/** Options of a program that sees the packets of a cgroup's sockets. */
interface AtCgroup
  extends Pick<AttachOptions, 'expectedRevision' | 'link' | 'sharing' | 'preorder'> {
  /** The cgroup, or its path. */
  readonly cgroup: NonNullable<AttachOptions['cgroup']>;
  /** Which way packets go. Default: what the section says. */
  readonly direction?: 'ingress' | 'egress';
  readonly before?: Anchor | true;
  readonly after?: Anchor | true;
  readonly replace?: Anchor;
}

type AnyAttach = Omit<AttachOptions, 'before' | 'after' | 'replace'> &
  Pick<AtDevice, 'before' | 'after' | 'replace'>;

/**
 * Program types whose options and results are known, by bpftool's word: what `attach` takes and
 * what `run` says. A new hook adds its row here.
 */
interface ProgramTypes {
  readonly xdp: { readonly attach: AtDevice; readonly verdict: XdpVerdict };
  readonly sched_cls: { readonly attach: AtDeviceDirection; readonly verdict: TcVerdict };
  readonly cgroup_skb: { readonly attach: AtCgroup; readonly verdict: 'drop' | 'pass' };
  readonly sched_act: { readonly attach: AtDeviceDirection; readonly verdict: TcVerdict };
}

/** What types without a row take: nothing that belongs to a packet. */
type NoPacket = { readonly device?: never; readonly direction?: never };

/** A run of a program that sees packets needs one. */
type PacketRun = RunOptions & { readonly data: Uint8Array };
type OtherRun = Omit<RunOptions, 'device'>;

/** Options of `attach` for a type; all there are where the type is not known. */
export type AttachOptionsOf<Type extends string> = string extends Type
  ? AnyAttach
  : Type extends keyof ProgramTypes
    ? ProgramTypes[Type]['attach']
    : Omit<AttachOptions, keyof NoPacket> & NoPacket;

/** The arguments of `attach` for a type: those with no device need none. */
export type AttachArgumentsOf<Type extends string> = string extends Type
  ? [options?: AnyAttach]
  : Type extends keyof ProgramTypes
    ? [options: AttachOptionsOf<Type>]
    : [options?: AttachOptionsOf<Type>];

/** The arguments of `run` for a type. */
export type RunOptionsOf<Type extends string> = string extends Type
  ? [options?: RunOptions]
  : Type extends keyof ProgramTypes
    ? [options: PacketRun]
    : [options?: OtherRun];

/** What `run` gives for a type: the verdict is one of the words the type has. */
export type RunResultOf<Type extends string> = Type extends keyof ProgramTypes
  ? RunResult & { readonly verdict: ProgramTypes[Type]['verdict']; readonly data: Uint8Array }
  : RunResult;
