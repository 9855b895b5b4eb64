import { KernelError } from '../base/index.ts';
import { errnoNumber } from './names.ts';

/** Where a live value is: what any thread that shares memory needs to read it. */
export interface LivePlace {
  readonly memory: WebAssembly.Memory;
  /** Address of its cell (live-cell.ts), and the generation of the cell while it lives. */
  readonly cell: number;
  readonly generation: number;
  /** Bytes of the value. */
  readonly size: number;
}

/** What an owner held is no more: the owner has died. Its errno is ESRCH. */
export class OwnerGone extends KernelError {
  override readonly name = 'OwnerGone';

  /** `owner` in words: 'task 7'. */
  constructor(owner: string) {
    super('ESRCH', errnoNumber('ESRCH')!, `${owner} has died, and its storage with it`);
  }
}
