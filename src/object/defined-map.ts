import type { MapSpec } from './types.ts';

/** A map that a section defines by a variable, and where it is. */
export interface DefinedMap {
  readonly spec: MapSpec;
  readonly section: number;
  readonly offset: number;
  readonly size: number;
  /** BTF id of the struct that defines it (not for legacy maps). */
  readonly structId?: number;
}
