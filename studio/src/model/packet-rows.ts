/** A packet as rows: its headers, and under each its fields. */
import { dissect } from 'beeyard/packet';
import type { ByteRange } from './look.ts';

export interface PacketTreeRow extends ByteRange {
  /** 0: a header; 1: a field of it. */
  readonly depth: 0 | 1;
  readonly name: string;
  readonly text: string;
}

/** Bytes that a field is in, from the packet's start. */
export function packetRows(bytes: Uint8Array): PacketTreeRow[] {
  return dissect(bytes).flatMap(({ protocol, start, end, fields, problems, options }) => {
    const words = [`${end - start} bytes`, ...(options ? [options] : []), ...problems];
    const header: PacketTreeRow = {
      depth: 0,
      name: protocol,
      text: words.join(' · '),
      at: start,
      length: end - start,
    };
    const rows = fields.map(({ name, text, bit, bits }): PacketTreeRow => {
      const at = bit >> 3;
      return { depth: 1, name, text, at, length: Math.max(1, ((bit + bits + 7) >> 3) - at) };
    });
    return [header, ...rows];
  });
}

/** The row of selected bytes: that which was chosen last, if it has them; the same range, else the first field or header they are in. */
export function rowOfBytes(
  rows: readonly PacketTreeRow[],
  bytes: ByteRange | undefined,
  chosen = -1,
): number {
  if (!bytes) return -1;
  const { at, length } = bytes;
  const isSame = (row: ByteRange | undefined) => row?.at === at && row.length === length;
  if (isSame(rows[chosen])) return chosen;
  const same = rows.findIndex(isSame);
  if (same >= 0) return same;
  const around = (row: ByteRange) => row.at <= at && at + length <= row.at + row.length;
  const field = rows.findIndex((row) => row.depth === 1 && around(row));
  return field >= 0 ? field : rows.findIndex(around);
}
