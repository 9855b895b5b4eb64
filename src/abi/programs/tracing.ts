import { BPF_PROG_TYPE_TRACING } from '../generated/6.12/constants.ts';
import type { ProgramTypeDef } from '../types.ts';

/** Programs at functions of the kernel and at iterators: the context is 64-bit arguments. */
export const tracing: ProgramTypeDef = {
  name: 'tracing',
  id: BPF_PROG_TYPE_TRACING,
  context: { struct: 'void', size: 96, allocated: 96, fields: [] },
};
