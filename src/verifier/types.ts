import type { KernelProfile } from '../abi/profile.ts';
import type { Btf } from '../btf/index.ts';
import type { VerifierEnv } from './env.ts';
import type { Message } from './messages/message.ts';
import type { FuncState, VerifierState } from './state/state.ts';

/**
 * A program as BPF_PROG_LOAD gets it, and all the verifier may see of what it names. Plain data;
 * made from an object file by `verifierInput`.
 */
export interface VerifierInput {
  readonly name: string;
  /** BPF_PROG_TYPE_* */
  readonly type: number;
  /** BPF_* attach type; 0 where there is none. */
  readonly expectedAttachType: number;
  /** Function, tracepoint typedef or struct_ops table in the kernel's BTF it attaches to, or 0. */
  readonly attachBtfId: number;
  /** Module whose BTF `attachBtfId` counts in; the kernel's own if it is not there. */
  readonly attachModule?: string;
  /** Program it replaces or traces (freplace, fentry of a BPF program). */
  readonly attachProgram?: { readonly input: VerifierInput; readonly btfId: number };
  readonly license: string;
  /** BPF_F_* flags of the load. */
  readonly flags: number;
  /**
   * Instructions in wire format, little-endian. A pseudo load of a map (src_reg 1 or 2) has the
   * map's index in `maps` in its imm; one of a kernel variable (src_reg 3) its type id, and in the
   * next imm the module. Modules are named by place in `modules`, from 1; 0 is the kernel itself.
   */
  readonly insns: Uint8Array;
  /** Modules whose functions (`off` of the call) and variables the program uses (fd_array). */
  readonly modules?: readonly string[];
  readonly maps: readonly VerifierMap[];
  /** Maps of extensions that no program uses and that come with the object all the same. */
  readonly otherMaps?: readonly Pick<VerifierMap, 'name' | 'type'>[];
  /** Jumps that static keys turn on and off (an extension). */
  readonly staticBranches?: readonly VerifierBranch[];
  /** The program's own BTF. */
  readonly btf: Btf | undefined;
  readonly functionInfo: readonly FunctionInfo[];
  readonly lineInfo: readonly LineInfo[];
}

/** A jump of the program that a static key turns on and off: in `insns` the key is off. */
export interface VerifierBranch {
  readonly insn: number;
  readonly target: number;
  /** The jump is there while the key is off, not while it is on. */
  readonly inverse: boolean;
  /** Index of the key in `maps`. */
  readonly map: number;
}

/** A record of func_info: which function starts here. */
export interface FunctionInfo {
  /** Instruction index. */
  readonly insn: number;
  /** Id of a FUNC in the program's BTF. */
  readonly typeId: number;
}

/** A record of line_info. */
export interface LineInfo {
  /** Instruction index. */
  readonly insn: number;
  readonly file: string;
  /** The line's text as in the source, indented. */
  readonly text: string;
  readonly line: number;
  readonly column: number;
}

/** A map's definition; of its contents only what can never change again. */
export interface VerifierMap {
  readonly name: string;
  /** BPF_MAP_TYPE_* */
  readonly type: number;
  readonly keySize: number;
  readonly valueSize: number;
  readonly maxEntries: number;
  /** BPF_F_* flags of its creation. */
  readonly flags: number;
  readonly extra: bigint;
  readonly btf: Btf | undefined;
  readonly keyTypeId: number;
  readonly valueTypeId: number;
  /** Template of a map of maps. */
  readonly inner?: VerifierMap;
  /** Frozen and only readable by programs: its value, which loads may take as constants. */
  readonly constantValue?: Uint8Array;
}

/** Which privileges the loader has. */
export interface VerifierCapabilities {
  /** CAP_BPF: without it, the unprivileged rules. */
  readonly bpf: boolean;
  readonly perfmon: boolean;
  readonly netAdmin: boolean;
  readonly sysAdmin: boolean;
}

export interface VerifyOptions {
  /** BPF_LOG_LEVEL1 (1), BPF_LOG_LEVEL2 (2), BPF_LOG_STATS (4); default 0. */
  readonly logLevel?: number;
  /** Bytes of the log buffer. Default: no limit. */
  readonly logSize?: number;
  /** Default: all. */
  readonly capabilities?: VerifierCapabilities;
  /**
   * Bytes the states of the walk may take before it ends with ENOMEM, as a kernel's would. Default:
   * 2 GiB; what Linux accepts of its own selftests needs at most a tenth of that.
   */
  readonly stateMemory?: number;
  /** Refuse what Linux does not have (extensions of beeyard). Default: no. */
  readonly portable?: boolean;
  /**
   * Extension: programs of struct_ops may only call kernel functions that work in their operation,
   * also through functions and callbacks. Linux 6.12 loads the others and fails when they run.
   */
  readonly strictOps?: boolean;
  /** Collect `facts.insns`: costs time and 400 bytes an instruction. Default: no. */
  readonly facts?: boolean;
  /**
   * Rewrite the program, if it is accepted, as Linux does: see `Xlated`. Of 6.12 only. Default: no.
   * `verify` then throws KernelError where the profile has not the types to tell how (a slim one).
   */
  readonly xlated?: boolean;
  /** Sees the walk as it happens. */
  readonly observer?: VerifierObserver;
}

/** What came out. */
export interface VerifyResult {
  readonly ok: boolean;
  /** 0, or the negative number BPF_PROG_LOAD returns. */
  readonly errno: number;
  /** '' or the errno's name. */
  readonly errnoName: string;
  /** The words that tell why, if it was rejected with words. */
  readonly reason: Message | undefined;
  /** Instruction it was rejected at, or -1 when no instruction was the reason. */
  readonly insn: number;
  /** The kernel's log at the level asked for. */
  readonly log: string;
  readonly stats: VerifierStats;
  readonly facts: VerifierFacts;
  /** With `xlated: true`, of accepted programs. */
  readonly xlated?: Xlated;
}

/**
 * An accepted program as Linux 6.12 keeps it on x86-64 with the JIT compiler on, and shows it with
 * BPF_OBJ_GET_INFO_BY_FD (`bpftool prog dump xlated`): dead code is gone, fields of contexts are
 * those of the kernel's structs, some calls are a few instructions. Addresses of the kernel are 0,
 * as its readers without privileges see them; `calls` and `addresses` have names for them.
 *
 * @example
 * const { xlated } = verify(input, kernel, { xlated: true });
 * const code = decodeCode(xlated!.insns);
 * xlated!.calls.get(3);      // '__htab_map_lookup_elem'
 * xlated!.origin[3];         // 2: made for instruction 2 of the program
 */
export interface Xlated {
  /**
   * In wire format. A load of a map has its place in `maps`, from 1, where Linux has the map's id;
   * a call of a function of the program has the distance in off and the function's number in imm.
   */
  readonly insns: Uint8Array;
  /** Instruction of the program each was made for, or -1. */
  readonly origin: Int32Array;
  /** Functions in their order; the last may be one that nobody wrote (name ''). */
  readonly subprograms: readonly XlatedSubprogram[];
  /** Source lines, at the instructions where they begin now. */
  readonly lines: readonly LineInfo[];
  readonly maps: readonly VerifierMap[];
  /** Functions of the kernel that calls go to, by instruction. */
  readonly calls: ReadonlyMap<number, string>;
  /** What ld_imm64 load an address of, by instruction: a symbol of the kernel, or what it made. */
  readonly addresses: ReadonlyMap<number, string>;
  /** Static branches where they are now, ascending; in `insns` every key is off. */
  readonly staticBranches: readonly (VerifierBranch & { readonly key: string })[];
}

export interface XlatedSubprogram {
  /** First instruction. */
  readonly start: number;
  /** As its BTF has it, or ''. */
  readonly name: string;
}

/** The figures of the kernel's last log line. */
export interface VerifierStats {
  readonly processed: number;
  readonly maxStatesPerInsn: number;
  readonly totalStates: number;
  readonly peakStates: number;
  readonly markRead: number;
  /** Bytes of stack by subprogram. */
  readonly stackDepths: readonly number[];
  /** Microseconds it took here. */
  readonly time: number;
}

/** What is known of each instruction after the walk, by instruction index. */
export interface VerifierFacts {
  /** Pass in which the walk last saw it; 0: never reached. */
  readonly seen: Uint32Array;
  /** Type (enum bpf_reg_type with flags) of the pointer a load or store goes through; 0: none. */
  readonly pointerType: Int32Array;
  /** With `facts: true` only. */
  readonly insns?: InsnFacts;
}

/**
 * What holds before an instruction on every path that gets there, as far as the walk proved it. If
 * the program was rejected, of the paths walked until then.
 *
 * @example
 * const { facts } = verify(input, kernel, { facts: true });
 * facts.insns!.reached(12);       // false: dead code
 * facts.insns!.branch(7);         // 'never': its target is not reached from there
 * facts.insns!.register(9, 2);    // { kind: 'scalar', umin: 0n, umax: 63n, smin: 0n, smax: 63n }
 */
export interface InsnFacts {
  /** False: dead code. */
  reached(insn: number): boolean;
  /** Which way a conditional jump goes: always to its target, never, or both ways. */
  branch(insn: number): 'always' | 'never' | 'both' | undefined;
  /**
   * What register `regno` (0 to 9) holds; undefined when nothing is known that holds for every
   * path: values that decide nothing are not followed to the end by the walk.
   */
  register(insn: number, regno: number): RegisterFact | undefined;
}

/** One register, joined over all paths. */
export type RegisterFact =
  | {
      readonly kind: 'scalar';
      readonly umin: bigint;
      readonly umax: bigint;
      readonly smin: bigint;
      readonly smax: bigint;
    }
  | {
      /** 'mixed': also a number, or nothing, on other paths. */
      readonly kind: 'pointer' | 'mixed';
      /** The kernel's words: 'map_value', 'fp', 'pkt'. */
      readonly types: readonly string[];
      readonly nullable: boolean;
    }
  /** Never written before. */
  | { readonly kind: 'unset' };

/**
 * Sees the walk as it happens. Methods are called with the live environment: read from it what you
 * need now, keep no reference. The kernel's log is one observer, the explanation another.
 */
export interface VerifierObserver {
  /** Before the first pass. */
  start?(env: VerifierEnv): void;
  /** Words, as they come. */
  message(message: Message): void;
  /** The registers of a frame are shown; `all` or only those touched since the last time. */
  state?(frame: number, all: boolean): void;
  /** The walk of a function begins (line texts start afresh). */
  functionStart?(): void;
  /** The next instruction (`env.insnIdx`) is about to be looked at. */
  insn?(): void;
  /** What the instruction did to the registers is shown before its turn is over. */
  insnState?(): void;
  /** The source line of an instruction is shown, unless it was the last one shown. */
  line?(insn: number, prefix: string): void;
  /** A path was resumed or a function returned to; comes before `insn`. */
  resumed?(from: number, to: number): void;
  /** The path ends here because an equivalent state is known to be safe. */
  pruned?(from: number, to: number, resumed: boolean): void;
  /** A copy of the running state is kept at `insn`: it may cover states that come there later. */
  kept?(insn: number): void;
  /** `old`, which was kept at the same instruction, does not cover the running state. */
  missed?(old: VerifierState): void;
  /** `old` covers the running state; marks are taken over from it next, and then comes `pruned`. */
  covered?(old: VerifierState): void;
  /** Backtracking made precise in a checkpoint what `env.backtrack` asks for now. */
  marked?(checkpoint: VerifierState): void;
  /** A branch was put aside; returns a number handed to `popped`. */
  pushed?(): number;
  popped?(mark: number): void;
  /** Level 2: precision goes back over instruction `insn`; `message` stands before its text. */
  backtracking?(message: Message, insn: number): void;
  /** A frame of another state is shown behind `message`. */
  otherState?(message: Message, frame: FuncState): void;
  /**
   * The path was rejected at instruction `insn`. True: the walk leaves it and goes on with the
   * others, as explanations do that look for further errors.
   */
  rejected?(insn: number): boolean;
  /** A function was walked through; `ok` if without a rejection. */
  functionDone?(ok: boolean): void;
}

export type { KernelProfile };
