/** The contract of a kernel: types only. The machine is one implementation, Linux will be the other. */
import type { MapSpec, ObjectFile, ProgramSpec } from '../object/types.ts';

export interface Kernel {
  readonly kind: 'simulated' | 'linux';
  /** BPF_MAP_CREATE. Throws KernelError. */
  createMap(spec: MapSpec, inner?: KernelMap): KernelMap;
  /** BPF_PROG_LOAD. Throws KernelError (and VerifierError once there is a verifier). */
  loadProgram(spec: ProgramSpec, maps: ReadonlyMap<string, KernelMap>, object: ObjectFile): KernelProgram;
}

/** The bpf(2) map commands. Numbers returned are 0 or a negative errno, as the system call does. */
export interface KernelMap {
  readonly id: number;
  readonly spec: MapSpec;
  readonly userValueSize: number;
  lookup(key: Uint8Array, out: Uint8Array): number;
  update(key: Uint8Array, value: Uint8Array, flags?: number): number;
  delete(key: Uint8Array): number;
  lookupAndDelete(key: Uint8Array, out: Uint8Array): number;
  nextKey(key: Uint8Array | undefined, out: Uint8Array): number;
  close(): void;
}

export interface KernelProgram {
  readonly id: number;
  readonly spec: ProgramSpec;
  close(): void;
}
