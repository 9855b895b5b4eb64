import type { CompileOptions, ProgramFault, ProgramImage } from '../engine/index.ts';
import type { EngineName, RingMemory, RingOptions } from '../machine/index.ts';
import type { HostDevice } from '../runtime/index.ts';

/**
 * Control words, in memory that both sides share: commands given so far (written by the main
 * thread), commands done (by the worker; -1 until it is ready), and what CPUs tell each other
 * (CpuWords): steps of time begun, batches sorted.
 */
export const GIVEN = 0;
export const DONE = 1;
export const STARTED = 2;
export const SORTED = 3;
/** From here on the commands themselves: what, and if it is `run`, with which packets. */
export const FIRST_COMMAND = 4;
export const COMMAND_WORDS = 5;
/** Commands that may be given before the first of them is done. */
export const QUEUE = 4;
export const CONTROL_WORDS = FIRST_COMMAND + QUEUE * COMMAND_WORDS;

/** Index of the first word of command number `n`. */
export function commandWords(n: number): number {
  return FIRST_COMMAND + (n % QUEUE) * COMMAND_WORDS;
}

/** What to do. `run` is followed by ring, packets, their address, the last step of time. */
export const COMMAND = { run: 1, counts: 2, stop: 3 } as const;

/** A ring of this CPU and the columns of the batches it gets packets from. */
export interface SharedRing {
  readonly ring: RingMemory;
  readonly batch: number;
}

/** What a worker is started with. */
export interface WorkerSetup {
  readonly memory: WebAssembly.Memory;
  readonly cpu: number;
  readonly cpus: number;
  readonly engine: EngineName;
  /** Says where compiled programs are kept. */
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly options: Pick<CompileOptions, 'checks' | 'profile' | 'fuel'>;
  /** Every program of the machine in the order of loading, and which of them to run. */
  readonly images: readonly ProgramImage[];
  readonly program: number;
  readonly programType: string;
  /** Addresses of the control words of all CPUs, in order. */
  readonly controls: readonly number[];
  readonly rings: readonly SharedRing[];
  readonly shape: RingOptions;
}

/** A fault as it travels between threads. */
export interface FaultMessage {
  readonly slot: number;
  readonly kind: ProgramFault['kind'];
  readonly program: string;
  readonly insn: number;
  readonly address: bigint;
  readonly size: number;
  readonly write: boolean;
  readonly source: ProgramFault['source'];
  readonly message: string;
}

/** What a worker tells. */
export type WorkerMessage =
  | { readonly kind: 'faults'; readonly run: number; readonly faults: readonly FaultMessage[] }
  | { readonly kind: 'counts'; readonly counts: readonly Float64Array[] }
  | { readonly kind: 'trace'; readonly line: string }
  | { readonly kind: 'clone'; readonly ifindex: number };

/** What a worker is told between commands: devices by ifindex, where packets come in. */
export interface WorkerNews {
  readonly devices: readonly (readonly [number, HostDevice])[];
  readonly ingress: readonly { readonly ifindex: number; readonly linkType: number }[];
}
