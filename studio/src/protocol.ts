/** What the page and the worker say to each other: plain data both ways. */
import type {
  Explanation,
  LineInfo,
  RegisterFact,
  SourceFix,
  VerifiedFix,
  VerifierStats,
} from 'beeyard/verify';
import type { HookWord, Placed } from './model/machine.ts';

export interface ProgramEntry {
  readonly name: string;
  readonly section: string;
  readonly type: string;
  readonly insns: number;
}

export interface MapEntry {
  readonly name: string;
  readonly type: string;
  readonly keySize: number;
  readonly valueSize: number;
  readonly maxEntries: number;
}

export interface OpenedObject {
  readonly programs: readonly ProgramEntry[];
  readonly maps: readonly MapEntry[];
}

/** A row of the bytecode. */
export interface CodeRow {
  readonly insn: number;
  readonly text: string;
  /** Of the file's lines; undefined where the compiler said nothing. */
  readonly line?: LinePlace | undefined;
  /** The function that begins here. */
  readonly function?: string | undefined;
}

export type LinePlace = Pick<LineInfo, 'file' | 'line'>;

export interface SourceText extends LinePlace {
  readonly text: string;
}

export interface ProgramCode {
  readonly rows: readonly CodeRow[];
  /** Lines the object itself knows: those with code. */
  readonly lines: readonly SourceText[];
  readonly verdict: Verdict;
}

export interface Verdict {
  readonly ok: boolean;
  readonly errno: string;
  readonly stats: VerifierStats;
  readonly explanation?: Explanation | undefined;
  /** Times the walk came to each instruction. */
  readonly visits: Uint32Array;
  readonly logLines: number;
  /** '6.12.117' */
  readonly kernel: string;
}

/** A program on every kernel. */
export interface MatrixAnswer {
  /** 'bpf_loop: 5.17', newest first. */
  readonly needs: readonly string[];
  readonly cells: readonly MatrixEntry[];
}

export interface MatrixEntry {
  readonly kernel: string;
  /** Verified by that kernel's rules; else only what it has was looked at. */
  readonly exact: boolean;
  readonly ok: boolean;
  /** Instructions walked, of an exact one. */
  readonly insns?: number | undefined;
  readonly reason?: string | undefined;
  readonly missing: readonly string[];
}

export interface InsnState {
  /** r0 to r9 on every path; undefined: nothing that holds for all. */
  readonly facts: readonly (RegisterFact | undefined)[];
  /** What each of the first visits found, in the words of the log. */
  readonly visits: readonly string[];
  readonly count: number;
}

export interface PacketRow {
  readonly number: number;
  /** Seconds since the first. */
  readonly time: number;
  readonly length: number;
  readonly summary: PacketSummary;
}

export interface PacketSummary {
  readonly protocol: string;
  readonly source: string;
  readonly destination: string;
  readonly info: string;
}

/** The run of one packet, recorded. */
export interface RecordedRun {
  readonly outcome: string;
  /** Instruction of each step, and the open frames above it. */
  readonly insns: Int32Array;
  readonly frames: Uint8Array;
  readonly program: string;
  /** Packets that ran before it on the same machine. */
  readonly before: number;
  /** Names of other programs that ran (tail calls): steps in them are -1. */
  readonly others: readonly string[];
}

export interface StepState {
  readonly registers: readonly RegisterValue[];
  /** 512 bytes, lowest address first. */
  readonly stack: Uint8Array;
  readonly packet: Uint8Array | undefined;
  readonly maps: readonly MapState[];
}

export interface RegisterValue {
  readonly hex: string;
  /** 'packet+14', 'value of seen +8', or the number. */
  readonly text: string;
}

export interface MapState {
  readonly name: string;
  readonly type: string;
  /** What stands above the cells of a row: members of a value, CPUs, or 'value'. */
  readonly columns: readonly string[];
  readonly entries: readonly MapRow[];
  /** Entries that are not in `entries`. */
  readonly more: number;
  /** Why nothing can be shown: its entries are objects of the kernel. */
  readonly closed?: string | undefined;
}

export interface MapRow {
  readonly key: string;
  readonly cells: readonly string[];
}

/** Where a run was stopped: the step, and the breakpoint in words; without one it is an end. */
export interface Stop {
  readonly step: number;
  readonly hit?: string | undefined;
}

/** Steps that last read and wrote bytes of the packet. */
export interface Touched {
  readonly read?: TouchedBy | undefined;
  readonly written?: TouchedBy | undefined;
}

export interface TouchedBy {
  readonly step: number;
  readonly insn: number;
  readonly program: string;
  readonly line?: { readonly file: string; readonly line: number; readonly text: string };
}

/** What all packets of a capture did to a program. */
export interface Coverage {
  readonly packets: number;
  /** Of the capture, if that was more than could be run. */
  readonly left: number;
  /** Times each instruction ran. */
  readonly counts: Float64Array;
  /** Verdicts, the most frequent first. */
  readonly verdicts: readonly (readonly [string, number])[];
}

export interface MachineState {
  /** The machine's own first, whose name is ''. */
  readonly namespaces: readonly {
    readonly name: string;
    readonly devices: readonly DeviceState[];
  }[];
}

export interface DeviceState {
  /** 'eth0', 'pod/eth0' */
  readonly path: string;
  readonly name: string;
  readonly kind: string;
  readonly ifindex: number;
  readonly mtu: number;
  readonly hardware: string;
  readonly up: boolean;
  readonly received: number;
  readonly sent: number;
  readonly dropped: number;
  /** In the order they run, XDP first. */
  readonly programs: readonly PlacedProgram[];
}

export interface PlacedProgram {
  readonly id: number;
  readonly name: string;
  readonly file: string;
  readonly device: string;
  readonly hook: HookWord;
  readonly revision: number;
}

/** Where a packet went. */
export interface PacketWay {
  readonly id: number;
  readonly parent: number | undefined;
  readonly length: number;
  readonly fate: string;
  readonly reason?: string;
  /** Kind of the last event. */
  readonly last: string;
  readonly events: readonly {
    readonly where: string;
    readonly device: string;
    readonly kind: string;
    readonly words: string;
  }[];
}

/** The flow of a program, and the verifier's walk over it. */
export interface ProgramGraph {
  readonly functions: readonly { readonly name: string; readonly start: number }[];
  /** Of all functions, by their first instruction. */
  readonly blocks: readonly FlowBlock[];
  readonly edges: readonly FlowEdge[];
  /** Instructions that call a function, or hand it to the kernel as a callback. */
  readonly calls: readonly FlowCall[];
  readonly steps: WalkSteps;
}

export interface FlowBlock {
  /** Instructions from `start` to before `end`. */
  readonly start: number;
  readonly end: number;
  readonly function: number;
  /** Times the walk came through, states it kept here, and paths that ended here as covered. */
  readonly visits: number;
  readonly kept: number;
  readonly pruned: number;
}

/** By numbers of blocks. */
export interface FlowEdge {
  readonly from: number;
  readonly to: number;
  /** The way of a conditional jump that is taken. */
  readonly jump: boolean;
  readonly walked: number;
}

/** By numbers of functions. */
export interface FlowCall {
  readonly insn: number;
  readonly from: number;
  readonly to: number;
  readonly callback: boolean;
}

/** The walk in steps: a block, or what of it was walked without a turn. */
export interface WalkSteps {
  /** By step: where it is among the instructions walked, its first instruction, its block. */
  readonly positions: Int32Array;
  readonly insns: Int32Array;
  readonly blocks: Int32Array;
  /** By step: 1: a state is kept; 2: pruned, the path ends before the instruction. */
  readonly marks: Uint8Array;
  /** By step: the one whose state covers this one, or was compared last in vain; -1: none. */
  readonly others: Int32Array;
  /** By step: states that were compared in vain. */
  readonly misses: Uint16Array;
  /** Instructions walked. */
  readonly length: number;
  readonly paths: readonly WalkStepsPath[];
}

export interface WalkStepsPath {
  /** Its first step. */
  readonly start: number;
  /** Step that ended in the branch it comes from; -1: a function's walk begins. */
  readonly from: number;
}

/** What the worker does, by name. */
export interface StudioApi {
  open(name: string, bytes: Uint8Array): Promise<OpenedObject>;
  /** `kernel`: whose rules; those of the newest one without it. */
  code(name: string, program: string, kernel?: string): Promise<ProgramCode>;
  state(name: string, program: string, insn: number, kernel?: string): Promise<InsnState>;
  log(name: string, program: string, from: number, to: number, kernel?: string): Promise<string[]>;
  /** What the program becomes when it is loaded; of wasm the numbers are bytes of the module. */
  listing(
    name: string,
    program: string,
    form: 'xlated' | 'wasm',
    kernel?: string,
  ): Promise<readonly CodeRow[]>;
  /** Changes with which the verifier accepts a rejected program; `source`: the file, if open. */
  fixes(
    name: string,
    program: string,
    source?: { readonly name: string; readonly text: string },
    kernel?: string,
  ): Promise<readonly VerifiedFix[]>;
  /** The source with fixes put in: their lines count in it. */
  applyFixes(text: string, fixes: readonly SourceFix[]): Promise<string>;
  matrix(name: string, program: string): Promise<MatrixAnswer>;
  capture(name: string, bytes: Uint8Array): Promise<number>;
  packets(name: string, from: number, to: number): Promise<PacketRow[]>;
  packet(name: string, number: number): Promise<Uint8Array>;
  record(name: string, program: string, packets: readonly Uint8Array[]): Promise<RecordedRun>;
  step(step: number): Promise<StepState>;
  graph(name: string, program: string): Promise<ProgramGraph>;
  /** What the verifier knew at positions of its walk, in the words of the log. */
  walkStates(name: string, program: string, positions: readonly number[]): Promise<string[]>;
  resume(step: number, stops: readonly string[], way: 'forward' | 'back'): Promise<Stop>;
  touched(step: number, at: number, length: number): Promise<Touched>;
  machine(placed: readonly Placed[]): Promise<MachineState>;
  attach(placed: Placed): Promise<MachineState>;
  order(device: string, hook: HookWord, wanted: readonly number[]): Promise<MachineState>;
  send(device: string, data: Uint8Array): Promise<PacketWay[]>;
  machineState(): Promise<MachineState>;
  coverage(name: string, program: string, capture: string): Promise<Coverage>;
}
