/** Names that C programs and libbpf know the parts of an object by. */

/** The four sections whose maps belong to libbpf, in the order it looks for them in a name. */
const INTERNAL = ['.data', '.rodata', '.bss', '.kconfig'];
/** BPF_OBJ_NAME_LEN, the final zero not counted. */
const MAP_NAME_LENGTH = 15;
/** Room libbpf keeps for the section's name at least. */
const SUFFIX_LENGTH = 7;
/** bpftool's limit, the final zero not counted. */
const OBJECT_NAME_LENGTH = 63;

/** A name with everything C does not allow in identifiers made an underscore. */
export const asIdentifier = (name: string): string => name.replace(/[^A-Za-z0-9_]/g, '_');

/** The name of a skeleton by default: 'net.bpf.o' → 'net_bpf'. */
export function skeletonName(file: string): string {
  const base = file.slice(file.lastIndexOf('/') + 1).slice(0, OBJECT_NAME_LENGTH);
  return asIdentifier(base.replace(/\.o$/, ''));
}

/** '.rodata.str1.1' → 'rodata_str1_1'; undefined for a section that has no member. */
export function sectionIdentifier(section: string): string | undefined {
  if (section === '.addr_space.1') return 'arena';
  const known = INTERNAL.some((prefix) => section.startsWith(prefix));
  return known ? asIdentifier(section.slice(1)) : undefined;
}

/** The member of a data section's map, by the name libbpf gives that map. */
export function internalIdentifier(name: string): string | undefined {
  for (const suffix of INTERNAL) {
    const at = name.indexOf(suffix);
    if (at >= 0) return asIdentifier(name.slice(at + 1));
  }
  return undefined;
}

/**
 * What `bpf_map__name` says of the map of a data section: 'net.rodata' and 'net.bss' (with as much
 * of the object's name as fits 15 characters), sections with a name of their own as they are.
 */
export function internalMapName(object: string, section: string): string {
  const isCustom = section.indexOf('.', 1) > 0;
  if (isCustom && /^\.(ro)?data\./.test(section)) return section;
  const suffix = Math.min(Math.max(SUFFIX_LENGTH, section.length), MAP_NAME_LENGTH);
  const prefix = isCustom ? '' : object.slice(0, MAP_NAME_LENGTH - suffix);
  return `${prefix}${section}`.slice(0, MAP_NAME_LENGTH).replace(/[^A-Za-z0-9_.]/g, '_');
}
