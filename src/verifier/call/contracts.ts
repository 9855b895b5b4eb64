import { BugError } from '../../base/index.ts';
import type { CallContract } from '../../abi/index.ts';
import type { VerifierEnv } from '../env.ts';

/** A helper's contract in the form the walk checks it by (struct bpf_func_proto). */
export interface HelperPrototype {
  readonly contract: CallContract;
  readonly id: number;
  /** 'bpf_map_lookup_elem' without the prefix: 'map_lookup_elem'. */
  readonly name: string;
  readonly gplOnly: boolean;
  readonly mightSleep: boolean;
  readonly packetAccess: boolean;
  readonly fastcall: boolean;
  /** ARG_* with flags; the unused ones are ARG_DONTCARE. */
  readonly argTypes: readonly [number, number, number, number, number];
  /** Type ids in the kernel's BTF, 0 for none. */
  readonly argBtfIds: readonly number[];
  /** Bytes of arguments of fixed size, else 0. */
  readonly argSizes: readonly number[];
  /** RET_* with flags. */
  readonly retType: number;
  readonly retBtfId: number;
}

/** The prototype of helper `id` for this program, or undefined if it may not call it. */
export function helperPrototype(_env: VerifierEnv, _id: number): HelperPrototype | undefined {
  throw new BugError('not written yet');
}
