import type { ByteReader } from '../base/index.ts';
import { FormatError } from '../base/index.ts';
import type { ElfSection } from './types.ts';

/** String at `offset` of a string table section. */
export function stringAt(
  reader: ByteReader,
  table: Pick<ElfSection, 'offset' | 'data'>,
  offset: number,
  what: string,
): string {
  return reader.cString(table.offset + offset, table.offset + table.data.length, what);
}

/** Throws a `FormatError` that points into a section. */
export function failIn(section: ElfSection, offset: number, reason: string): never {
  throw new FormatError('ELF', section.offset + offset, `${section.name}: ${reason}`);
}
