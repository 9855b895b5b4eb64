import { enums } from '../abi/generated/6.12/enums.ts';

const PREFIX = 'BPF_MAP_TYPE_';
const words = new Map<number, string>();
for (const [name, id] of Object.entries<number>(enums.bpf_map_type)) {
  // Renamed types have two names; bpftool kept the one without this suffix.
  if (!name.startsWith(PREFIX) || name.endsWith('_DEPRECATED')) continue;
  words.set(id, name.slice(PREFIX.length).toLowerCase());
}

/** bpftool's word for a BPF_MAP_TYPE_* number, or undefined. */
export function mapTypeName(id: number): string | undefined {
  return words.get(id);
}
