/**
 * The kernel's types cut down to what networking programs need (slim.btf): for browsers.
 *
 * Kept are, with the ids they have in the kernel's BTF:
 *   1. every type and function that the package's tables and the verifier name (contexts and what
 *      their fields are, BTF id lists, kernel functions, structs of maps, prototypes),
 *      with the headers of packets and what is around them (HEADERS);
 *   2. what kernel functions take and return, and the types their pointers point to;
 *   3. whatever those contain by value, and the types of their pointers, but not what is behind them.
 * In the place of every other type stands a typedef of nothing, which throws when it is asked for: an
 * answer that would need it is not given, rather than given wrong.
 */
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

const KIND = { ptr: 2, array: 3, struct: 4, union: 5, enum: 6, fwd: 7, func: 12, proto: 13 };
const [VAR, DATASEC, DECL_TAG, ENUM64] = [14, 15, 17, 19];
/** A typedef of the type with this id stands for one that is left out (src/btf/lazy.ts). */
const LEFT_OUT = 0xffff_ffff;
const TYPEDEF = 8;
const HEADER = 24;
/** Structs that programs adapt themselves to for packets' sake. */
const HEADERS = `
  ethhdr vlan_hdr vlan_ethhdr arphdr iphdr ipv6hdr ipv6_opt_hdr frag_hdr tcphdr udphdr sctphdr
  icmphdr icmp6hdr igmphdr ip_esp_hdr ip_auth_hdr gre_base_hdr vxlanhdr vxlan_metadata geneve_opt
  erspan_metadata mpls_label in_addr in6_addr sockaddr sockaddr_in sockaddr_in6 sockaddr_un
  sk_buff skb_shared_info xdp_buff xdp_rxq_info xdp_frame net_device
`
  .trim()
  .split(/\s+/);
const FIXED_WORDS = { 1: 1, 3: 3, 14: 1, 17: 1 };
const ITEM_WORDS = { 4: 3, 5: 3, 6: 2, 13: 2, 15: 3, 19: 3 };

/** Every word of the tables generated from this kernel, and of the short texts in other sources. */
export function namesInSources(generated, folders) {
  const names = new Set();
  const take = (text, pattern) => {
    for (const [, word] of text.matchAll(pattern)) names.add(word);
  };
  for (const name of readdirSync(generated)) {
    const isTable = name.endsWith('.ts') && !name.startsWith('embedded');
    if (isTable) take(readFileSync(join(generated, name), 'utf8'), /(\w+)/g);
  }
  for (const folder of folders) {
    for (const name of readdirSync(folder, { recursive: true })) {
      if (!name.endsWith('.ts') || name.includes('generated')) continue;
      const text = readFileSync(join(folder, name), 'utf8');
      take(text, /'(\w+)'/g);
      // Paths of members: 'sk_buff.sk > sock_common.skc_family'.
      for (const [, , path] of text.matchAll(/(['`])([^'`\n/]*\w\.\w[^'`\n/]*)\1/g)) {
        take(path, /(\w+)\.\w/g);
      }
    }
  }
  return names;
}

/** The slim form of a BTF (bytes). */
export function slimBtf(btf, names) {
  const types = readRecords(btf);
  const kept = new Set();
  const open = [];
  const keep = (id) => {
    if (id > 0 && !kept.has(id)) open.push(id);
    kept.add(id);
  };
  const wanted = new Set([...names, ...HEADERS]);
  types.forEach(({ kind, name }, id) => {
    if (wanted.has(name) && kind !== VAR && kind !== DATASEC) keep(id);
  });
  while (open.length > 0) {
    const type = types[open.pop()];
    for (const id of referencesOf(type)) keep(id);
    if (type.kind === KIND.proto) for (const id of referencesOf(type)) keepPointee(types, id, keep);
  }
  return write(btf, types, kept);
}

/** Behind a pointer, whatever decorates it in between. */
function keepPointee(types, id, keep) {
  let at = id;
  for (let type = types[at]; type && !isSolid(type); type = types[at]) {
    keep(at);
    at = type.sizeOrType;
  }
  if (at > 0) keep(at);
}

const isSolid = ({ kind }) =>
  kind === 0 || kind === 1 || (kind >= KIND.array && kind <= KIND.fwd) || kind > 11;

/** Ids a type cannot be understood without; what a pointer points to is not among them. */
function referencesOf({ kind, words, sizeOrType }) {
  switch (kind) {
    case KIND.ptr:
      return [];
    case KIND.array:
      return words.slice(0, 2);
    case KIND.struct:
    case KIND.union:
      return words.filter((_, i) => i % 3 === 1);
    case KIND.proto:
      return [sizeOrType, ...words.filter((_, i) => i % 2 === 1)];
    case KIND.func:
    case DECL_TAG:
    case TYPEDEF:
    case 9:
    case 10:
    case 11:
    case 18:
      return [sizeOrType];
    default:
      return [];
  }
}

function readRecords(btf) {
  const word = (offset) => btf.readUInt32LE(offset);
  const strings = HEADER + word(16);
  const text = (offset) =>
    offset === 0 ? '' : btf.toString('latin1', strings + offset, btf.indexOf(0, strings + offset));
  const types = [{ kind: 0, name: '', words: [] }];
  for (let at = HEADER + word(8); at < HEADER + word(8) + word(12); ) {
    const info = word(at + 4);
    const kind = (info >>> 24) & 0x1f;
    const count = (FIXED_WORDS[kind] ?? 0) + (ITEM_WORDS[kind] ?? 0) * (info & 0xffff);
    const words = Array.from({ length: count }, (_, i) => word(at + 12 + 4 * i));
    types.push({ kind, name: text(word(at)), info, sizeOrType: word(at + 8), words, text });
    at += 12 + 4 * count;
  }
  return types;
}

/** Which words of a record are names. */
function isName(kind, index) {
  if (kind === KIND.struct || kind === KIND.union || kind === ENUM64) return index % 3 === 0;
  return (kind === KIND.enum || kind === KIND.proto) && index % 2 === 0;
}

function write(btf, types, kept) {
  const strings = new Map([['', 0]]);
  let size = 1;
  const place = (name) => {
    let offset = strings.get(name);
    if (offset === undefined) {
      strings.set(name, (offset = size));
      size += Buffer.byteLength(name, 'latin1') + 1;
    }
    return offset;
  };
  const words = types.slice(1).flatMap(({ kind, name, info, sizeOrType, words: rest, text }, i) => {
    if (!kept.has(i + 1)) return [0, TYPEDEF << 24, LEFT_OUT];
    const named = rest.map((word, k) => (isName(kind, k) ? place(text(word)) : word));
    return [place(name), info, sizeOrType, ...named];
  });
  const header = [0x0001eb9f, HEADER, 0, 4 * words.length, 4 * words.length, size];
  const text = Buffer.from([...strings.keys()].map((name) => `${name}\0`).join(''), 'latin1');
  return Buffer.concat([Buffer.from(Uint32Array.from([...header, ...words]).buffer), text]);
}
