import { constants, loadAttachType } from '../abi/index.ts';
import { BugError } from '../base/index.ts';
import { type Code, decodeCode } from '../isa/index.ts';
import type { Btf } from '../btf/index.ts';
import type { Message } from './messages/message.ts';
import { Backtrack } from './precision/backtrack-state.ts';
import { InsnHistory } from './precision/history.ts';
import { Checkpoints } from './prune/checkpoints.ts';
import { IdMap } from './prune/idmap.ts';
import { Rejection } from './reject.ts';
import { MAX_REGS, REG_WORDS } from './state/layout.ts';
import { StatePool } from './state/pool.ts';
import type { FuncState, VerifierState } from './state/state.ts';
import type {
  KernelProfile,
  VerifierCapabilities,
  VerifierInput,
  VerifierMap,
  VerifierObserver,
} from './types.ts';

/** Instructions one verification may process. */
export const COMPLEXITY_LIMIT_INSNS = 1_000_000;
/** Branches that may wait. */
export const COMPLEXITY_LIMIT_JUMPS = 8192;
/** States per instruction for unprivileged programs. */
export const COMPLEXITY_LIMIT_STATES = 64;

/** `BTF` word of records: the kernel's BTF (opened when first needed), the program's own. */
export const KERNEL_BTF = 1;
export const PROGRAM_BTF = 2;

// Bits of `InsnAux.flags`.
export const AUX_JMP_POINT = 1;
export const AUX_PRUNE_POINT = 2;
export const AUX_FORCE_CHECKPOINT = 4;
export const AUX_CALLS_CALLBACK = 8;
export const AUX_JUMP_TARGET = 16;
export const AUX_SANITIZE_STACK_SPILL = 32;
export const AUX_ZEXT_DST = 64;
export const AUX_ITER_NEXT = 128;
export const AUX_FASTCALL_PATTERN = 256;
export const AUX_PERCPU_ALLOC_PTR = 512;
export const AUX_STORAGE_GET_ATOMIC = 1024;
export const AUX_NEEDS_ZEXT = 2048;

/** What the walk learns of each instruction (struct bpf_insn_aux_data), one array per field. */
export class InsnAux {
  readonly flags: Int32Array;
  /** Pass in which it was last seen. */
  readonly seen: Uint32Array;
  /** Loads and stores: type of the pointer. */
  readonly pointerType: Int32Array;
  /** Helper calls: map (index plus 1), or MAP_POISON when several; bit 30: used unprivileged. */
  readonly map: Int32Array;
  /** Helper calls: constant key, see mem/map-key. */
  readonly mapKeyLow: Int32Array;
  readonly mapKeyHigh: Int32Array;
  readonly contextFieldSize: Int32Array;
  /** Spectre: BPF_ALU_* bits and the limit (two words). */
  readonly aluState: Uint8Array;
  readonly aluLimit: Uint32Array;
  /** Pseudo loads: the type they make; its map or BTF (index plus 1); id, size or offset. */
  readonly loadType: Int32Array;
  readonly loadObject: Int32Array;
  readonly loadValue: Int32Array;
  /** bpf_loop calls: 0 unseen, 1 fit for inlining with subprogram `loopCallback`, -1 not fit. */
  readonly loopInline: Int8Array;
  readonly loopCallback: Int32Array;
  /** Calls of kernel functions that make, take or give away an allocated object. */
  readonly objects = new Map<number, ObjectFacts>();
  /** Calls: spill/fill pairs around them in a bpf_fastcall pattern. */
  readonly fastcallSpills: Uint8Array;

  constructor(count: number) {
    this.flags = new Int32Array(count);
    this.seen = new Uint32Array(count);
    this.pointerType = new Int32Array(count);
    this.map = new Int32Array(count);
    this.mapKeyLow = new Int32Array(count);
    this.mapKeyHigh = new Int32Array(count);
    this.contextFieldSize = new Int32Array(count);
    this.aluState = new Uint8Array(count);
    this.aluLimit = new Uint32Array(count);
    this.loadType = new Int32Array(count);
    this.loadObject = new Int32Array(count);
    this.loadValue = new Int32Array(count);
    this.loopInline = new Int8Array(count);
    this.loopCallback = new Int32Array(count);
    this.fastcallSpills = new Uint8Array(count);
  }
}

/** An allocated object in a call: its type, and where its node is in what takes it. */
export interface ObjectFacts {
  readonly btf: Btf;
  readonly id: number;
  readonly offset: number;
}

/** `InsnAux.map` of a call that is reached with different maps. */
export const MAP_POISON = 0x3fff_ffff;
export const MAP_UNPRIV = 0x4000_0000;

/** An argument of a global function (struct bpf_subprog_arg_info). */
export interface SubprogArg {
  /** ARG_* with flags, numbers of enum bpf_arg_type (call/arg-types.ts). */
  readonly type: number;
  readonly memSize: number;
  readonly btfId: number;
}

/** A pointer in the context of iterators and struct_ops (struct bpf_ctx_arg_aux). */
export interface ContextArg {
  /** Byte in the context. */
  readonly offset: number;
  /** Register type with flags. */
  readonly type: number;
  /** KERNEL_BTF, and the id of the type it points to (0: not a BTF pointer). */
  readonly btf: number;
  readonly btfId: number;
}

/** A function of the program (struct bpf_subprog_info and bpf_func_info_aux). */
export class Subprog {
  /** First instruction. */
  start: number;
  stackDepth = 0;
  stackExtra = 0;
  fastcallStackOff = 0;
  hasTailCall = false;
  tailCallReachable = false;
  hasLdAbs = false;
  isCallback = false;
  isAsyncCallback = false;
  isExceptionCallback = false;
  keepFastcallStack = false;
  changesPacket = false;
  mightSleep = false;
  /** Arguments, once taken from BTF. */
  args: readonly SubprogArg[] | undefined = undefined;
  /** Id of its FUNC in the program's BTF, 0 without func_info. */
  btfId = 0;
  name = '';
  global = false;
  /** Its BTF does not match what it does. */
  unreliable = false;
  called = false;
  /** From where it is called (operations.ts); only kept for strict struct_ops. */
  contexts = 0;
  verified = false;

  constructor(start: number) {
    this.start = start;
  }
}

/** A branch put aside (struct bpf_verifier_stack_elem). */
export interface PendingBranch {
  readonly state: VerifierState;
  readonly insnIdx: number;
  readonly prevInsnIdx: number;
  readonly next: PendingBranch | undefined;
  /** What the observer's `pushed` returned. */
  readonly mark: number;
}

/** Everything about one verification (struct bpf_verifier_env). */
export class VerifierEnv {
  readonly input: VerifierInput;
  readonly profile: KernelProfile;
  readonly capabilities: VerifierCapabilities;
  readonly observer: VerifierObserver | undefined;
  /** BPF_LOG_* bits: what the observer that writes the log wants. */
  readonly logLevel: number;
  /** Decoded instructions; pseudo loads are resolved in place by the load passes. */
  readonly code: Code;
  readonly aux: InsnAux;
  /** Maps the program uses, in the order it names them; inner templates are appended. */
  readonly maps: VerifierMap[] = [];
  /** BTFs in use, named by index plus 1 (BTF word of a record). See `btfAt`. */
  readonly btfs: (Btf | undefined)[];
  readonly subprogs: Subprog[] = [];
  /** Kernel functions the program calls, by BTF id. */
  readonly kfuncs = new Set<number>();
  /** Subprogram that catches bpf_throw, or -1. */
  exceptionCallback = -1;
  /** Bytes of stack by function before the rewriting passes took more. */
  walkedStackDepths: readonly number[] = [];
  /** Bytes of stack by function as the last log lines tell them, once the passes are through. */
  finalStackDepths: readonly number[] | undefined = undefined;
  /** True once func_info was taken over (prog->aux->func_info). */
  hasFunctionInfo = false;

  // What it attaches to; set by load/attach-target.ts.
  /** Verifies the program this one attaches to, for what is known of it then. Set by the driver. */
  verifyTarget: (input: VerifierInput) => VerifierEnv = () => {
    throw new BugError('nobody verifies targets');
  };
  /** BPF_PROG_TYPE_* whose rules count: that of the target for extensions (resolve_prog_type). */
  programType: number;
  /** Expected attach type; extensions inherit that of their target. */
  expectedAttachType: number;
  /** Type and BTF (KERNEL_BTF or a program's) of the FUNC_PROTO it attaches to; 0: none. */
  attachProto = 0;
  attachBtf = KERNEL_BTF;
  attachName = '';
  /** Raw tracepoint with BTF: the context's first word is left out (attach_btf_trace). */
  attachBtfTrace = false;
  /** What is known of pointers in the context (ctx_arg_info). */
  contextArgs: readonly ContextArg[] = [];

  // Privileges and modes.
  readonly allowPtrLeaks: boolean;
  readonly allowUninitStack: boolean;
  readonly bypassSpecV1: boolean;
  readonly bypassSpecV4: boolean;
  readonly bpfCapable: boolean;
  /** Refuse what only beeyard has (`VerifyOptions.portable`). */
  portable = false;
  /** Also ask what 6.12 only asks when operations run (`VerifyOptions.strictOps`). */
  strictOps = false;
  strictAlignment = false;
  testStateFreq = false;
  testRegInvariants = false;

  // The walk.
  insnIdx = 0;
  prevInsnIdx = -1;
  state!: VerifierState;
  pending: PendingBranch | undefined = undefined;
  pendingCount = 0;
  /** Makes copies of states. */
  readonly pool: StatePool;
  idGen = 0;
  passCount = 0;
  seenDirectWrite = false;
  seenException = false;
  exploreAluLimits = false;
  /** Scratch records for constants (fake_reg); use `fakeReg(0|1)`. */
  readonly scratch = new Int32Array((MAX_REGS + 5) * REG_WORDS);
  /** Jumps and stack accesses of the path, for precision backtracking. */
  readonly history = new InsnHistory();
  /** What backtracking is looking for. */
  readonly backtrack = new Backtrack();
  /** Ids that stand for each other in the comparison in progress. */
  readonly ids = new IdMap();
  /** Frame (bits 7 and up) and record where the last comparison found a difference, or -1. */
  difference = -1;
  /** States kept for pruning. */
  readonly checkpoints: Checkpoints;
  /** Registers and stack slots (two words) touched since they were last printed. */
  scratchedRegs = 0;
  scratchedSlotsLow = 0;
  scratchedSlotsHigh = 0;

  // Statistics.
  insnProcessed = 0;
  prevInsnProcessed = 0;
  jmpsProcessed = 0;
  prevJmpsProcessed = 0;
  maxStatesPerInsn = 0;
  totalStates = 0;
  peakStates = 0;
  longestMarkReadWalk = 0;

  constructor(
    input: VerifierInput,
    profile: KernelProfile,
    options: {
      readonly capabilities: VerifierCapabilities;
      readonly observer: VerifierObserver | undefined;
      readonly logLevel: number;
      readonly stateMemory?: number;
    },
  ) {
    this.input = input;
    this.profile = profile;
    this.capabilities = options.capabilities;
    this.observer = options.observer;
    this.logLevel = options.logLevel;
    this.programType = input.type;
    this.expectedAttachType = loadAttachType(input.type, input.expectedAttachType);
    this.code = decodeCode(input.insns.slice());
    this.aux = new InsnAux(this.code.op.length);
    this.pool = new StatePool(options.stateMemory);
    this.checkpoints = new Checkpoints(this.code.length, this.pool);
    const { bpf, perfmon, sysAdmin } = options.capabilities;
    this.btfs = [undefined, input.btf];
    this.bpfCapable = bpf || sysAdmin;
    const mayTrace = perfmon || sysAdmin;
    this.allowPtrLeaks = mayTrace;
    this.allowUninitStack = mayTrace;
    this.bypassSpecV1 = mayTrace;
    this.bypassSpecV4 = mayTrace;
  }

  /** The BTF a record names: KERNEL_BTF, PROGRAM_BTF, or a module's. */
  btfAt(index: number): Btf {
    const btf = index === KERNEL_BTF ? this.profile.btf() : this.btfs[index - 1];
    if (!btf) throw new BugError(`there is no BTF ${index}`);
    return btf;
  }

  /** The program was loaded as a sleepable one (prog->sleepable). */
  get sleepable(): boolean {
    return (this.input.flags & constants.BPF_F_SLEEPABLE) !== 0;
  }

  /** Instructions of the program. */
  get length(): number {
    return this.code.op.length;
  }

  /** The running frame. */
  get frame(): FuncState {
    return this.state.frame;
  }

  /** Records of the running frame. */
  get regs(): Int32Array {
    return this.state.frame.words;
  }

  /** True if somebody listens: build messages that do not reject only then. */
  get talking(): boolean {
    return this.observer !== undefined;
  }

  /** Says something without rejecting. */
  say(message: Message): void {
    this.observer?.message(message);
  }

  /** Ends the verification. `errno` is a name: 'EACCES'. */
  reject(errno: string, reason?: Message): never {
    if (reason) this.observer?.message(reason);
    throw new Rejection(errno, reason);
  }

  /** Ends the verification; the reason was said before. */
  rejectSilently(errno: string, reason: Message): never {
    throw new Rejection(errno, reason);
  }

  /** Shows a frame's registers (print_verifier_state). */
  showState(frame: number, all: boolean): void {
    this.observer?.state?.(frame, all);
  }

  /** Shows what the current instruction did (print_insn_state), at log level 1 and 2. */
  showInsnState(): void {
    this.observer?.insnState?.();
  }

  /** Shows the source line of `insn` (verbose_linfo). */
  showLine(insn: number, prefix = '; '): void {
    this.observer?.line?.(insn, prefix);
  }

  /** A new id for registers that hold the same value. */
  newId(): number {
    return ++this.idGen;
  }

  /** Register `n` was touched: the next state line shows it. */
  scratchReg(n: number): void {
    this.scratchedRegs |= 1 << n;
  }

  /** Stack slot `spi` was touched. */
  scratchSlot(spi: number): void {
    if (spi < 32) this.scratchedSlotsLow |= 1 << spi;
    else this.scratchedSlotsHigh |= 1 << (spi - 32);
  }

  /** Everything counts as touched (or nothing). */
  scratchAll(touched: boolean): void {
    this.scratchedRegs = touched ? -1 : 0;
    this.scratchedSlotsLow = this.scratchedSlotsHigh = touched ? -1 : 0;
  }
}
