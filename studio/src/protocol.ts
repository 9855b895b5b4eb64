/** What the page and the worker say to each other: plain data both ways. */
import type { Explanation, LineInfo, RegisterFact, VerifierStats } from 'beeyard/verify';
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

/** What the worker does, by name. */
export interface StudioApi {
  open(name: string, bytes: Uint8Array): Promise<OpenedObject>;
  code(name: string, program: string): Promise<ProgramCode>;
  state(name: string, program: string, insn: number): Promise<InsnState>;
  log(name: string, program: string, from: number, to: number): Promise<string[]>;
  capture(name: string, bytes: Uint8Array): Promise<number>;
  packets(name: string, from: number, to: number): Promise<PacketRow[]>;
  packet(name: string, number: number): Promise<Uint8Array>;
  record(name: string, program: string, packets: readonly Uint8Array[]): Promise<RecordedRun>;
  step(step: number): Promise<StepState>;
  resume(step: number, stops: readonly string[], way: 'forward' | 'back'): Promise<Stop>;
  touched(step: number, at: number, length: number): Promise<Touched>;
  machine(placed: readonly Placed[]): Promise<MachineState>;
  attach(placed: Placed): Promise<MachineState>;
  order(device: string, hook: HookWord, wanted: readonly number[]): Promise<MachineState>;
  send(device: string, data: Uint8Array): Promise<PacketWay[]>;
  machineState(): Promise<MachineState>;
  coverage(name: string, program: string, capture: string): Promise<Coverage>;
}
