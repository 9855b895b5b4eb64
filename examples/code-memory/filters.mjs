// Filters of many tenants, written in BPF assembly: what each lets in, and how it looks, differs.

/** A generator of numbers that are the same for the same seed (xorshift32). */
function numbers(seed) {
  let state = (seed * 2654435761) >>> 0 || 1;
  return (below) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % below;
  };
}

/** Goes on only if the source address is in a network. */
function network(pick) {
  const bits = 8 + pick(4);
  const mask = (0xffffffff << (32 - bits)) >>> 0;
  const address = ((10 << 24) | pick(1 << 24)) & mask;
  return `r5 = *(u32 *)(r2 + 26)
    r5 = be32 r5
    w5 &= ${mask | 0}
    if w5 != ${address | 0} goto drop`;
}

/** … if the destination port is in a range. */
function ports(pick) {
  const low = 1 + pick(60_000);
  return `r5 = *(u16 *)(r2 + 36)
    r5 = be16 r5
    if r5 < ${low} goto drop
    if r5 > ${low + 2000 + pick(30_000)} goto drop`;
}

/** … if it is one of a few. */
function fewPorts(pick, label) {
  const list = Array.from({ length: 2 + pick(6) }, () => 1 + pick(65_535));
  return `r5 = *(u16 *)(r2 + 36)
    r5 = be16 r5
    ${list.map((port) => `if r5 == ${port} goto ${label}`).join('\n')}
    goto drop
    ${label}:`;
}

/** … if the packet is long or short enough. */
function length(pick) {
  return `r5 = r3
    r5 -= r2
    if r5 ${pick(2) ? '<' : '>'} ${100 + pick(1000)} goto drop`;
}

/** … if the addresses, hashed, are in the share of the traffic that is sampled. */
function sample(pick) {
  return `r5 = *(u32 *)(r2 + 26)
    r6 = *(u32 *)(r2 + 30)
    r5 ^= r6
    w5 *= ${pick(1 << 30) | 1}
    w5 >>= ${20 + pick(8)}
    w5 &= 7
    if w5 > ${1 + pick(6)} goto drop`;
}

const PARTS = [network, ports, fewPorts, length, sample];

/**
 * The text of filter `number`: IPv4 packets of one protocol that pass two to five tests get in, and
 * what gets in is counted in the tenant's place of the array `counts`.
 */
export function filterText(number, salt = 0) {
  const pick = numbers(number + 1 + salt * 1_000_003);
  const order = [...PARTS].sort(() => pick(2) - 0.5).slice(0, 2 + pick(4));
  return `
    r2 = *(u32 *)(r1 + 0)
    r3 = *(u32 *)(r1 + 4)
    r4 = r2
    r4 += 42
    if r4 > r3 goto drop
    r4 = *(u16 *)(r2 + 12)
    if r4 != 8 goto drop
    r4 = *(u8 *)(r2 + 23)
    if r4 != ${[6, 17][pick(2)]} goto drop
    ${order.map((part, k) => part(pick, `found${k}`)).join('\n')}
    *(u32 *)(r10 - 4) = ${number}
    r2 = r10
    r2 += -4
    r1 = 0 ll
    call 1
    if r0 == 0 goto drop
    r1 = 1
    lock *(u64 *)(r0 + 0) += r1
    r0 = 2
    exit
  drop:
    r0 = 1
    exit`;
}

/** The load of the map's address: found, and marked as one (BPF_PSEUDO_MAP_FD). */
function markMapLoad(insns) {
  for (let i = 0; i < insns.length / 8; i++) {
    if (insns[8 * i] !== 0x18) continue;
    insns[8 * i + 1] |= 1 << 4;
    return i;
  }
  throw new Error('no map is loaded');
}

/**
 * Filters as an object file that no compiler has seen: data, as `parseObject` gives it. `numbers`:
 * which tenants; `tenants`: how many there are in all.
 */
export function filterObject({ assemble, encodeCode }, which, tenants, salt = 0) {
  const programs = which.map((number) => {
    const { code } = assemble(filterText(number, salt));
    const insns = encodeCode(code);
    return {
      name: `tenant_${number}`,
      section: 'xdp',
      type: 'xdp',
      attachType: 'xdp',
      attachTarget: undefined,
      flags: [],
      insns,
      functions: [
        { name: `tenant_${number}`, start: 0, size: insns.length / 8, global: true, btfId: 0 },
      ],
      relocations: [{ kind: 'map', insn: markMapLoad(insns), map: 'counts' }],
      lines: [],
      described: false,
      coreRelocations: [],
    };
  });
  const counts = {
    name: 'counts',
    type: 'array',
    typeId: 2,
    keySize: 4,
    valueSize: 8,
    maxEntries: tenants,
    flags: 0,
    extra: 0n,
    pinning: 'none',
    keyTypeId: 0,
    valueTypeId: 0,
  };
  return {
    littleEndian: true,
    license: 'MIT',
    version: 0,
    programs,
    maps: [counts],
    btf: undefined,
    externs: [],
    notes: [],
  };
}
