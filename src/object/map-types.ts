import { enums, mapTypeName } from '../abi/index.ts';

/** bpftool's word for a BPF_MAP_TYPE_* number, or undefined for one Linux 6.12 does not have. */
export function mapTypeWord(id: number): string | undefined {
  return id < enums.bpf_map_type.__MAX_BPF_MAP_TYPE ? mapTypeName(id) : undefined;
}
