/** What a kernel that models its allocator tells of it. */
import type { ChoicePoint, MemoryReport } from '../abi/memory.ts';
import type { SourceLine } from '../object/types.ts';

/** Where something happened: at a call of a program, or in a command of bpf(2). */
export interface MemoryPlace {
  /** Name of the program; undefined: bpf(2). */
  readonly program: string | undefined;
  readonly insn: number;
  readonly source: SourceLine | undefined;
}

/** An element or object was handed out again while the reader that had got it was still there. */
export interface ReuseEvent {
  /** The map or type of objects, and the address of the element. */
  readonly name: string;
  readonly kind: 'map' | 'percpu' | 'object';
  readonly address: number;
  readonly obtained: MemoryPlace;
  readonly freed: MemoryPlace;
  readonly reused: MemoryPlace;
}

/** An allocation failed. */
export interface AllocationFailure {
  readonly name: string;
  readonly kind: 'map' | 'percpu' | 'object';
  /** Bytes it would have taken. */
  readonly size: number;
  /** Its number among all allocations, from 1. */
  readonly request: number;
  readonly reason: 'injected' | 'limit' | 'no memory';
  readonly at: MemoryPlace;
}

/** The model of a kernel's memory for BPF, seen from outside. */
export interface KernelMemory {
  /** In the order they happened. */
  readonly reuses: readonly ReuseEvent[];
  readonly failures: readonly AllocationFailure[];
  /** Events that were not kept: more than ten thousand, or too many at once. */
  readonly lost: number;
  /** With a list of choices as policy: how many were asked for, and what they were about. */
  readonly choices: { readonly asked: number; readonly points: readonly ChoicePoint[] };
  /** Usage by map and type of objects. */
  report(): MemoryReport;
  /** Keeps grace periods from ending until the result is disposed of: for those who hold a view. */
  hold(): Disposable;
}
