// Rule sets in the manner of ClassBench (Taylor and Turner, 2007): access lists, firewalls and IP
// chains differ in how long their prefixes are, how they nest, and what they say of ports.

/** xorshift32 with a few ways to draw. */
export class Random {
  constructor(seed) {
    this.state = seed | 0 || 1;
  }
  next() {
    let x = this.state;
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    this.state = x;
    return x >>> 0;
  }
  below(count) {
    return this.next() % count;
  }
  /** One of [weight, value] pairs. */
  pick(pairs) {
    let at = this.below(pairs.reduce((sum, [weight]) => sum + weight, 0));
    for (const [weight, value] of pairs) {
      if (at < weight) return value;
      at -= weight;
    }
  }
  bits(count) {
    let value = 0n;
    for (let i = 0; i < count; i += 32) value = (value << 32n) | BigInt(this.next());
    return value & ((1n << BigInt(count)) - 1n);
  }
}

// Lengths are of IPv4; for IPv6 they are doubled, and hosts are /128.
const ACL_SOURCE = [
  [1, 0],
  [2, 16],
  [6, 24],
  [3, 28],
  [8, 32],
];
const ACL_TARGET = [
  [1, 0],
  [2, 20],
  [6, 24],
  [4, 27],
  [12, 32],
];
const FW_SIDE = [
  [8, 0],
  [3, 16],
  [4, 24],
  [1, 29],
  [5, 32],
];
const IPC_SIDE = [
  [3, 0],
  [1, 8],
  [3, 16],
  [6, 24],
  [6, 32],
];
const ANY = [0, 65535];
const WELL_KNOWN = [20, 21, 22, 25, 53, 80, 110, 123, 143, 389, 443, 993, 1521, 3306, 5432, 8080];

const one = (random) => {
  const port = WELL_KNOWN[random.below(WELL_KNOWN.length)];
  return [port, port];
};
const some = (random) => {
  const low = random.below(60000);
  return [low, low + random.below(65536 - low)];
};
const any = () => ANY;
const high = () => [1024, 65535];

/** What a kind of rule set says of each field: weights and ways. */
const KINDS = {
  acl: {
    sides: [ACL_SOURCE, ACL_TARGET],
    ports: [
      [[1, any]],
      [
        [4, one],
        [3, any],
        [2, some],
        [1, high],
      ],
    ],
    protocols: [
      [8, 6],
      [3, 17],
      [1, 0],
    ],
  },
  fw: {
    sides: [FW_SIDE, FW_SIDE],
    ports: [
      [
        [6, any],
        [2, high],
        [1, some],
        [1, one],
      ],
      [
        [3, any],
        [3, one],
        [2, some],
        [2, high],
      ],
    ],
    protocols: [
      [6, 6],
      [4, 17],
      [2, 0],
    ],
  },
  ipc: {
    sides: [IPC_SIDE, IPC_SIDE],
    ports: [
      [
        [5, any],
        [2, one],
        [1, high],
      ],
      [
        [4, any],
        [4, one],
        [1, some],
      ],
    ],
    protocols: [
      [5, 6],
      [3, 17],
      [2, 1],
      [2, 0],
    ],
  },
};

/** An address below one of a few networks, so that prefixes nest as they do in real lists. */
function address(random, bits, networks) {
  const base = networks[random.below(networks.length)];
  const own = random.below(3) === 0 ? bits - 8 : bits / 2;
  const mask = (1n << BigInt(own)) - 1n;
  return (base & ~mask) | (random.bits(bits) & mask);
}

function prefix(random, bits, lengths, networks) {
  const short = random.pick(lengths);
  const length = bits === 32 ? short : short === 32 ? 128 : short * 2;
  const cut = BigInt(bits - length);
  return [(address(random, bits, networks) >> cut) << cut, length];
}

/**
 * `count` different rules: { saddr: [value, bits], daddr, sport: [low, high], dport, proto,
 * priority }. The same for the same arguments.
 */
export function makeRules(kind, count, { seed = 1, bits = 32 } = {}) {
  const { sides, ports, protocols } = KINDS[kind];
  const random = new Random(seed * 7919 + bits);
  const networks = Array.from({ length: 40 }, () => random.bits(bits));
  const rules = new Map();
  while (rules.size < count) {
    const [saddr, daddr] = sides.map((lengths) => prefix(random, bits, lengths, networks));
    const [sport, dport] = ports.map((ways) => random.pick(ways)(random));
    const proto = random.pick(protocols);
    const rule = { saddr, daddr, sport, dport, proto };
    const text = [saddr, daddr, sport, dport, proto].join();
    if (!rules.has(text)) rules.set(text, { rule, place: specificity(rule, bits, random) });
  }
  const ordered = [...rules.values()].sort((a, b) => b.place - a.place);
  return ordered.map(({ rule }, i) => ({ ...rule, priority: i + 1 }));
}

/** In lists that people keep, what says more stands further up: behind the rest it would be dead. */
function specificity({ saddr, daddr, sport, dport, proto }, bits, random) {
  const ports = [sport, dport].map(([low, most]) => 1 - (most - low) / 65536);
  const said = (saddr[1] + daddr[1]) / bits + ports[0] / 2 + ports[1] / 2 + (proto ? 0.25 : 0);
  return said + random.below(1000) / 4000;
}

/** Packets, most of them inside some rule: { saddr, daddr, sport, dport, proto }. */
export function makePacketsFor(rules, count, { seed = 1, bits = 32 } = {}) {
  const random = new Random(seed * 104729 + bits);
  const inside = ([value, length]) => value | random.bits(bits - length);
  const between = ([low, most]) => low + random.below(most - low + 1);
  return Array.from({ length: count }, () => {
    const rule = rules[random.below(rules.length)];
    const stray = random.below(8) === 0;
    return {
      saddr: stray ? random.bits(bits) : inside(rule.saddr),
      daddr: inside(rule.daddr),
      sport: between(rule.sport),
      dport: between(rule.dport),
      proto:
        rule.proto ||
        random.pick([
          [1, 6],
          [1, 17],
          [1, 47],
        ]),
    };
  });
}

/** Does the rule cover the packet? What the map has to agree with. */
export function covers(rule, packet, bits = 32) {
  const within = ([value, length], at) => {
    const cut = BigInt(bits - length);
    return at >> cut === value >> cut;
  };
  return (
    within(rule.saddr, packet.saddr) &&
    within(rule.daddr, packet.daddr) &&
    rule.sport[0] <= packet.sport &&
    packet.sport <= rule.sport[1] &&
    rule.dport[0] <= packet.dport &&
    packet.dport <= rule.dport[1] &&
    (rule.proto === 0 || rule.proto === packet.proto)
  );
}
