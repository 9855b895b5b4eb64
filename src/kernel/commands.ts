/**
 * bpf(2) as types: what each of the 37 commands of Linux 6.12 takes and gives (union bpf_attr of
 * include/uapi/linux/bpf.h). Members have the kernel's names in camel case; what is left out is 0,
 * NULL or ''. An address is the bytes that are there: a buffer that is too short is EFAULT, as for
 * memory that is not mapped. Members marked "out" are written by the kernel.
 */

/** A number of 64 bits. */
export type U64 = bigint | number;

/** Memory of a process: where addresses inside of buffers point (bpf_prog_info.map_ids). */
export interface UserMemory {
  /** The bytes from an address to the end of its block; undefined: nothing is mapped there. */
  at(address: bigint): Uint8Array | undefined;
}

export interface MapCreateAttr {
  /** BPF_MAP_TYPE_* */
  readonly mapType: number;
  readonly keySize?: number;
  readonly valueSize?: number;
  readonly maxEntries?: number;
  readonly mapFlags?: number;
  readonly innerMapFd?: number;
  readonly numaNode?: number;
  readonly mapName?: string;
  readonly mapIfindex?: number;
  readonly btfFd?: number;
  readonly btfKeyTypeId?: number;
  readonly btfValueTypeId?: number;
  readonly btfVmlinuxValueTypeId?: number;
  readonly mapExtra?: U64;
  readonly valueTypeBtfObjFd?: number;
  readonly mapTokenFd?: number;
}

/** Of lookup, update, lookup-and-delete. */
export interface MapElemAttr {
  readonly mapFd: number;
  readonly key?: Uint8Array | undefined;
  readonly value?: Uint8Array | undefined;
  readonly flags?: U64;
}

export interface MapDeleteElemAttr {
  readonly mapFd: number;
  readonly key?: Uint8Array | undefined;
}

export interface MapGetNextKeyAttr {
  readonly mapFd: number;
  /** None: the first key. */
  readonly key?: Uint8Array | undefined;
  /** Out. */
  readonly nextKey?: Uint8Array | undefined;
}

export interface MapFreezeAttr {
  readonly mapFd: number;
}

export interface MapBatchAttr {
  readonly mapFd: number;
  readonly inBatch?: Uint8Array | undefined;
  /** Out. */
  readonly outBatch?: Uint8Array | undefined;
  readonly keys?: Uint8Array | undefined;
  readonly values?: Uint8Array | undefined;
  /** In and out. */
  count?: number;
  readonly elemFlags?: U64;
  readonly flags?: U64;
}

export interface ProgLoadAttr {
  /** BPF_PROG_TYPE_* */
  readonly progType: number;
  /** Instructions of 8 bytes. */
  readonly insnCnt: number;
  readonly insns?: Uint8Array | undefined;
  readonly license?: string | undefined;
  readonly logLevel?: number;
  readonly logSize?: number;
  readonly logBuf?: Uint8Array | undefined;
  readonly kernVersion?: number;
  readonly progFlags?: number;
  readonly progName?: string;
  readonly progIfindex?: number;
  readonly expectedAttachType?: number;
  readonly progBtfFd?: number;
  readonly funcInfoRecSize?: number;
  readonly funcInfo?: Uint8Array | undefined;
  readonly funcInfoCnt?: number;
  readonly lineInfoRecSize?: number;
  readonly lineInfo?: Uint8Array | undefined;
  readonly lineInfoCnt?: number;
  readonly attachBtfId?: number;
  /** A program, or the BTF of a module. */
  readonly attachProgFd?: number;
  readonly coreReloCnt?: number;
  /** File descriptors, 4 bytes each. */
  readonly fdArray?: Uint8Array | undefined;
  readonly coreRelos?: Uint8Array | undefined;
  readonly coreReloRecSize?: number;
  /** Out: bytes of the whole log. */
  logTrueSize?: number;
  readonly progTokenFd?: number;
}

export interface ObjPathAttr {
  readonly pathname?: string | undefined;
  readonly bpfFd?: number;
  readonly fileFlags?: number;
  readonly pathFd?: number;
}

export interface ProgAttachAttr {
  /** A cgroup, a map, a namespace, or the number of a device. */
  readonly targetFd?: number;
  readonly attachBpfFd?: number;
  /** BPF_* attach type. */
  readonly attachType: number;
  readonly attachFlags?: number;
  readonly replaceBpfFd?: number;
  /** Or an id, with BPF_F_ID. */
  readonly relativeFd?: number;
  readonly expectedRevision?: U64;
}

export interface ProgTestRunAttr {
  readonly progFd: number;
  /** Out. */
  retval?: number;
  readonly dataSizeIn?: number;
  /** In and out. */
  dataSizeOut?: number;
  readonly dataIn?: Uint8Array | undefined;
  readonly dataOut?: Uint8Array | undefined;
  readonly repeat?: number;
  /** Out: nanoseconds of one run. */
  duration?: number;
  readonly ctxSizeIn?: number;
  /** In and out. */
  ctxSizeOut?: number;
  readonly ctxIn?: Uint8Array | undefined;
  readonly ctxOut?: Uint8Array | undefined;
  readonly flags?: number;
  readonly cpu?: number;
  readonly batchSize?: number;
}

export interface GetNextIdAttr {
  readonly startId?: number;
  /** Out. */
  nextId?: number;
}

export interface ProgGetFdByIdAttr {
  readonly progId: number;
}

export interface MapGetFdByIdAttr {
  readonly mapId: number;
  readonly openFlags?: number;
}

export interface BtfGetFdByIdAttr {
  readonly btfId: number;
}

export interface LinkGetFdByIdAttr {
  readonly linkId: number;
}

export interface ObjGetInfoByFdAttr {
  readonly bpfFd: number;
  /** In: bytes of `info`; out: how many of them mean something. */
  infoLen: number;
  /** struct bpf_{prog,map,btf,link}_info: in and out. */
  readonly info?: Uint8Array | undefined;
  /** Where addresses in `info` point. */
  readonly memory?: UserMemory;
}

export interface ProgQueryAttr {
  readonly targetFd?: number;
  readonly attachType: number;
  readonly queryFlags?: number;
  /** Out. */
  attachFlags?: number;
  /** Out: ids of programs, 4 bytes each, and likewise below. */
  readonly progIds?: Uint8Array | undefined;
  /** In: room; out: programs. */
  progCnt?: number;
  readonly progAttachFlags?: Uint8Array | undefined;
  readonly linkIds?: Uint8Array | undefined;
  readonly linkAttachFlags?: Uint8Array | undefined;
  /** Out. */
  revision?: U64;
}

export interface RawTracepointOpenAttr {
  readonly name?: string | undefined;
  readonly progFd: number;
  readonly cookie?: U64;
}

export interface BtfLoadAttr {
  readonly btf?: Uint8Array | undefined;
  readonly btfLogBuf?: Uint8Array | undefined;
  readonly btfSize: number;
  readonly btfLogSize?: number;
  readonly btfLogLevel?: number;
  /** Out. */
  btfLogTrueSize?: number;
  readonly btfFlags?: number;
  readonly btfTokenFd?: number;
}

export interface TaskFdQueryAttr {
  readonly pid: number;
  readonly fd: number;
  readonly flags?: number;
  /** In and out. */
  bufLen?: number;
  readonly buf?: Uint8Array | undefined;
  /** Out, and all below. */
  progId?: number;
  fdType?: number;
  probeOffset?: U64;
  probeAddr?: U64;
}

/** Where a program goes among others of its hook (BPF_F_BEFORE, BPF_F_AFTER). */
export interface MprogAttr {
  readonly relativeFd?: number;
  readonly expectedRevision?: U64;
}

export interface LinkCreateAttr {
  /** A program, or with BPF_STRUCT_OPS a map. */
  readonly progFd: number;
  readonly targetFd?: number;
  readonly attachType: number;
  readonly flags?: number;
  readonly targetBtfId?: number;
  readonly iterInfo?: Uint8Array | undefined;
  readonly iterInfoLen?: number;
  readonly perfEvent?: { readonly bpfCookie?: U64 };
  readonly kprobeMulti?: {
    readonly flags?: number;
    readonly cnt?: number;
    readonly syms?: Uint8Array | undefined;
    readonly addrs?: Uint8Array | undefined;
    readonly cookies?: Uint8Array | undefined;
  };
  readonly tracing?: { readonly targetBtfId?: number; readonly cookie?: U64 };
  readonly netfilter?: {
    readonly pf?: number;
    readonly hooknum?: number;
    readonly priority?: number;
    readonly flags?: number;
  };
  readonly tcx?: MprogAttr;
  readonly netkit?: MprogAttr;
  readonly cgroup?: MprogAttr;
  readonly uprobeMulti?: {
    readonly path?: string | undefined;
    readonly offsets?: Uint8Array | undefined;
    readonly refCtrOffsets?: Uint8Array | undefined;
    readonly cookies?: Uint8Array | undefined;
    readonly cnt?: number;
    readonly flags?: number;
    readonly pid?: number;
  };
}

export interface LinkUpdateAttr {
  readonly linkFd: number;
  /** Or a map, for a link of a struct_ops table. */
  readonly newProgFd: number;
  readonly flags?: number;
  readonly oldProgFd?: number;
}

export interface LinkDetachAttr {
  readonly linkFd: number;
}

export interface EnableStatsAttr {
  /** BPF_STATS_* */
  readonly type: number;
}

export interface IterCreateAttr {
  readonly linkFd: number;
  readonly flags?: number;
}

export interface ProgBindMapAttr {
  readonly progFd: number;
  readonly mapFd: number;
  readonly flags?: number;
}

export interface TokenCreateAttr {
  readonly flags?: number;
  readonly bpffsFd: number;
}

/**
 * The system call, a method per command. Each answers as the system call does: 0 or more (a file
 * descriptor, where the command makes one), or a negative errno.
 *
 * @example
 * const fd = bpf.mapCreate({ mapType: 1, keySize: 4, valueSize: 8, maxEntries: 16 });
 * bpf.mapUpdateElem({ mapFd: fd, key, value }); // 0, or -7 (E2BIG) when it is full
 */
export interface BpfSyscall {
  mapCreate(attr: MapCreateAttr): number;
  mapLookupElem(attr: MapElemAttr): number;
  mapUpdateElem(attr: MapElemAttr): number;
  mapDeleteElem(attr: MapDeleteElemAttr): number;
  mapGetNextKey(attr: MapGetNextKeyAttr): number;
  progLoad(attr: ProgLoadAttr): number;
  objPin(attr: ObjPathAttr): number;
  objGet(attr: ObjPathAttr): number;
  progAttach(attr: ProgAttachAttr): number;
  progDetach(attr: ProgAttachAttr): number;
  progTestRun(attr: ProgTestRunAttr): number;
  progGetNextId(attr: GetNextIdAttr): number;
  mapGetNextId(attr: GetNextIdAttr): number;
  progGetFdById(attr: ProgGetFdByIdAttr): number;
  mapGetFdById(attr: MapGetFdByIdAttr): number;
  objGetInfoByFd(attr: ObjGetInfoByFdAttr): number;
  progQuery(attr: ProgQueryAttr): number;
  rawTracepointOpen(attr: RawTracepointOpenAttr): number;
  btfLoad(attr: BtfLoadAttr): number;
  btfGetFdById(attr: BtfGetFdByIdAttr): number;
  taskFdQuery(attr: TaskFdQueryAttr): number;
  mapLookupAndDeleteElem(attr: MapElemAttr): number;
  mapFreeze(attr: MapFreezeAttr): number;
  btfGetNextId(attr: GetNextIdAttr): number;
  mapLookupBatch(attr: MapBatchAttr): number;
  mapLookupAndDeleteBatch(attr: MapBatchAttr): number;
  mapUpdateBatch(attr: MapBatchAttr): number;
  mapDeleteBatch(attr: MapBatchAttr): number;
  linkCreate(attr: LinkCreateAttr): number;
  linkUpdate(attr: LinkUpdateAttr): number;
  linkGetFdById(attr: LinkGetFdByIdAttr): number;
  linkGetNextId(attr: GetNextIdAttr): number;
  enableStats(attr: EnableStatsAttr): number;
  iterCreate(attr: IterCreateAttr): number;
  linkDetach(attr: LinkDetachAttr): number;
  progBindMap(attr: ProgBindMapAttr): number;
  tokenCreate(attr: TokenCreateAttr): number;
}
