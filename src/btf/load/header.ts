import { BTF_MAGIC, HEADER_SIZE } from '../parse.ts';
import { Names, Refused } from './raw.ts';

/** 16 MiB of types are enough for everyone (BTF_MAX_SIZE, BTF_MAX_NAME_OFFSET). */
const MAX_SIZE = 16 << 20;
const MAX_NAME_OFFSET = 0xff_ffff;

/** The sections of BTF whose header the kernel takes. */
export interface Sections {
  readonly types: DataView;
  readonly names: Names;
}

/** Checks the header, that the two sections fill what is behind it, and the string section. */
export function readSections(bytes: Uint8Array): Sections {
  if (bytes.length > MAX_SIZE) throw new Refused('larger than BTF_MAX_SIZE', 'E2BIG');
  if (bytes.length < 8) throw new Refused('hdr_len not found');
  const header = new Uint8Array(HEADER_SIZE);
  const length = new DataView(bytes.buffer, bytes.byteOffset).getUint32(4, true);
  if (bytes.length < length) throw new Refused('btf_header not found');
  if (bytes.subarray(HEADER_SIZE, length).some((byte) => byte !== 0)) {
    throw new Refused('Unsupported btf_header', 'E2BIG');
  }
  // What a shorter header does not have is zero.
  header.set(bytes.subarray(0, Math.min(length, HEADER_SIZE)));
  const view = new DataView(header.buffer);
  if (view.getUint16(0, true) !== BTF_MAGIC) throw new Refused('Invalid magic');
  if (view.getUint8(2) !== 1) throw new Refused('Unsupported version', 'ENOTSUPP');
  if (view.getUint8(3) !== 0) throw new Refused('Unsupported flags', 'ENOTSUPP');
  const data = bytes.subarray(length);
  if (data.length === 0) throw new Refused('No data');
  const section = (field: number): Section => ({
    offset: view.getUint32(field, true),
    length: view.getUint32(field + 4, true),
  });
  return readParts(data, section(8), section(16));
}

interface Section {
  readonly offset: number;
  readonly length: number;
}

function readParts(data: Uint8Array, types: Section, strings: Section): Sections {
  checkCoverage(data.length, [types, strings]);
  const text = data.subarray(strings.offset, strings.offset + strings.length);
  if (strings.offset + strings.length !== data.length) {
    throw new Refused('String section is not at the end');
  }
  const invalid =
    text.length === 0 || text.length - 1 > MAX_NAME_OFFSET || text[text.length - 1] || text[0];
  if (invalid) throw new Refused('Invalid string section');
  if (types.offset % 4 !== 0) throw new Refused('Unaligned type_off');
  if (types.length === 0) throw new Refused('No type found');
  const view = new DataView(data.buffer, data.byteOffset + types.offset, types.length);
  return { types: view, names: new Names(text) };
}

/** The sections must follow each other from the start to the end, in either order. */
function checkCoverage(size: number, sections: readonly Section[]): void {
  let total = 0;
  for (const { offset, length } of sections.toSorted(
    (a, b) => a.offset - b.offset || a.length - b.length,
  )) {
    if (size < offset) throw new Refused('Invalid section offset');
    if (total < offset) throw new Refused('Unsupported section found');
    if (total > offset) throw new Refused('Section overlap found');
    if (size - total < length) throw new Refused('Total section length too long');
    total += length;
  }
  if (size !== total) throw new Refused('Unsupported section found');
}
