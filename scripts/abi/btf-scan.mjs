/** As much of BTF as the generator needs: which function or struct has which id, and members. */

const FIXED_WORDS = { 1: 1, 3: 3, 14: 1, 17: 1 };
const ITEM_WORDS = { 4: 3, 5: 3, 6: 2, 13: 2, 15: 3, 19: 3 };
const FUNC = 12;
const STRUCT = 4;

/** { names: name by id (functions and structs), funcs: ids by name, memberOffset } */
export function scanBtf(btf) {
  const word = (offset) => btf.readUInt32LE(offset);
  const types = word(4) + word(8);
  const strings = word(4) + word(16);
  const text = (offset) =>
    btf.toString('latin1', strings + offset, btf.indexOf(0, strings + offset));
  const names = [''];
  const funcs = new Map();
  const structs = new Map();
  for (let at = types; at < types + word(12); ) {
    const info = word(at + 4);
    const kind = (info >>> 24) & 0x1f;
    const id = names.length;
    const name = kind === FUNC || kind === STRUCT ? text(word(at)) : '';
    names.push(name);
    if (kind === FUNC && name) funcs.set(name, [...(funcs.get(name) ?? []), id]);
    if (kind === STRUCT && name && !structs.has(name)) structs.set(name, at);
    at += 12 + 4 * ((FIXED_WORDS[kind] ?? 0) + (ITEM_WORDS[kind] ?? 0) * (info & 0xffff));
  }
  /** Byte offset of a member, anonymous unions and structs not looked into. */
  const memberOffset = (struct, member) => {
    const at = structs.get(struct);
    const count = at === undefined ? 0 : word(at + 4) & 0xffff;
    for (let i = 0; i < count; i++) {
      const item = at + 12 + 12 * i;
      const name = text(word(item));
      if (name === member) return (word(item + 8) & 0xff_ffff) / 8;
      // Context structs wrap each pointer in an anonymous union.
      if (name === '' && unionHas(word(item + 4), member)) return (word(item + 8) & 0xff_ffff) / 8;
    }
    throw new Error(`struct ${struct} has no member ${member}`);
  };
  const places = [];
  const unionHas = (id, member) => {
    if (places.length === 0) fillPlaces();
    const at = places[id];
    const count = word(at + 4) & 0xffff;
    return Array.from({ length: count }, (_, i) => text(word(at + 12 + 12 * i))).includes(member);
  };
  const fillPlaces = () => {
    places.push(0);
    for (let at = types; at < types + word(12); ) {
      const info = word(at + 4);
      const kind = (info >>> 24) & 0x1f;
      places.push(at);
      at += 12 + 4 * ((FIXED_WORDS[kind] ?? 0) + (ITEM_WORDS[kind] ?? 0) * (info & 0xffff));
    }
  };
  const stringsLength = word(20);
  const stringAt = text;
  return { names, funcs, memberOffset, stringsLength, stringAt };
}

/** The same of a module's BTF, which continues ids and strings of `base`: { names, funcs }. */
export function scanSplitBtf(btf, base) {
  const word = (offset) => btf.readUInt32LE(offset);
  const types = word(4) + word(8);
  const strings = word(4) + word(16);
  const text = (offset) => {
    if (offset < base.stringsLength) return base.stringAt(offset);
    const at = strings + offset - base.stringsLength;
    return btf.toString('latin1', at, btf.indexOf(0, at));
  };
  const names = [...base.names];
  const funcs = new Map();
  for (let at = types; at < types + word(12); ) {
    const info = word(at + 4);
    const kind = (info >>> 24) & 0x1f;
    const name = kind === FUNC || kind === STRUCT ? text(word(at)) : '';
    if (kind === FUNC && name) funcs.set(name, [names.length]);
    names.push(name);
    at += 12 + 4 * ((FIXED_WORDS[kind] ?? 0) + (ITEM_WORDS[kind] ?? 0) * (info & 0xffff));
  }
  return { names, funcs };
}
