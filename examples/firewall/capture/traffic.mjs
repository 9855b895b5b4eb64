// Who talks to whom, and when: conversations as lists of timed frames.
import { arp, createRandom, fragmentedEcho, icmp, TCP, tcp, udp } from './packets.mjs';
import * as say from './payloads.mjs';

const SERVER_MAC = Uint8Array.of(0x52, 0x54, 0, 0x12, 0x34, 0x56);
const ROUTER_MAC = Uint8Array.of(0x52, 0x54, 0, 0xaa, 0xbb, 0x01);
const BROADCAST = new Uint8Array(6).fill(255);
/** Bytes of a full segment: fits IPv6 in 1,500 bytes too. */
const MSS = 1440;

const v4 = (a, b, c, d) => Uint8Array.of(a, b, c, d);
/** 2001:db8:<net>::<host> */
function v6(net, host) {
  const bytes = new Uint8Array(16);
  bytes.set([0x20, 0x01, 0x0d, 0xb8, net >>> 8, net]);
  bytes.set([host >>> 24, host >>> 16, host >>> 8, host], 12);
  return bytes;
}

/** Services behind the firewall. */
const SERVERS = {
  web: { v4: v4(198, 51, 100, 10), v6: v6(0x10, 0x10) },
  mail: { v4: v4(198, 51, 100, 25), v6: v6(0x10, 0x25) },
  shell: { v4: v4(198, 51, 100, 22), v6: v6(0x10, 0x22) },
  name: { v4: v4(198, 51, 100, 53), v6: v6(0x10, 0x53) },
  log: { v4: v4(198, 51, 100, 60), v6: v6(0x10, 0x60) },
};

/** Zipf: rank k is drawn with weight 1/(k+1)^0.9. */
function zipf(count) {
  const total = new Float64Array(count);
  let sum = 0;
  for (let k = 0; k < count; k++) total[k] = sum += (k + 1) ** -0.9;
  return (random) => {
    const wanted = random() * sum;
    let low = 0;
    let high = count - 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (total[middle] < wanted) low = middle + 1;
      else high = middle;
    }
    return low;
  };
}

/** `count` clients: three quarters IPv4 (carrier NAT and private ranges), the rest IPv6. */
function makeClients(random, count) {
  return Array.from({ length: count }, (_, i) => {
    const six = i % 4 === 3;
    const far = random() < 0.5;
    const address = six
      ? v6(0x2000 + Math.floor(random() * 300), 1 + Math.floor(random() * 2 ** 31))
      : far
        ? v4(100, 64 + Math.floor(random() * 64), random() * 256, 1 + random() * 254)
        : v4(10, random() * 64, random() * 256, 1 + random() * 254);
    const vlans = i % 11 === 5 ? [100] : i % 37 === 9 ? [300, 42] : [];
    return { address, vlans, rtt: 4000 + random() * 110000, ttl: 44 + Math.floor(random() * 20) };
  });
}

/** Collects frames with their times (microseconds from the start). */
export class Traffic {
  constructor(seed) {
    this.random = createRandom(seed);
    this.frames = [];
    this.clients = makeClients(this.random, 3200);
    this.draw = zipf(this.clients.length);
    this.ids = 1;
  }

  integer(low, high) {
    return low + Math.floor(this.random() * (high - low));
  }

  /** Time to the next of `rate` events per second (Poisson). */
  gap(rate) {
    return (-Math.log(1 - this.random()) * 1e6) / rate;
  }

  add(time, frame) {
    this.frames.push({ time: Math.round(time), order: this.frames.length, frame });
  }

  client() {
    return this.clients[this.draw(this.random)];
  }

  /** Both directions of one pair of hosts. */
  path(client, server) {
    const host = client.address.length === 4 ? server.v4 : server.v6;
    const link = { vlans: client.vlans };
    const inward = { ...link, from: ROUTER_MAC, to: SERVER_MAC };
    const outward = { ...link, from: SERVER_MAC, to: ROUTER_MAC };
    // Senders count their packets; a reply has its own count.
    let inId = this.integer(0, 0xffff);
    let outId = this.integer(0, 0xffff);
    const { address, ttl } = client;
    return {
      in: () => [inward, { from: address, to: host, ttl, id: (inId = (inId + 1) & 0xffff) }],
      out: () => [
        outward,
        { from: host, to: address, ttl: 64, id: (outId = (outId + 1) & 0xffff) },
      ],
    };
  }

  /** A TCP conversation: handshake, `exchange` as {up|down: payload} steps, FIN from the client. */
  connection(start, client, server, port, exchange) {
    const path = this.path(client, server);
    const source = this.integer(32768, 61000);
    const up = { source, target: port, seq: this.integer(0, 2 ** 32), ack: 0, window: 502 };
    const down = {
      source: port,
      target: source,
      seq: this.integer(0, 2 ** 32),
      ack: 0,
      window: 509,
    };
    let time = start;
    const send = (side, flags, payload) => {
      const [me, peer] = side === 'in' ? [up, down] : [down, up];
      this.add(time, tcp(...path[side](), { ...me, flags, payload }));
      const consumed = (payload?.length ?? 0) + (flags & (TCP.SYN | TCP.FIN) ? 1 : 0);
      me.seq = (me.seq + consumed) >>> 0;
      peer.ack = me.seq;
    };
    const wait = (share) => (time += client.rtt * share * (0.95 + this.random() * 0.1));

    up.window = 64240;
    send('in', TCP.SYN);
    time += this.integer(20, 60);
    down.window = 65160;
    send('out', TCP.SYN | TCP.ACK);
    wait(1);
    [up.window, down.window] = [502, 509];
    send('in', TCP.ACK);
    for (const step of exchange) this.transfer(step, send, (gap) => (time += gap), wait);
    wait(0.2);
    send('in', TCP.FIN | TCP.ACK);
    time += this.integer(20, 80);
    send('out', TCP.FIN | TCP.ACK);
    wait(1);
    send('in', TCP.ACK);
  }

  /** One message, cut into segments; the receiver acknowledges every second one. */
  transfer(step, send, pause, wait) {
    const [side, other] = step.up ? ['in', 'out'] : ['out', 'in'];
    const segments = step.up ?? step.down;
    pause(this.integer(30, step.up ? 400 : 3000));
    segments.forEach((payload, i) => {
      const last = i === segments.length - 1;
      send(side, last ? TCP.PSH | TCP.ACK : TCP.ACK, payload);
      pause(this.integer(2, 14));
      if (!last && i % 2 === 1) send(other, TCP.ACK);
    });
    if (side === 'out') wait(1);
    send(other, TCP.ACK);
  }

  bulk(make, bytes) {
    const segments = Array.from({ length: Math.floor(bytes / MSS) }, () => make(this.random, MSS));
    const rest = Math.floor(bytes % MSS);
    return rest > 40 ? [...segments, make(this.random, rest)] : segments;
  }

  /** Response sizes: most small, some large (Pareto). */
  size() {
    return Math.min(150000, 1500 * this.random() ** -0.95);
  }

  https(time, client) {
    const steps = [
      { up: [say.clientHello(this.random)] },
      { down: [say.serverHello(this.random), ...this.bulk(say.tlsData, 2400)] },
      { up: [say.tlsData(this.random, 80)] },
    ];
    for (let i = this.integer(1, 4); i > 0; i--) {
      steps.push({ up: [say.tlsData(this.random, this.integer(180, 900))] });
      steps.push({ down: this.bulk(say.tlsData, 200 + this.size()) });
    }
    this.connection(time, client, SERVERS.web, 443, steps);
  }

  http(time, client) {
    const steps = [];
    for (let i = this.integer(1, 3); i > 0; i--) {
      steps.push({ up: [say.httpRequest(this.random)] });
      const [first, ...more] = this.bulk(say.page, 300 + this.size());
      const head = say.httpResponse(this.random, first?.length ?? 200);
      steps.push({ down: [head, ...more] });
    }
    this.connection(time, client, SERVERS.web, 80, steps);
  }

  ssh(time, client) {
    const steps = [{ down: [say.sshBanner(true)] }, { up: [say.sshBanner(false)] }];
    for (let i = 0; i < 25; i++) {
      steps.push({ up: [say.sshPacket(this.random, 36)] });
      steps.push({ down: [say.sshPacket(this.random, this.integer(9, 100) * 4)] });
    }
    this.connection(time, client, SERVERS.shell, 22, steps);
  }

  dns(time, client) {
    const path = this.path(client, SERVERS.name);
    const source = this.integer(1024, 65535);
    const id = this.integer(0, 65536);
    const family = this.random() < 0.6 ? 4 : 6;
    const name = say.dnsHost(this.random);
    const answer = family === 4 ? SERVERS.web.v4 : SERVERS.web.v6;
    const query = { source, target: 53, payload: say.dns(id, name, family) };
    const reply = { source: 53, target: source, payload: say.dns(id, name, family, answer) };
    this.add(time, udp(...path.in(), query));
    this.add(time + this.integer(60, 900), udp(...path.out(), reply));
  }

  ntp(time, client, now) {
    const path = this.path(client, SERVERS.name);
    const source = this.integer(1024, 65535);
    this.add(time, udp(...path.in(), { source, target: 123, payload: say.ntp(false, now) }));
    const reply = { source: 123, target: source, payload: say.ntp(true, now) };
    this.add(time + this.integer(20, 70), udp(...path.out(), reply));
  }

  syslog(time, client) {
    const payload = say.syslog(this.random, `edge${this.integer(1, 9)}`);
    const path = this.path(client, SERVERS.log);
    this.add(time, udp(...path.in(), { source: 514, target: 514, payload }));
  }

  ping(time, client) {
    const path = this.path(client, SERVERS.web);
    const [ask, answer] = client.address.length === 4 ? [8, 0] : [128, 129];
    const id = this.integer(1, 65535);
    for (let i = 0; i < 4; i++) {
      const rest = ((id << 16) | (i + 1)) >>> 0;
      const payload = say.echo(56);
      const at = time + i * 1e6;
      this.add(at, icmp(...path.in(), { type: ask, rest, payload }));
      this.add(at + this.integer(15, 60), icmp(...path.out(), { type: answer, rest, payload }));
    }
  }

  /** An echo of 3,000 bytes arrives in three fragments. */
  bigPing(time, client) {
    if (client.address.length !== 4) return;
    const path = this.path(client, SERVERS.web);
    const rest = ((this.integer(1, 65535) << 16) | 1) >>> 0;
    const payload = say.echo(3000);
    fragmentedEcho(...path.in(), { type: 8, rest, payload }).forEach((frame, i) => {
      this.add(time + i * 2, frame);
    });
    fragmentedEcho(...path.out(), { type: 0, rest, payload }).forEach((frame, i) => {
      this.add(time + 90 + i * 2, frame);
    });
  }

  arp(time) {
    const from = v4(198, 51, 100, 1);
    const to = [SERVERS.web, SERVERS.mail, SERVERS.shell][this.integer(0, 3)].v4;
    const ask = { operation: 1, fromMac: ROUTER_MAC, from, toMac: new Uint8Array(6), to };
    this.add(time, arp({ from: ROUTER_MAC, to: BROADCAST }, ask));
    const reply = { operation: 2, fromMac: SERVER_MAC, from: to, toMac: ROUTER_MAC, to: from };
    this.add(time + this.integer(10, 40), arp({ from: SERVER_MAC, to: ROUTER_MAC }, reply));
  }

  /** A lone SYN; nobody answers. Like known tools, it never changes its sequence number and id. */
  syn(time, address, server, port, source) {
    const [link, net] = this.path({ address, vlans: [], ttl: 52 }, server).in();
    const start = { source, target: port, seq: 0xc6336401, ack: 0, window: 1024 };
    this.add(time, tcp(link, { ...net, id: 54321 }, { ...start, flags: TCP.SYN }));
  }

  /** One SYN to the web server. */
  knock(time, address, port, source) {
    this.syn(time, address, SERVERS.web, port, source);
  }

  /** One host tries `ports` in turn; closed ones answer with RST unless the firewall is quicker. */
  scan(start, address, ports, rate) {
    const source = this.integer(40000, 60000);
    let time = start;
    for (const port of ports) {
      this.syn(time, address, SERVERS.web, port, source);
      time += this.gap(rate);
    }
  }

  /** `count` SYNs from addresses that `spoof` makes up. */
  flood(start, count, rate, spoof) {
    let time = start;
    for (let i = 0; i < count; i++) {
      this.syn(time, spoof(), SERVERS.web, 443, 1024 + (i % 60000));
      time += this.gap(rate);
    }
  }
}

export const addresses = { v4, v6 };
