import type { CompileOptions, ProgramFault, ProgramImage } from '../engine/index.ts';
import type { EngineName } from '../machine/index.ts';
import type { HostDevice } from '../runtime/index.ts';

/** Index of the control word that carries commands. */
export const STATE = 0;
/** Index of the words that say what to run: packets, addresses of contexts, results and times. */
export const RING = 1;

/** Values of the control word. The main thread sets one, the worker sets it back to idle. */
export const COMMAND = { idle: 0, run: 1, counts: 2, stop: 3, starting: 4 } as const;

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
  /** Address of the control words. */
  readonly control: number;
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
  | { readonly kind: 'faults'; readonly faults: readonly FaultMessage[] }
  | { readonly kind: 'counts'; readonly counts: readonly Float64Array[] }
  | { readonly kind: 'trace'; readonly line: string }
  | { readonly kind: 'clone'; readonly ifindex: number };

/** What a worker is told between commands: devices by ifindex. */
export type DeviceList = readonly (readonly [number, HostDevice])[];
