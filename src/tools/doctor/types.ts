import type { KernelProfile } from '../../abi/profile.ts';
import type { ObjectFile } from '../../object/index.ts';
import type { FindingCode } from './codes.ts';

/** An `error` breaks loading or results, a `warning` may, or loses something, a `note` is news. */
export type Severity = 'error' | 'warning' | 'note';

/** One thing the doctor found. */
export interface Finding {
  /** Stable name: 'legacy-maps', 'static-map', … (see `codes.ts`). */
  readonly code: FindingCode;
  readonly severity: Severity;
  /** Program, section, map or symbol it is about; '' for the whole object. */
  readonly place: string;
  readonly message: string;
  /** The words of libbpf or the kernel, where they refuse. */
  readonly says?: string;
  /** How to mend it. */
  readonly fix?: string;
}

/** Who made the object, and how that is known. */
export interface Producer {
  /** 'clang', 'gcc', 'rustc', or undefined where nothing tells. */
  readonly name: 'clang' | 'gcc' | 'rustc' | undefined;
  /** '19.1.7' where it is told. */
  readonly version: string | undefined;
  /** As it stands in the file: 'Debian clang version 19.1.7 (3~deb12u1)'. */
  readonly text: string;
  readonly evidence: readonly string[];
}

/** What a section is to libbpf 6.12. */
export type SectionRole =
  | 'program'
  | 'subprograms'
  | 'maps'
  | 'data'
  | 'arena'
  | 'struct_ops'
  | 'license'
  | 'version'
  | 'btf'
  | 'btf_ext'
  | 'relocations'
  | 'symbols'
  | 'strings'
  | 'debug'
  | 'empty'
  | 'ignored'
  | 'refused';

export interface SectionReport {
  readonly index: number;
  readonly name: string;
  readonly size: number;
  readonly role: SectionRole;
  /** 'xdp program', 'map of constants, frozen', 'skipped by libbpf', … */
  readonly meaning: string;
}

/** Relocations of one kind in one section. */
export interface RelocationCount {
  /** The section they change. */
  readonly section: string;
  /** 'map', 'global', 'call', 'kfunc', … */
  readonly kind: string;
  /** ELF's name: 'R_BPF_64_64'. */
  readonly type: string;
  readonly count: number;
}

export interface ProgramReport {
  readonly name: string;
  readonly section: string;
  readonly type: string | undefined;
  readonly attachType: string | undefined;
  readonly attachTarget: string | undefined;
  readonly autoload: boolean;
  readonly insns: number;
  readonly subprograms: readonly string[];
  /** Bytes of stack its deepest chain of calls names at least. */
  readonly stack: number;
  /** Helpers only programs under a GPL-compatible licence may call. */
  readonly gplHelpers: readonly string[];
}

export interface BtfReport {
  readonly types: number;
  /** Types by kind, most first. */
  readonly kinds: Readonly<Record<string, number>>;
}

export interface BtfExtReport {
  readonly version: number;
  readonly functions: number;
  readonly lines: number;
  /** CO-RE relocations by kind. */
  readonly core: Readonly<Record<string, number>>;
}

/** What libbpf does, in its order. */
export interface Step {
  readonly action: 'open' | 'btf' | 'extern' | 'relocate' | 'map' | 'program';
  readonly what: string;
  readonly detail: string;
}

/** All the doctor says of an object. */
export interface DoctorReport {
  readonly producer: Producer;
  readonly littleEndian: boolean;
  /** e_machine; 247 is BPF. */
  readonly machine: number;
  /** The least `-mcpu` that has all its instructions. */
  readonly cpu: 1 | 2 | 3 | 4;
  readonly license: string;
  readonly gplCompatible: boolean;
  readonly sections: readonly SectionReport[];
  readonly relocations: readonly RelocationCount[];
  readonly btf: BtfReport | undefined;
  readonly btfExt: BtfExtReport | undefined;
  readonly externs: ObjectFile['externs'];
  readonly programs: readonly ProgramReport[];
  readonly steps: readonly Step[];
  /** Worst first. */
  readonly findings: readonly Finding[];
}

export interface DoctorOptions {
  /** The kernel it is to load on; without one, what depends on a kernel is not looked at. */
  readonly kernel?: KernelProfile | undefined;
}
