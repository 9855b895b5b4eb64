import type { HostHelper } from '../types.ts';

/** A helper body in JavaScript and the number of its parameters. */
export interface HostBody {
  readonly arity: number;
  readonly body: HostHelper;
}

/**
 * Bodies in JavaScript, by the helper's name ('bpf_…') or by the kernel's function when there is one
 * body per kind of context. createRuntime finds them here.
 */
export const hostHelpers: ReadonlyMap<string, HostBody> = new Map();
