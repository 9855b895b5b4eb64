import type { Btf, BtfType } from '../btf/index.ts';
import type { ElfFile } from '../elf/index.ts';

/**
 * Subprograms that are hidden from other objects are static to Linux, whatever the compiler wrote
 * into BTF: they are then verified where they are called. libbpf says so in the BTF it loads.
 */
export function markHiddenFunctions(btf: Btf, elf: ElfFile): Btf {
  const text = elf.sections.find(({ name }) => name === '.text')?.index;
  const functions = elf.symbols.filter(({ type, section }) => type === 'function' && section !== 0);
  if (text === undefined || functions.length < 2) return btf;
  const hidden = new Set<string>();
  for (const { name, section, binding, visibility } of functions) {
    const invisible = visibility === 'hidden' || visibility === 'internal';
    if (section === text && binding !== 'local' && invisible) hidden.add(name);
  }
  if (hidden.size === 0) return btf;
  const changed = new Map<number, BtfType>();
  for (const type of btf.types) {
    if (type.kind !== 'func' || type.linkage !== 'global' || !hidden.has(type.name)) continue;
    changed.set(type.id, { ...type, linkage: 'static' });
  }
  return changed.size > 0 ? btf.replace(changed) : btf;
}
