import { defineMessages } from './message.ts';

/** Values of maps and their special fields. */
export const mapMessages = defineMessages('map', {
  write_forbidden: (valueSize: number, off: number, size: number) =>
    `write into map forbidden, value_size=${valueSize} off=${off} size=${size}`,
  read_forbidden: (valueSize: number, off: number, size: number) =>
    `read from map forbidden, value_size=${valueSize} off=${off} size=${size}`,
  kptr_by_helper: (kind: string) => `${kind} cannot be accessed indirectly by helper`,
  kptr_variable_offset: (kind: string) => `${kind} access cannot have variable offset`,
  kptr_misaligned: (kind: string, expected: number, off: string) =>
    `${kind} access misaligned expected=${expected} off=${off}`,
  kptr_size: (kind: string) => `${kind} access size must be BPF_DW`,
  kptr_mode: () => 'kptr in map can only be accessed using BPF_MEM instruction mode',
  kptr_store: () => 'store to referenced kptr disallowed',
  uptr_store: () => 'store to uptr disallowed',
  kptr_store_imm: (off: number) => `BPF_ST imm must be 0 when storing to kptr at off=${off}`,
  kptr_class: () => 'kptr in map can only be accessed using BPF_LDX/BPF_STX/BPF_ST',
  kptr_type: (reg: number, type: string, expected: string) =>
    `invalid kptr access, R${reg} type=${type} expected=${expected}`,
  special_field: (field: string) => `${field} cannot be accessed directly by load/store`,
  pointer_access: (type: number) => `map_ptr access not supported for map type ${type}`,
});
