import { extensionMapTypes } from '../extensions.ts';
import type { MapTypeDef } from '../types.ts';
import { U32_MAX } from './_flags.ts';

/** struct bpf_insn_array_value: orig_off, xlated_off, jitted_off and padding. */
const VALUE_SIZE = 16;

/** An extension (Linux 6.19 has the type): where a program's instructions are once it is loaded. */
export const insnArray: MapTypeDef = {
  name: 'insn_array',
  id: extensionMapTypes.BPF_MAP_TYPE_INSN_ARRAY,
  runtime: 'array',
  flags: 0,
  keySize: 4,
  valueSize: VALUE_SIZE,
  maxEntries: { min: 1, max: U32_MAX },
  insnArray: true,
};
