import { linkObjects, type ObjectFile } from '../../src/object/index.ts';
import { fixture } from '../fixtures/read.ts';

/** Inputs for the linker from tests/fixtures/link: linkInputs('app', 'library'). */
export const linkInputs = (...names: string[]) =>
  names.map((name) => {
    const file = name.includes('.') ? name : `${name}.bpf.o`;
    return { name: file, bytes: fixture(`link/${file}`) };
  });

/** What they give when they are linked. */
export const linked = (...names: string[]): Uint8Array => linkObjects(linkInputs(...names));

/** Numbers of types: linking gives them anew. */
const TYPE_IDS = new Set(['btfId', 'keyTypeId', 'valueTypeId']);

/** All that a kernel gets of an object, as text, but for the numbers of types. */
export function loadedParts({ programs, maps, externs, license, version }: ObjectFile): string {
  const parts = {
    license,
    version,
    programs: programs.map((program) => ({
      ...program,
      coreRelocations: program.coreRelocations.map(({ insn, access, kind }) => [
        insn,
        access,
        kind,
      ]),
    })),
    maps,
    externs: externs.map(({ name, kind, weak }) => [name, kind, weak]),
  };
  return JSON.stringify(parts, (key, value: unknown) => {
    if (TYPE_IDS.has(key)) return undefined;
    if (typeof value === 'bigint') return String(value);
    return value instanceof Uint8Array ? Buffer.from(value).toString('hex') : value;
  });
}
