import { BPF_PROG_TYPE_SYSCALL } from '../generated/6.12/constants.ts';
import type { ProgramTypeDef } from '../types.ts';

/** Programs that run when BPF_PROG_TEST_RUN says so, on bytes of the caller's choice. */
export const syscall: ProgramTypeDef = {
  name: 'syscall',
  id: BPF_PROG_TYPE_SYSCALL,
  context: { struct: 'void', size: 0xffff, allocated: 0x10000, fields: [] },
};
