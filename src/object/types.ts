import type { WildcardField } from '../abi/index.ts';
import type { Btf, CoreRelocationKind } from '../btf/index.ts';

/**
 * What is in a `.bpf.o`: immutable data, the same on every machine. Made by `parseObject`.
 */
export interface ObjectFile {
  readonly littleEndian: boolean;
  readonly license: string;
  /** KERNEL_VERSION from the `version` section, or 0. */
  readonly version: number;
  readonly programs: readonly ProgramSpec[];
  readonly maps: readonly MapSpec[];
  readonly btf: Btf | undefined;
  /** Names the object expects from the kernel (`__ksym`, `__kconfig`). */
  readonly externs: readonly ExternSpec[];
  /** Things seen that beeyard does not handle yet (kept to be shown, never hidden). */
  readonly notes: readonly string[];
}

export interface ProgramSpec {
  readonly name: string;
  /** Section name as written: 'xdp', 'tc', 'kprobe/do_nanosleep', … */
  readonly section: string;
  /** Program type word from the section ('xdp', 'sched_cls', …) or undefined if unknown. */
  readonly type: string | undefined;
  /**
   * Expected attach type word, where the section says it: libbpf's words ('tcx_ingress',
   * 'trace_fentry', …).
   */
  readonly attachType: string | undefined;
  /** What stands after the slash of the section, e.g. the probed function. */
  readonly attachTarget: string | undefined;
  /** Only present when the section starts with '?': loaders leave it out unless asked. */
  readonly autoload?: false;
  /** xdp.frags, fentry.s, … */
  readonly flags: readonly ('frags' | 'sleepable' | 'multi' | 'session')[];
  /**
   * The program with every subprogram it needs appended, in wire format and host (little-endian)
   * order. Instruction k is bytes 8k .. 8k+7.
   */
  readonly insns: Uint8Array;
  /** Subprograms by start instruction; the first is the program itself at 0. */
  readonly functions: readonly FunctionSpec[];
  /** Pseudo loads that need a machine to be resolved, by instruction index. */
  readonly relocations: readonly Relocation[];
  /** Source lines by instruction index, ascending. */
  readonly lines: readonly SourceLine[];
  /** The compiler described every function (`.BTF.ext`), so Linux gets func_info. */
  readonly described: boolean;
  /** Places that depend on the layout of the kernel's types; `relocateProgram` applies them. */
  readonly coreRelocations: readonly CoreRelocationSpec[];
  /** Jumps that static keys turn on and off (an extension), ascending. Only there if any are. */
  readonly staticBranches?: readonly StaticBranchSpec[];
}

/**
 * A static branch (include/beeyard/static_key.h). In the object its key is off: `goto +0`, or for
 * an inverse one the jump to `target`.
 */
export interface StaticBranchSpec {
  readonly insn: number;
  readonly target: number;
  /** Name of the map of type static_key. */
  readonly key: string;
  /** The jump is there while the key is off, not while it is on. */
  readonly inverse: boolean;
}

/** A compile-once place: what instruction `insn` is to hold of a type of the kernel. */
export interface CoreRelocationSpec {
  readonly insn: number;
  /** Type in the object's own BTF. */
  readonly type: number;
  /** Indexes of members and elements as in '0:1:2'. */
  readonly access: string;
  readonly kind: CoreRelocationKind;
}

export interface FunctionSpec {
  readonly name: string;
  readonly start: number;
  readonly size: number;
  readonly global: boolean;
  /** BTF id of its FUNC, or 0. */
  readonly btfId: number;
  /** It is what runs when the program throws (its tag `exception_callback:` says so). */
  readonly catches?: true;
}

/** What to put into the ld_imm64 (or call) at instruction `insn`. */
export type Relocation =
  /** src_reg 1: the map's handle. */
  | { readonly kind: 'map'; readonly insn: number; readonly map: string }
  /** src_reg 2: address of byte `offset` of the map's first value (globals). */
  | {
      readonly kind: 'map_value';
      readonly insn: number;
      readonly map: string;
      readonly offset: number;
    }
  /** src_reg 3 and kin: a kernel symbol or kconfig value. */
  | {
      readonly kind: 'extern';
      readonly insn: number;
      readonly extern: string;
      readonly call: boolean;
    };
// Calls of and pointers to subprograms (src_reg 1 calls, src_reg 4 loads) are already resolved:
// their imm counts instructions relative to the next one, as the kernel wants it.

export interface SourceLine {
  readonly insn: number;
  readonly file: string;
  readonly line: number;
  readonly column: number;
  readonly text: string;
}

export interface MapSpec {
  readonly name: string;
  /** Map type word ('hash', …), or undefined for a number this version does not know. */
  readonly type: string | undefined;
  readonly typeId: number;
  readonly keySize: number;
  readonly valueSize: number;
  readonly maxEntries: number;
  readonly flags: number;
  readonly extra: bigint;
  readonly pinning: 'none' | 'by_name';
  /** Memory node to allocate on (only meant with BPF_F_NUMA_NODE in `flags`). */
  readonly numaNode?: number;
  readonly keyTypeId: number;
  readonly valueTypeId: number;
  /** Of a wildcard map: what its key's type says. */
  readonly fields?: readonly WildcardField[];
  /** Template of map-in-map. */
  readonly inner?: MapSpec;
  /**
   * Names by slot: initial maps of a map-in-map, programs of a prog_array; of a struct_ops table by
   * its 8-byte words.
   */
  readonly initialSlots?: readonly {
    readonly slot: number;
    readonly name: string;
    readonly kind: 'map' | 'program';
  }[];
  /**
   * Bytes of a global data section (.data, .rodata, .bss, …), of a struct_ops table (addresses in
   * it are 0: see `initialSlots`), or the first bytes of an arena.
   */
  readonly initialValue?: Uint8Array;
  /** Offset of the bpf_spin_lock in a value, where its type has one. */
  readonly spinLock?: number;
  /** struct_ops: name of the kernel's struct that the table is (without a flavour). */
  readonly kernelStruct?: string;
  /** Made from a data section (max_entries 1, array). */
  readonly dataSection?: 'data' | 'rodata' | 'bss' | 'kconfig';
  readonly legacy?: boolean;
  /** Only present for tables of a '?' section: loaders leave them and their programs out. */
  readonly autocreate?: false;
}

export interface ExternSpec {
  readonly name: string;
  readonly kind: 'ksym_function' | 'ksym_variable' | 'kconfig';
  readonly weak: boolean;
  readonly typeId: number;
}
