import type { Cursor } from './cursor.ts';
import type { Address, AddressRange, AttributeValue, Entry } from './types.ts';
import type { UnitReader } from './unit.ts';

/** Kinds of entries in lists of DWARF 5 (DW_LLE_*, DW_RLE_*), which differ in the last four. */
type ListKind = (typeof LOCATIONS)[number];
const LOCATIONS = [
  'end',
  'base index',
  'indexes',
  'index, length',
  'offsets',
  'default',
  'base',
  'addresses',
  'address, length',
] as const;
const RANGES = LOCATIONS.filter((kind) => kind !== 'default');

/** A range, and the expression that holds there; without range: everywhere else. */
interface Located {
  readonly range: AddressRange | undefined;
  readonly expression: Uint8Array;
}

const readerOf = ({ unit }: Entry): UnitReader => unit as UnitReader;

/** Where the code of an entry is; empty: it has none. Throws FormatError. */
export function rangesOf(entry: Entry): AddressRange[] {
  const { attributes } = entry;
  const ranges = attributes.get('ranges');
  if (ranges) return [...listedRanges(entry, ranges)];
  const start = attributes.get('low_pc');
  const end = attributes.get('high_pc');
  if (start?.kind !== 'address' || !end) return [];
  if (end.kind === 'address') return [{ start: start.value, end: end.value }];
  if (end.kind !== 'number') return [];
  return [{ start: start.value, end: start.value + Number(end.value) }];
}

/** The expression that says where an entry is when `address` comes next. Throws FormatError. */
export function expressionAt(
  entry: Entry,
  attribute: 'location' | 'frame_base',
  address: Address,
): Uint8Array | undefined {
  const found = entry.attributes.get(attribute);
  if (found?.kind === 'block') return found.value;
  if (found?.kind !== 'offset') return undefined;
  let otherwise: Uint8Array | undefined;
  for (const { range, expression } of locations(entry, found)) {
    if (!range) otherwise = expression;
    else if (address >= range.start && address < range.end) return expression;
  }
  return otherwise;
}

function baseOf(unit: UnitReader): Address {
  const low = unit.root.attributes.get('low_pc');
  return low?.kind === 'address' ? low.value : 0;
}

type Offset = AttributeValue & { kind: 'offset' };

function cursorAt(entry: Entry, { value, indexed }: Offset, names: readonly [New, Old]): Cursor {
  const unit = readerOf(entry);
  const [now, before] = names;
  if (unit.version === 4) return unit.sections.cursor(before, value);
  return unit.sections.cursor(now, indexed ? unit.listOfIndex(now, value) : value);
}

type New = 'loclists' | 'rnglists';
type Old = 'loc' | 'ranges';

function* listedRanges(entry: Entry, value: AttributeValue): Generator<AddressRange> {
  if (value.kind !== 'offset') return;
  const unit = readerOf(entry);
  const cursor = cursorAt(entry, value, ['rnglists', 'ranges']);
  const list = unit.version === 4 ? pairs(cursor, unit) : entries(cursor, unit, RANGES);
  for (const range of list) if (range) yield range;
}

function* locations(entry: Entry, value: Offset): Generator<Located> {
  const unit = readerOf(entry);
  const cursor = cursorAt(entry, value, ['loclists', 'loc']);
  if (unit.version === 4) {
    for (const range of pairs(cursor, unit)) {
      yield { range, expression: cursor.bytes(cursor.unsigned(2)) };
    }
    return;
  }
  for (const range of entries(cursor, unit, LOCATIONS)) {
    yield { range, expression: cursor.bytes(cursor.uleb()) };
  }
}

/** A list of DWARF 4; what follows a range is for the caller to read. */
function* pairs(cursor: Cursor, unit: UnitReader): Generator<AddressRange> {
  const { addressSize } = unit;
  const selects = 2n ** BigInt(8 * addressSize) - 1n;
  const word = () => (addressSize === 8 ? cursor.u64() : BigInt(cursor.unsigned(addressSize)));
  let base = baseOf(unit);
  for (;;) {
    const [start, end] = [word(), word()];
    if (start === 0n && end === 0n) return;
    if (start === selects) base = Number(end);
    else yield { start: base + Number(start), end: base + Number(end) };
  }
}

/** A list of DWARF 5; undefined: what holds elsewhere. */
function* entries(
  cursor: Cursor,
  unit: UnitReader,
  kinds: readonly ListKind[],
): Generator<AddressRange | undefined> {
  let base = baseOf(unit);
  const address = () => cursor.unsigned(unit.addressSize);
  const indexed = () => unit.addressOfIndex(cursor.uleb());
  for (;;) {
    const code = cursor.u8();
    const kind = kinds[code];
    switch (kind) {
      case 'end':
        return;
      case 'base index':
        base = indexed();
        break;
      case 'base':
        base = address();
        break;
      case 'default':
        yield undefined;
        break;
      case 'indexes':
        yield { start: indexed(), end: indexed() };
        break;
      case 'addresses':
        yield { start: address(), end: address() };
        break;
      case 'offsets':
        yield { start: base + cursor.uleb(), end: base + cursor.uleb() };
        break;
      case 'index, length':
        yield ofLength(indexed(), cursor.uleb());
        break;
      case 'address, length':
        yield ofLength(address(), cursor.uleb());
        break;
      default:
        cursor.fail(`entry ${code} in a list`);
    }
  }
}

const ofLength = (start: Address, length: number): AddressRange => ({ start, end: start + length });
