/** What stands in /proc/kallsyms for libbpf: the addresses our relocation makes up. */
import { readFileSync } from 'node:fs';

/**
 * [name, address] of every symbol without type that one of the objects needs. Real addresses differ
 * from boot to boot, so only that both put in the same one can be compared.
 */
export function symbolsOf({ parseObject, profile, symbolAddress }, paths) {
  const found = new Map();
  for (const path of paths) {
    for (const spec of externsOf(parseObject, path)) {
      const address = symbolAddress(spec, profile);
      if (address !== undefined) found.set(spec.name, address);
    }
  }
  return [...found];
}

function externsOf(parseObject, path) {
  try {
    const { externs, btf } = parseObject(readFileSync(path));
    return externs.filter(({ kind, typeId }) => {
      const type = kind === 'ksym_variable' ? btf.type(typeId) : undefined;
      return type?.kind === 'var' && btf.resolve(type.type) === 0;
    });
  } catch {
    return [];
  }
}
