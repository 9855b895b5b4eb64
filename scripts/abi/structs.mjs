/** Layout of UAPI structs, as a 64-bit little-endian compiler lays them out. */
import { closing, evaluate, splitTop } from './c-text.mjs';

const SCALARS = new Map(
  Object.entries({
    __u8: 1,
    __s8: 1,
    char: 1,
    __u16: 2,
    __s16: 2,
    __be16: 2,
    __u32: 4,
    __s32: 4,
    __be32: 4,
    __wsum: 4,
    int: 4,
    'unsigned int': 4,
    __u64: 8,
    __s64: 8,
    __be64: 8,
    __aligned_u64: 8,
    'unsigned long': 8,
    'unsigned char': 1,
  }),
);

/** All `struct name { … };` at the top level of `text` that can be laid out, in order. */
export function parseStructs(text, scope) {
  const known = new Map();
  const source = expandPointerMacro(text.replace(/^\s*#.*$/gm, ''));
  const pattern = /^struct\s+(\w+)\s*\{/gm;
  for (let match = pattern.exec(source); match; match = pattern.exec(source)) {
    const open = pattern.lastIndex - 1;
    const end = closing(source, open);
    const tail = source.slice(end, source.indexOf(';', end));
    const layout = layoutOf(source.slice(open + 1, end - 1), 'struct', known, scope);
    if (layout) known.set(match[1], finish(layout, attributeAlign(tail)));
  }
  return known;
}

/** The union of that name, whose members may be the structs in `known`. */
export function parseUnion(text, name, known, scope) {
  const source = expandPointerMacro(text.replace(/^\s*#.*$/gm, ''));
  const start = source.search(new RegExp(`^union ${name}\\s*\\{`, 'm'));
  const open = source.indexOf('{', start);
  const end = closing(source, open);
  const tail = source.slice(end, source.indexOf(';', end));
  const layout = layoutOf(source.slice(open + 1, end - 1), 'union', known, scope);
  return finish(layout, attributeAlign(tail));
}

/** __bpf_md_ptr(type, name): a pointer in 8 aligned bytes. */
function expandPointerMacro(text) {
  return text.replace(/__bpf_md_ptr\(([^,]+),\s*(\w+)\)/g, '__aligned_u64 $2');
}

function attributeAlign(text) {
  return Number(/aligned\((\d+)\)/.exec(text)?.[1] ?? 1);
}

function finish(layout, align) {
  const total = Math.max(layout.align, align);
  return { ...layout, align: total, size: roundUp(layout.size, total) };
}

const roundUp = (value, to) => Math.ceil(value / to) * to;

/** Fields with offsets relative to the aggregate, or undefined if a type is unknown. */
function layoutOf(body, kind, known, scope) {
  const state = { kind, fields: [], bits: 0, align: 1 };
  for (const declaration of splitTop(body, ';')) {
    const member = parseMember(declaration, known, scope);
    if (!member) return undefined;
    for (const item of member) place(state, item);
  }
  return {
    fields: state.fields,
    size: roundUp(Math.ceil(state.bits / 8), state.align),
    align: state.align,
  };
}

function place(state, item) {
  if (item.bits !== undefined) return placeBits(state, item);
  state.align = Math.max(state.align, item.align);
  const offset = state.kind === 'union' ? 0 : roundUp(Math.ceil(state.bits / 8), item.align);
  state.bits = Math.max(state.bits, (offset + item.size) * 8);
  for (const field of item.fields) state.fields.push({ ...field, offset: offset + field.offset });
}

/** Bit fields share the storage unit of what stands before them if they still fit into it. */
function placeBits(state, item) {
  const width = item.size * 8;
  let at = state.kind === 'union' ? 0 : state.bits;
  if (Math.floor(at / width) !== Math.floor((at + item.bits - 1) / width)) at = roundUp(at, width);
  if (item.name) {
    state.align = Math.max(state.align, item.align);
    const unit = Math.floor(at / width);
    state.fields.push({
      ...item.fields[0],
      offset: unit * item.size,
      bit: at - unit * width,
      bits: item.bits,
    });
  }
  state.bits = Math.max(state.bits, at + item.bits);
}

/** One declaration → list of { size, align, fields } (several for `a, b`). */
function parseMember(declaration, known, scope) {
  const text = declaration.trim();
  const aggregate = /^(struct|union)\s*(\w+)?\s*\{/.exec(text);
  if (aggregate) return parseNested(text, aggregate, known, scope);
  const align = attributeAlign(text);
  const clean = text.replace(/__attribute__\s*\(\(.*?\)\)\s*\)?/g, '').trim();
  const match = /^((?:const\s+)?(?:struct\s+|enum\s+|unsigned\s+)?\w+)\s+(.+)$/s.exec(clean);
  if (!match) return undefined;
  const items = splitTop(match[2]).map((text) => declarator(match[1], text, known, scope));
  if (items.includes(undefined)) return undefined;
  return items.map((item) => ({ ...item, align: Math.max(item.align, align) }));
}

function parseNested(text, aggregate, known, scope) {
  const open = text.indexOf('{');
  const end = closing(text, open);
  const inner = layoutOf(text.slice(open + 1, end - 1), aggregate[1], known, scope);
  if (!inner) return undefined;
  const tail = text.slice(end);
  const name = /^\s*(\w+)/.exec(tail.replace(/__attribute__.*/s, ''))?.[1];
  const done = finish(inner, attributeAlign(tail));
  const fields = done.fields.map((f) => (name ? { ...f, name: `${name}.${f.name}` } : f));
  return [{ size: done.size, align: done.align, fields }];
}

function declarator(type, text, known, scope) {
  const match = /^(\**)\s*(\w*)\s*((?:\[[^\]]*\])*)\s*(?::\s*(\d+))?$/.exec(text.trim());
  if (!match) return undefined;
  const [, stars, name, arrays, bits] = match;
  const base = stars ? { size: 8, align: 8 } : typeOf(type, known);
  if (!base) return undefined;
  if (bits !== undefined) {
    return {
      ...base,
      bits: Number(bits),
      name,
      fields: [{ name, offset: 0, size: base.size, type }],
    };
  }
  const counts = [...arrays.matchAll(/\[([^\]]*)\]/g)].map((m) => m[1].trim() || '0');
  const count = counts.reduce((n, c) => n * Number(evaluate(c, scope)), 1);
  if (Number.isNaN(count)) return undefined;
  const field = {
    name,
    offset: 0,
    size: base.size * count,
    type: stars ? `${type} ${stars}` : type,
  };
  if (arrays) field.count = count;
  return { size: base.size * count, align: base.align, fields: [field] };
}

function typeOf(type, known) {
  const name = type.replace(/^const\s+/, '');
  if (SCALARS.has(name)) return { size: SCALARS.get(name), align: SCALARS.get(name) };
  if (name.startsWith('enum ')) return { size: 4, align: 4 };
  return known.get(name.replace(/^struct\s+/, ''));
}
