import type { Btf } from './btf.ts';

type TagsByTarget = ReadonlyMap<string, readonly string[]>;
const tables = new WeakMap<Btf, TagsByTarget>();

/**
 * Names of the declaration tags with a prefix on a type (`component` -1) or on one of its members
 * or parameters, without the prefix, in the order of their ids. Mirrors btf_find_next_decl_tag.
 */
export function declTags(btf: Btf, type: number, component: number, prefix: string): string[] {
  let table = tables.get(btf);
  if (!table) tables.set(btf, (table = collect(btf)));
  const names = table.get(`${type} ${component}`) ?? [];
  return names.filter((name) => name.startsWith(prefix)).map((name) => name.slice(prefix.length));
}

function collect(btf: Btf): TagsByTarget {
  const table = new Map<string, string[]>();
  for (const tag of btf.types) {
    if (tag.kind !== 'decl_tag') continue;
    const key = `${tag.type} ${tag.component}`;
    const names = table.get(key) ?? [];
    table.set(key, names);
    names.push(tag.name);
  }
  return table;
}
