import { enums, isExtensionMap, mapTypeName } from '../abi/index.ts';

/** bpftool's word for a BPF_MAP_TYPE_* number; undefined for one that nobody has. */
export function mapTypeWord(id: number): string | undefined {
  const isThere = id < enums.bpf_map_type.__MAX_BPF_MAP_TYPE || isExtensionMap(id);
  return isThere ? mapTypeName(id) : undefined;
}
