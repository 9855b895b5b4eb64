import { membersOf, type Names, type RawRecord, Refused } from './raw.ts';
import { memberText, typeText } from './text.ts';

const MAX_TYPE = 0xf_ffff;
const MAX_NAME_OFFSET = 0xff_ffff;

/** What a record must be, whatever it refers to (the check_meta of each kind). */
export function checkRecord(record: RawRecord, names: Names): void {
  const refuse = (reason: string, code?: 'ENOTSUPP'): never => {
    throw new Refused(`${typeText(record, names)} ${reason}`, code);
  };
  const rules = RULES[record.kind] ?? [];
  for (const rule of rules) {
    const reason = rule(record, names);
    if (reason) refuse(reason, reason === UNSUPPORTED_ENCODING ? 'ENOTSUPP' : undefined);
  }
  if (record.kind === 'struct' || record.kind === 'union') checkMembers(record, names);
  if (record.kind === 'datasec') checkVariables(record, names);
}

/** What is wrong, or nothing. */
type Rule = (record: RawRecord, names: Names) => string | false | undefined;

const UNSUPPORTED_ENCODING = 'Unsupported encoding';
const KNOWN_INT = 0x0fff_ffff;
const ENUM_SIZES = [1, 2, 4, 8];
const FLOAT_SIZES = [2, 4, 8, 12, 16];

const noItems: Rule = ({ vlen }) => vlen !== 0 && 'vlen != 0';
const noFlag: Rule = ({ flag }) => flag && 'Invalid btf_info kind_flag';
const noName: Rule = ({ nameOffset }) => nameOffset !== 0 && 'Invalid name';
const aName: Rule = ({ nameOffset }, names) =>
  (nameOffset === 0 || !names.isIdentifier(nameOffset)) && 'Invalid name';
const perhapsAName: Rule = ({ nameOffset }, names) =>
  nameOffset !== 0 && !names.isIdentifier(nameOffset) && 'Invalid name';
const someText =
  (reason: string): Rule =>
  ({ nameOffset }, names) =>
    names.at(nameOffset).length === 0 && reason;
const validType: Rule = ({ value }) => value > MAX_TYPE && 'Invalid type_id';
const realType: Rule = ({ value }) => (value === 0 || value > MAX_TYPE) && 'Invalid type_id';
const enumSize: Rule = ({ value }) => !ENUM_SIZES.includes(value) && 'Unexpected size';

const intWord: Rule = ({ extra, value: size }) => {
  const word = extra[0]!;
  if ((word & ~KNOWN_INT) !== 0) return `Invalid int_data:${word.toString(16)}`;
  const bits = (word & 0xff) + ((word >>> 16) & 0xff);
  if (bits > 128) return 'nr_bits exceeds 128';
  if (Math.ceil(bits / 8) > size) return 'nr_bits exceeds type_size';
  return ![0, 1, 2, 4].includes(word >>> 24) && UNSUPPORTED_ENCODING;
};

const enumNames: Rule = ({ kind, extra, vlen }, names) => {
  const words = kind === 'enum' ? 2 : 3;
  for (let i = 0; i < vlen; i++) {
    const offset = extra[words * i]!;
    if (offset > MAX_NAME_OFFSET || !names.has(offset)) return `Invalid name_offset:${offset}`;
    if (offset === 0 || !names.isIdentifier(offset)) return 'Invalid name';
  }
  return undefined;
};

const isReal = (id: number): boolean => id !== 0 && id <= MAX_TYPE;

const plainReference = [noItems, noFlag, validType, noName];
const composite = [perhapsAName];
const enumeration = [enumSize, perhapsAName, enumNames];

const RULES: Partial<Record<RawRecord['kind'], readonly Rule[]>> = {
  int: [noItems, noFlag, intWord],
  ptr: plainReference,
  volatile: plainReference,
  const: plainReference,
  restrict: plainReference,
  typedef: [noItems, noFlag, validType, aName],
  type_tag: [noItems, noFlag, validType, someText('Invalid name')],
  array: [
    noName,
    noItems,
    noFlag,
    ({ value }) => value !== 0 && 'size != 0',
    ({ extra }) => !isReal(extra[0]!) && 'Invalid elem',
    ({ extra }) => !isReal(extra[1]!) && 'Invalid index',
  ],
  struct: composite,
  union: composite,
  enum: enumeration,
  enum64: enumeration,
  fwd: [noItems, ({ value }) => value !== 0 && 'type != 0', aName],
  func: [aName, ({ vlen }) => vlen > 1 && 'Invalid func linkage', noFlag],
  func_proto: [noName, noFlag],
  var: [noItems, noFlag, aName, realType, ({ extra }) => extra[0]! > 1 && 'Linkage not supported'],
  datasec: [
    ({ value }) => value === 0 && 'size == 0',
    noFlag,
    ({ nameOffset }, names) => (nameOffset === 0 || !names.isSection(nameOffset)) && 'Invalid name',
  ],
  float: [noItems, noFlag, ({ value }) => !FLOAT_SIZES.includes(value) && 'Invalid type_size'],
  decl_tag: [
    someText('Invalid value'),
    noItems,
    noFlag,
    ({ extra }) => (extra[0]! | 0) < -1 && 'Invalid component_idx',
  ],
};

/** Members have names or none, stand in their order, and start inside. */
function checkMembers(record: RawRecord, names: Names): void {
  let last = 0;
  for (const member of membersOf(record)) {
    const { nameOffset, type, bitOffset } = member;
    const refuse = (reason: string): never => {
      throw new Refused(`${memberText(record, member, names)} ${reason}`);
    };
    if (nameOffset > MAX_NAME_OFFSET || !names.has(nameOffset)) {
      refuse(`Invalid member name_offset:${nameOffset}`);
    }
    if (nameOffset !== 0 && !names.isIdentifier(nameOffset)) refuse('Invalid name');
    if (!isReal(type)) refuse('Invalid type_id');
    if ((record.kind === 'union' && bitOffset !== 0) || last > bitOffset) {
      refuse('Invalid member bits_offset');
    }
    if (Math.ceil(bitOffset / 8) > record.value) {
      refuse('Member bits_offset exceeds its struct size');
    }
    last = bitOffset;
  }
}

/** Variables stand one behind the other inside of their section. */
function checkVariables(record: RawRecord, names: Names): void {
  const { vlen, extra, value: size } = record;
  let end = 0;
  let sum = 0;
  for (let i = 0; i < vlen; i++) {
    const [type, offset, length] = [extra[3 * i]!, extra[3 * i + 1]!, extra[3 * i + 2]!];
    const refuse = (reason: string): never => {
      throw new Refused(variableText(record, i, names) + reason);
    };
    if (!isReal(type)) refuse('Invalid type_id');
    if (offset < end || offset >= size) refuse('Invalid offset');
    if (length === 0 || length > size) refuse('Invalid size');
    // The kernel adds them in 32 bits.
    end = (offset + length) >>> 0;
    sum += length;
    if (end > size) refuse('Invalid offset+size');
  }
  if (sum > size) throw new Refused(`${typeText(record, names)} Invalid btf_info size`);
}

/** A section's line and that of one of its variables, before what is wrong with it. */
export function variableText(record: RawRecord, index: number, names: Names): string {
  const [type, offset, size] = record.extra.subarray(3 * index, 3 * index + 3);
  return `${typeText(record, names)}\n\t type_id=${type} offset=${offset} size=${size} `;
}
