import { KINDS } from '../read-type.ts';
import type { BtfKind } from '../types.ts';
import type { Sections } from './header.ts';
import { type Names, type RawRecord, Refused } from './raw.ts';
import { checkRecord } from './record-rules.ts';
import { headText } from './text.ts';

const HEAD_SIZE = 12;
/** Bits of `info` that mean something (BTF_INFO_MASK). */
const KNOWN_INFO = 0x9f00ffff;
const MAX_NAME_OFFSET = 0xff_ffff;

/** Bytes behind the head: some, or some for each item. */
const FIXED: Partial<Record<BtfKind, number>> = { int: 4, array: 12, var: 4, decl_tag: 4 };
const EACH: Partial<Record<BtfKind, number>> = {
  struct: 12,
  union: 12,
  enum: 8,
  enum64: 12,
  func_proto: 8,
  datasec: 12,
};

/** What `void` is as a record: it has none. */
const VOID: RawRecord = {
  id: 0,
  kind: 'void',
  nameOffset: 0,
  vlen: 0,
  flag: false,
  value: 0,
  extra: new Uint32Array(0),
};

/** All records, each checked for itself (btf_check_all_metas); `void` is the first. */
export function readRecords({ types, names }: Sections): RawRecord[] {
  const records = [VOID];
  for (let at = 0; at < types.byteLength; ) {
    const record = readRecord(types, at, records.length, names);
    checkRecord(record, names);
    records.push(record);
    at += HEAD_SIZE + record.extra.byteLength;
  }
  return records;
}

function readRecord(view: DataView, at: number, id: number, names: Names): RawRecord {
  const left = view.byteLength - at;
  if (left < HEAD_SIZE) throw new Refused(`[${id}] meta_left:${left} meta_needed:${HEAD_SIZE}`);
  const [nameOffset, info, value] = [0, 4, 8].map((field) => view.getUint32(at + field, true));
  if ((info! & ~KNOWN_INFO) !== 0) {
    throw new Refused(`[${id}] Invalid btf_info:${info!.toString(16)}`);
  }
  const number = (info! >>> 24) & 0x1f;
  const kind = KINDS[number];
  if (!kind || kind === 'void') throw new Refused(`[${id}] Invalid kind:${number}`);
  if (nameOffset! > MAX_NAME_OFFSET || !names.has(nameOffset!)) {
    throw new Refused(`[${id}] Invalid name_offset:${nameOffset}`);
  }
  const vlen = info! & 0xffff;
  const head = { id, kind, nameOffset: nameOffset!, vlen, flag: info! >>> 31 === 1, value: value! };
  const needed = FIXED[kind] ?? (EACH[kind] ?? 0) * vlen;
  const extra = new Uint32Array(needed / 4);
  if (left - HEAD_SIZE < needed) {
    const text = headText({ ...head, extra }, names);
    throw new Refused(`${text} meta_left:${left - HEAD_SIZE} meta_needed:${needed}`);
  }
  for (let i = 0; i < extra.length; i++) extra[i] = view.getUint32(at + HEAD_SIZE + 4 * i, true);
  return { ...head, extra };
}
