import type { Cursor } from './cursor.ts';
import { FORM } from './names.ts';
import type { AttributeValue } from './types.ts';
import type { UnitReader } from './unit.ts';

const number = (value: number | bigint): AttributeValue => ({ kind: 'number', value });
const block = (value: Uint8Array): AttributeValue => ({ kind: 'block', value });

type ReadForm = (cursor: Cursor, unit: UnitReader, constant: bigint) => AttributeValue;

const text = (cursor: Cursor): AttributeValue => ({ kind: 'string', value: cursor.string() });
const flag = (value: boolean): AttributeValue => ({ kind: 'flag', value });
const plain =
  (size: number): ReadForm =>
  (cursor) =>
    number(cursor.unsigned(size));
const near =
  (read: (cursor: Cursor) => number): ReadForm =>
  (cursor, unit) => ({ kind: 'reference', value: unit.offset + read(cursor) });
const stringAt =
  (read: (cursor: Cursor) => number): ReadForm =>
  (cursor, unit) => ({ kind: 'string', value: unit.stringOfIndex(read(cursor)) });
const addressAt =
  (read: (cursor: Cursor) => number): ReadForm =>
  (cursor, unit) => ({ kind: 'address', value: unit.addressOfIndex(read(cursor)) });
const listAt: ReadForm = (cursor) => ({ kind: 'offset', value: cursor.uleb(), indexed: true });
const blockOf =
  (read: (cursor: Cursor) => number): ReadForm =>
  (cursor) =>
    block(cursor.bytes(read(cursor)));
const stringOf =
  (section: 'str' | 'line_str'): ReadForm =>
  (cursor, unit) => ({
    kind: 'string',
    value: unit.string(section, cursor.unsigned(unit.offsetSize)),
  });

const sized = (size: number) => (cursor: Cursor) => cursor.unsigned(size);
const leb = (cursor: Cursor) => cursor.uleb();

/** One entry for each form of a compilation; those of supplementary files are left out. */
export const FORMS: Readonly<Record<number, ReadForm>> = {
  [FORM.addr]: (cursor, { addressSize }) => ({
    kind: 'address',
    value: cursor.unsigned(addressSize),
  }),
  [FORM.addrx]: addressAt(leb),
  [FORM.addrx1]: addressAt(sized(1)),
  [FORM.addrx2]: addressAt(sized(2)),
  [FORM.addrx3]: addressAt(sized(3)),
  [FORM.addrx4]: addressAt(sized(4)),
  [FORM.block]: blockOf(leb),
  [FORM.block1]: blockOf(sized(1)),
  [FORM.block2]: blockOf(sized(2)),
  [FORM.block4]: blockOf(sized(4)),
  [FORM.exprloc]: blockOf(leb),
  [FORM.data1]: plain(1),
  [FORM.data2]: plain(2),
  [FORM.data4]: plain(4),
  [FORM.data8]: (cursor) => number(cursor.u64()),
  [FORM.data16]: (cursor) => block(cursor.bytes(16)),
  [FORM.sdata]: (cursor) => number(cursor.sleb()),
  [FORM.udata]: (cursor) => number(cursor.uleb64()),
  [FORM.implicitConst]: (_, __, constant) => number(constant),
  [FORM.flag]: (cursor) => flag(cursor.u8() !== 0),
  [FORM.flagPresent]: () => flag(true),
  [FORM.string]: text,
  [FORM.strp]: stringOf('str'),
  [FORM.lineStrp]: stringOf('line_str'),
  [FORM.strx]: stringAt(leb),
  [FORM.strx1]: stringAt(sized(1)),
  [FORM.strx2]: stringAt(sized(2)),
  [FORM.strx3]: stringAt(sized(3)),
  [FORM.strx4]: stringAt(sized(4)),
  [FORM.ref1]: near(sized(1)),
  [FORM.ref2]: near(sized(2)),
  [FORM.ref4]: near(sized(4)),
  [FORM.ref8]: near(sized(8)),
  [FORM.refUdata]: near(leb),
  [FORM.refAddr]: (cursor, { offsetSize }) => ({
    kind: 'reference',
    value: cursor.unsigned(offsetSize),
  }),
  // The unit with this signature is not looked for: the type stays unknown.
  [FORM.refSig8]: (cursor) => block(cursor.bytes(8)),
  [FORM.secOffset]: (cursor, { offsetSize }) => ({
    kind: 'offset',
    value: cursor.unsigned(offsetSize),
    indexed: false,
  }),
  [FORM.loclistx]: listAt,
  [FORM.rnglistx]: listAt,
};
