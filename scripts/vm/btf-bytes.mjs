/** Types as BPF_BTF_LOAD takes them: `struct btf_header`, the types, the strings. */

const KINDS =
  'void int ptr array struct union enum fwd typedef volatile const restrict func func_proto var datasec float decl_tag type_tag enum64'.split(
    ' ',
  );
const LINKAGES = ['static', 'global', 'extern'];
const MAGIC = 0xeb9f;
const HEADER_SIZE = 24;

/** Strings, each once, and where they are. */
class Strings {
  #text = [Buffer.from([0])];
  #places = new Map([['', 0]]);
  #size = 1;

  at(text) {
    let place = this.#places.get(text);
    if (place === undefined) {
      place = this.#size;
      const bytes = Buffer.from(`${text}\0`);
      this.#text.push(bytes);
      this.#size += bytes.length;
      this.#places.set(text, place);
    }
    return place;
  }

  bytes() {
    return Buffer.concat(this.#text);
  }
}

/**
 * `{ bytes, stringAt }` of a Btf; `moreStrings` are those of line info, which names them by offset.
 * What objects expect from the kernel is told as libbpf tells it: see `knownToKernel`.
 */
export function btfBytes(btf, moreStrings) {
  const strings = new Strings();
  const words = [];
  for (const type of knownToKernel(btf)) words.push(...typeWords(type, strings));
  for (const text of moreStrings) strings.at(text);
  const types = Buffer.alloc(4 * words.length);
  words.forEach((word, index) => types.writeUInt32LE(word >>> 0, 4 * index));
  const text = strings.bytes();
  const header = Buffer.alloc(HEADER_SIZE);
  header.writeUInt16LE(MAGIC, 0);
  header.writeUInt8(1, 2);
  [HEADER_SIZE, 0, types.length, types.length, text.length].forEach((word, index) =>
    header.writeUInt32LE(word, 4 + 4 * index),
  );
  return { bytes: Buffer.concat([header, types, text]), stringAt: (one) => strings.at(one) };
}

/** The words of one type: name, info, size or type, and what the kind adds. */
function typeWords(type, strings) {
  const name = strings.at(type.name);
  const { vlen = 0, flag = 0, size = 0, rest = [] } = PARTS[type.kind](type, strings);
  return [name, (flag << 31) | (KINDS.indexOf(type.kind) << 24) | vlen, size, ...rest];
}

const reference = ({ type }) => ({ size: type });

const PARTS = {
  int: ({ size, bits, bitOffset, signed, char, bool }) => ({
    size,
    rest: [((signed | (char << 1) | (bool << 2)) << 24) | (bitOffset << 16) | bits],
  }),
  ptr: reference,
  typedef: reference,
  volatile: reference,
  const: reference,
  restrict: reference,
  type_tag: reference,
  array: ({ type, indexType, count }) => ({ rest: [type, indexType, count] }),
  struct: composite,
  union: composite,
  enum: ({ size, signed, values }, strings) => ({
    size,
    flag: Number(signed),
    vlen: values.length,
    rest: values.flatMap(({ name, value }) => [strings.at(name), value]),
  }),
  enum64: ({ size, signed, values }, strings) => ({
    size,
    flag: Number(signed),
    vlen: values.length,
    rest: values.flatMap(({ name, value }) => [
      strings.at(name),
      Number(BigInt.asUintN(32, value)),
      Number(BigInt.asUintN(32, value >> 32n)),
    ]),
  }),
  fwd: ({ of }) => ({ flag: Number(of === 'union') }),
  func: ({ type, linkage }) => ({ size: type, vlen: LINKAGES.indexOf(linkage) }),
  func_proto: ({ returns, params }, strings) => ({
    size: returns,
    vlen: params.length,
    rest: params.flatMap(({ name, type }) => [strings.at(name), type]),
  }),
  var: ({ type, linkage }) => ({ size: type, rest: [LINKAGES.indexOf(linkage)] }),
  datasec: ({ size, vars }) => ({
    size,
    vlen: vars.length,
    rest: vars.flatMap((one) => [one.type, one.offset, one.size]),
  }),
  float: ({ size }) => ({ size }),
  decl_tag: ({ type, component }) => ({ size: type, rest: [component] }),
};

function composite({ size, members }, strings) {
  const flag = Number(members.some(({ bitSize }) => bitSize > 0));
  const rest = members.flatMap(({ name, type, bitOffset, bitSize }) => [
    strings.at(name),
    type,
    flag ? (bitSize << 24) | bitOffset : bitOffset,
  ]);
  return { size, flag, vlen: members.length, rest };
}

const PLACEHOLDER = 'dummy_ksym';

/**
 * All types but `void`, with what Linux does not take from a compiler put otherwise: in `.ksyms`
 * functions are a variable each and variables plain ints, one behind the other; nothing is extern.
 */
function knownToKernel(btf) {
  const types = btf.types.slice(1);
  const change = (type) => (types[type.id - 1] = type);
  const int = types.find(({ kind, size, bits }) => kind === 'int' && size === 4 && bits === 32)?.id;
  for (const type of btf.types) {
    if (type.kind !== 'datasec' || !['.ksyms', '.kconfig'].includes(type.name)) continue;
    if (type.name === '.kconfig') change(packed(btf, type, change));
    else change(symbols(btf, type, types, int));
  }
  return types;
}

function symbols(btf, section, types, int) {
  let placeholder = 0;
  const vars = section.vars.map(({ type: id }, index) => {
    const type = btf.type(id);
    if (type.kind === 'func') {
      if (!placeholder) {
        placeholder = types.length + 1;
        types.push({
          id: placeholder,
          kind: 'var',
          name: PLACEHOLDER,
          type: int,
          linkage: 'global',
        });
      }
      types[id - 1] = { ...type, linkage: 'global' };
      nameParameters(btf, type, types);
      return { type: placeholder, offset: 4 * index, size: 4 };
    }
    types[id - 1] = { ...type, type: int, linkage: 'global' };
    return { type: id, offset: 4 * index, size: 4 };
  });
  return { ...section, vars, size: 4 * vars.length };
}

function nameParameters(btf, { type: id }, types) {
  const proto = btf.type(id);
  const named = (one) => (one.name === '' && one.type !== 0 ? { ...one, name: PLACEHOLDER } : one);
  types[id - 1] = { ...proto, params: proto.params.map(named) };
}

/** Values of the kernel's configuration as `.kconfig` has them: by alignment, size and name. */
function packed(btf, section, change) {
  const vars = section.vars.map(({ type: id }) => {
    const type = btf.type(id);
    change({ ...type, linkage: 'global' });
    const [size, align] = [btf.sizeOf(type.type), btf.alignOf(type.type)];
    return { type: id, name: type.name, size, align };
  });
  vars.sort((a, b) => b.align - a.align || a.size - b.size || (a.name < b.name ? -1 : 1));
  let size = 0;
  const placed = vars.map((one) => {
    const offset = Math.ceil(size / one.align) * one.align;
    size = offset + one.size;
    return { type: one.type, offset, size: one.size };
  });
  return { ...section, vars: placed, size };
}
