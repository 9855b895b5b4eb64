import { errnos } from '../../../abi/index.ts';
import type { PacketHookName, ReceiveResult } from '../../../kernel/index.ts';
import type { EventQueue } from '../../../runtime/events.ts';
import type { Machine } from '../../machine.ts';
import type { MachineProgram } from '../../program.ts';
import type { AttachPoint } from '../attach-point.ts';
import type { ClassicFilters } from '../classic.ts';
import type { Device } from '../device.ts';
import { IpLayer } from '../ip/layer.ts';
import type { NetNamespace } from '../namespace.ts';
import { RdmaHooks } from '../rdma/hooks.ts';
import { Sockets } from '../sockets/layer.ts';
import { type EntryReport, type Packet, PACKET_HOST, packetTypeFor } from './packet.ts';
import { PacketPoints } from './points.ts';
import { Redirects } from './redirect.ts';
import { HookRunner, type Outcome } from './runner.ts';
import { Taps } from './taps.ts';
import { rewritesOf, Tracer } from './trail.ts';
import { XskTable } from '../xsk/table.ts';
import { XdpPath } from './xdp-path.ts';

/** XMIT_RECURSION_LIMIT: how deep one transmission may lead to another. */
const RECURSION_LIMIT = 8;
/** A packet that came through the backlog so often runs in a circle no TTL ends. */
const VISITS_MAX = 1024;

/** What is done is thrown away now and then: chains may be long. */
const TIDY_AFTER = 1024;

/** tcx_action_code: what is not among them is NEXT. */
const TCX_DECIDES = new Set(['pass', 'drop', 'redirect', 'aborted']);
/** cls_bpf_exec_opcode: the codes it does not know are as TC_ACT_UNSPEC. */
const CLASSIC_DECIDES = new Set(['pass', 'drop', 'stolen', 'trap', 'redirect', 'aborted']);

type Step = (packet: Packet) => void;

/**
 * The way of packets through devices, programs and IP (net/core/dev.c), as a list of work: what the
 * kernel leaves to the next softirq waits in the backlog, first come first served. So the same
 * input gives the same order.
 */
export class Stack {
  readonly runner: HookRunner;
  readonly tracer: Tracer;
  readonly taps: Taps;
  readonly points = new PacketPoints();
  readonly xdp: XdpPath;
  readonly redirects: Redirects;
  readonly xsk: XskTable;
  readonly ip: IpLayer;
  readonly rdma: RdmaHooks;
  readonly sockets: Sockets;
  readonly #machine: () => Machine;
  /** The namespace helpers see between packets. */
  #home: NetNamespace | undefined;
  #waiting: { readonly packet: Packet; readonly step: Step }[] = [];
  /** Work of the kernel's own threads: when no packet waits any more. */
  #works: (() => void)[] = [];
  #busy = false;
  #depth = 0;

  /** `deviceAt`: a device by its name, for programs that attach to it. */
  constructor(machine: () => Machine, deviceAt: (path: string) => Device) {
    this.#machine = machine;
    this.runner = new HookRunner(machine);
    const clock = () => this.now;
    this.tracer = new Tracer(clock);
    this.taps = new Taps(clock);
    this.xdp = new XdpPath(this);
    this.redirects = new Redirects(this);
    this.xsk = new XskTable(this);
    this.ip = new IpLayer(this);
    this.rdma = new RdmaHooks(machine, (path) => deviceAt(path).rdmaHooks);
    this.sockets = new Sockets(this);
  }

  get now(): bigint {
    return this.#machine().clock;
  }

  get events(): EventQueue {
    return this.#machine().runtime.events;
  }

  get machine(): Machine {
    return this.#machine();
  }

  /** Helpers outside of packets see this namespace. */
  liveIn(home: NetNamespace): void {
    this.#home = home;
    this.runner.enter(home);
  }

  /** Does something with packets, and then all that follows from it. */
  perform(first: () => void): void {
    if (this.#busy) return first();
    this.#busy = true;
    try {
      first();
      this.#drain();
      for (let work = this.#works.shift(); work; work = this.#works.shift()) {
        work();
        this.#drain();
      }
    } finally {
      this.#busy = false;
      this.#depth = 0;
      this.runner.enter(this.#home!);
    }
  }

  /** schedule_work: done when all packets that are on their way have come to an end. */
  defer(work: () => void): void {
    this.#works.push(work);
    if (!this.#busy) this.perform(() => {});
  }

  #drain(): void {
    let next = 0;
    try {
      while (next < this.#waiting.length) {
        const { packet, step } = this.#waiting[next++]!;
        if (next === TIDY_AFTER) {
          this.#waiting = this.#waiting.slice(next);
          next = 0;
        }
        step(packet);
      }
    } finally {
      // A listener that throws loses no packet: the others go on with the next one that comes.
      this.#waiting = this.#waiting.slice(next);
    }
  }

  /** A packet comes to a device from outside. What its first programs say is the result. */
  enter(packet: Packet, way: 'receive' | 'transmit'): ReceiveResult {
    const report: Partial<EntryReport> = { data: packet.data };
    packet.report = report;
    this.perform(() => {
      if (this.tracer.on) this.#beginTrace(packet, way);
      if (way === 'receive') this.receive(packet);
      else this.transmit(packet, packet.device);
      packet.report = undefined;
    });
    const name = report.passage?.name ?? 'pass';
    return {
      verdict: (name === 'next' ? 'pass' : name) as ReceiveResult['verdict'],
      verdictCode: report.passage?.code,
      data: report.data!,
      target: report.target,
      fault: report.passage?.fault,
    };
  }

  #beginTrace(packet: Packet, way: 'receive' | 'transmit'): void {
    const { length } = packet.data;
    this.tracer.begin(packet);
    const received = { kind: 'receive', queue: packet.queue, length } as const;
    this.tracer.add(packet, way === 'receive' ? received : { kind: 'send', length });
  }

  /** A driver has a frame from its wire. */
  receive(packet: Packet): void {
    const { device } = packet;
    const { statistics } = device;
    if (!device.up) {
      statistics.rx_dropped++;
      return this.lose(packet, 'DEV_READY', `${device.path} is down`);
    }
    statistics.rx_packets++;
    statistics.rx_bytes += packet.data.length;
    this.#poll(packet);
  }

  /** The driver's poll function: native XDP, then a socket buffer. */
  #poll(packet: Packet): void {
    const { device } = packet;
    const { native } = device.xdp;
    if (native.programs.length > 0 && !this.xdp.run(packet, native, false)) return;
    this.typeOf(packet);
    if (this.points.on && device.gro) this.points.received('napi_gro_receive', packet);
    this.receiveBuffer(packet);
  }

  /** eth_type_trans. Bare devices of the machine take every frame for their own. */
  typeOf(packet: Packet): void {
    const { data, device } = packet;
    const bare = !device.net.configured && ((data[0] ?? 0) & 1) === 0;
    packet.type = bare ? PACKET_HOST : packetTypeFor(data, device.address);
  }

  /** A frame for the poll function of a device, from the other end of its pair. */
  poll(packet: Packet, device: Device): void {
    this.#enqueue(packet, device, this.#pollStep);
  }

  readonly #pollStep: Step = (packet) => this.#poll(packet);
  readonly #bufferStep: Step = (packet) => this.receiveBuffer(packet);

  /** netif_rx: a packet that a device takes in, by the backlog. */
  netifRx(packet: Packet, device: Device): void {
    if (!device.up) {
      device.statistics.rx_dropped++;
      packet.device = device;
      return this.drop(packet, 'DEV_READY', `${device.path} is down`);
    }
    this.#enqueue(packet, device, this.#bufferStep);
  }

  /** As `netifRx` for a device that is known to be up. */
  backlog(packet: Packet, device: Device): void {
    this.#enqueue(packet, device, this.#bufferStep);
  }

  #enqueue(packet: Packet, device: Device, step: Step): void {
    packet.device = device;
    packet.report = undefined;
    if (packet.visits++ >= VISITS_MAX) {
      const why = `${VISITS_MAX} times through the backlog: the machine ends what Linux would not`;
      return this.drop(packet, 'NOT_SPECIFIED', why);
    }
    this.#waiting.push({ packet, step });
  }

  /** Something to do with a packet when what waits already is done. */
  later(packet: Packet, step: Step): void {
    this.#enqueue(packet, packet.device, step);
  }

  /** __netif_receive_skb_core. */
  receiveBuffer(packet: Packet): void {
    if (this.points.on) this.points.received('netif_receive_skb', packet);
    do {
      const { device } = packet;
      packet.ingressIfindex = device.ifindex;
      packet.isFrame = false;
      const { generic } = device.xdp;
      if (generic.programs.length > 0 && !packet.redirected) {
        if (!this.xdp.run(packet, generic, true)) return;
      }
      if (this.taps.on) this.taps.see(packet, device, 'in');
    } while (this.#ingress(packet) === 'another round');
  }

  /** Ingress programs; what passes goes to the protocols. */
  #ingress(packet: Packet): 'done' | 'another round' {
    const { ingress, classic } = packet.device;
    packet.atIngress = true;
    const outcome = this.#traffic(packet, ingress, classic.ingress, 'ingress');
    const fate = outcome?.verdict.fate ?? 'pass';
    if (fate === 'pass') {
      packet.report = undefined;
      packet.atIngress = false;
      packet.redirected = false;
      this.ip.receive(packet);
      return 'done';
    }
    if (fate === 'redirect') return this.redirects.redirect(packet, outcome!.redirect!);
    packet.device.statistics.rx_dropped++;
    this.drop(packet, 'TC_INGRESS', wordsFor(outcome!));
    return 'done';
  }

  /** dev_queue_xmit: egress programs, then the driver. */
  transmit(packet: Packet, device: Device): void {
    packet.device = device;
    packet.atIngress = false;
    const outcome = this.#traffic(packet, device.egress, device.classic.egress, 'egress');
    packet.report = undefined;
    const fate = outcome?.verdict.fate ?? 'pass';
    if (fate === 'pass') {
      if (this.points.on) this.points.sent('net_dev_queue', packet, device);
      return this.hardTransmit(packet);
    }
    if (fate === 'redirect') return void this.redirects.redirect(packet, outcome!.redirect!);
    this.dropSent(packet, device, 'TC_EGRESS', wordsFor(outcome!));
  }

  /** Straight to the driver, past the egress programs. */
  hardTransmit(packet: Packet): void {
    const { device } = packet;
    if (!device.up) {
      const reason = device.noQueue ? 'NOT_SPECIFIED' : 'QDISC_DROP';
      return this.dropSent(packet, device, reason, `${device.path} is down`);
    }
    if (this.taps.on) this.taps.see(packet, device, 'out');
    if (!this.points.on) return this.#toDriver(packet);
    this.points.sent('net_dev_start_xmit', packet, device);
    this.#toDriver(packet);
    if (this.points.on) this.points.sent('net_dev_xmit', packet, device);
  }

  /** The same for generic XDP (generic_xdp_tx), which taps do not see. */
  transmitUnseen(packet: Packet): void {
    const { device } = packet;
    if (!device.up) return this.dropSent(packet, device, 'NOT_SPECIFIED', `${device.path} is down`);
    this.#toDriver(packet);
  }

  #toDriver(packet: Packet): void {
    const { device } = packet;
    if (packet.trail) this.tracer.add(packet, { kind: 'transmit', length: packet.data.length });
    this.nested(packet, () => device.xmit(packet));
  }

  /**
   * An AF_XDP socket sends: straight to the driver, past programs, queues and taps
   * (__dev_direct_xmit). Returns 0, or -EBUSY for a packet that is dropped.
   */
  sendDirectly(packet: Packet): number {
    const { device } = packet;
    if (this.tracer.on) this.#beginTrace(packet, 'transmit');
    const ready = device.up && device.carrier;
    this.perform(() => {
      if (ready) this.nested(packet, () => device.xmit(packet));
      else this.dropSent(packet, device, 'NOT_SPECIFIED', `${device.path} has no carrier`);
    });
    return ready ? 0 : -errnos['EBUSY']!;
  }

  /** Runs one transmission inside of another, not too deep. */
  nested(packet: Packet, transmission: () => void): void {
    if (this.#depth > RECURSION_LIMIT) {
      return this.dropSent(packet, packet.device, 'NOT_SPECIFIED', 'recursion limit reached');
    }
    this.#depth++;
    try {
      transmission();
    } finally {
      this.#depth--;
    }
  }

  /** tcx, and classic filters if it says NEXT: who decided (sch_handle_ingress, _egress). */
  #traffic(
    packet: Packet,
    tcx: AttachPoint,
    classic: ClassicFilters,
    direction: 'ingress' | 'egress',
  ): Outcome | undefined {
    if (tcx.programs.length > 0) {
      const outcome = this.runPrograms(packet, tcx.programs, `tcx/${direction}`);
      // Other codes are NEXT, and yet no other program of tcx runs.
      if (outcome && TCX_DECIDES.has(outcome.verdict.name)) return outcome;
    }
    for (const program of classic.programs) {
      const outcome = this.#runOne(packet, program, `tc/${direction}`);
      if (CLASSIC_DECIDES.has(outcome.verdict.name)) return outcome;
    }
    return undefined;
  }

  /** Programs in order until one decides; undefined if there is none. */
  runPrograms(
    packet: Packet,
    programs: readonly MachineProgram[],
    hook: PacketHookName,
  ): Outcome | undefined {
    let last: Outcome | undefined;
    for (const program of programs) {
      last = this.#runOne(packet, program, hook);
      if (last.verdict.name !== 'next') break;
    }
    return last;
  }

  #runOne(packet: Packet, program: MachineProgram, hook: PacketHookName): Outcome {
    const before = packet.data;
    const outcome = this.runner.skb(program, packet);
    this.note(packet, program, hook, outcome, before);
    if (this.runner.clones.length > 0) this.redirects.sendClones(packet);
    return outcome;
  }

  /** Writes down what a program did, for the trace and the first device's result. */
  note(
    packet: Packet,
    program: MachineProgram,
    hook: PacketHookName,
    { code, verdict, data, fault }: Outcome,
    before: Uint8Array,
  ): void {
    const { report, trail } = packet;
    if (report) {
      report.passage = { code, name: verdict.name, fault };
      report.data = data;
      packet.owned = false;
    }
    if (!trail) return;
    this.tracer.add(packet, {
      kind: 'program',
      hook,
      program: { id: program.id, name: program.spec.name },
      verdict: verdict.name,
      code,
      rewrites: rewritesOf(before, data),
      ...(before.length === data.length ? {} : { resized: [before.length, data.length] as const }),
      ...(packet.cpu === 0 ? {} : { cpu: packet.cpu }),
      ...(fault ? { fault: fault.message } : {}),
    });
  }

  /** kfree_skb: the packet is gone. `reason`: word of enum skb_drop_reason. */
  drop(
    packet: Packet,
    reason: string,
    why?: string,
    pulled: boolean = packet.ingressIfindex !== 0,
  ): void {
    if (this.points.on && !packet.isFrame) this.points.dropped(packet, reason, pulled);
    this.lose(packet, reason, why);
  }

  /** A frame is gone that was no socket buffer: in a card, or by XDP in a driver. */
  lose(packet: Packet, reason: string, why?: string): void {
    if (!packet.trail) return;
    this.tracer.add(packet, { kind: 'drop', reason, ...(why === undefined ? {} : { why }) });
  }

  /** A device could not send it. */
  dropSent(packet: Packet, device: Device, reason: string, why?: string): void {
    device.statistics.tx_dropped++;
    this.drop(packet, reason, why, false);
  }
}

function wordsFor({ verdict, fault }: Outcome): string | undefined {
  if (fault) return fault.message;
  return verdict.name === 'drop' ? undefined : `verdict ${verdict.name}`;
}
