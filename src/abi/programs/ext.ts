import { BPF_PROG_TYPE_EXT } from '../generated/6.12/constants.ts';
import type { ProgramTypeDef } from '../types.ts';

/** Takes the place of a function of another program: its arguments are those of that. */
export const ext: ProgramTypeDef = {
  name: 'ext',
  id: BPF_PROG_TYPE_EXT,
  context: { struct: '', size: 0, allocated: 0, fields: [] },
};
