import { errnoName } from '../../../abi/names.ts';
import { REDIRECT_IFINDEX, REDIRECT_MAP } from '../../../runtime/layout.ts';
import type { MachineMap } from '../../map.ts';
import type { MachineProgram } from '../../program.ts';
import type { Device } from '../device.ts';
import { entriesOf, type MapTarget, targetAt } from './map-targets.ts';
import type { XdpSlot } from '../xdp-slot.ts';
import { returnTag, takeTag } from '../rx-metadata.ts';
import type { Packet } from './packet.ts';
import type { Outcome, RedirectRecord } from './runner.ts';
import type { Stack } from './stack.ts';

/** Flags of bpf_redirect_map. */
const BPF_F_BROADCAST = 8;
const BPF_F_EXCLUDE_INGRESS = 16;

/**
 * XDP (net/core/filter.c, kernel/bpf/devmap.c, cpumap.c). Native: in the driver, before there is a
 * socket buffer; frames go on from driver to driver. Generic: at the door of the stack, for devices
 * whose driver cannot; frames go on by the target's transmit function. Neither way runs the egress
 * programs of the target.
 */
export class XdpPath {
  readonly #stack: Stack;

  constructor(stack: Stack) {
    this.#stack = stack;
  }

  /** Runs the device's program, or chain; true if the packet goes on to the stack. */
  run(packet: Packet, { programs, chainCalls }: XdpSlot, generic: boolean): boolean {
    const { device } = packet;
    if (!generic && device.takesTags) takeTag(packet);
    for (let i = 0; i < programs.length; i++) {
      const outcome = this.#runOne(packet, programs[i]!, generic);
      if (chainCalls && goesOn(outcome, chainCalls[i]!)) continue;
      if (outcome.verdict.fate === 'pass') break;
      // Frames of XDP have neither beside them.
      packet.tag = undefined;
      packet.checksum = undefined;
      this.#decide(packet, outcome, generic);
      return false;
    }
    returnTag(packet);
    if (generic) this.#stack.typeOf(packet);
    return true;
  }

  /**
   * One frame of a live test run (xdp_test_run_batch): it was in no driver, so nobody counts what
   * is dropped, and XDP_TX sends it as a redirect to its device would. True: it goes on to the
   * stack.
   */
  live(packet: Packet, program: MachineProgram): boolean {
    const outcome = this.#runOne(packet, program, false);
    const { fate } = outcome.verdict;
    if (fate === 'pass') return true;
    packet.metadata = undefined;
    const back = { kind: REDIRECT_IFINDEX, index: packet.device.ifindex, map: 0, flags: 0 };
    const record =
      fate === 'tx' ? { ...back, metadata: undefined, neigh: undefined } : outcome.redirect;
    const error = record ? this.#follow(packet, record, false) : outcome.verdict.name;
    if (error !== undefined) this.#stack.lose(packet, 'XDP', error);
    return false;
  }

  #runOne(packet: Packet, program: MachineProgram, generic: boolean): Outcome {
    const before = packet.data;
    const outcome = this.#stack.runner.xdp(program, packet);
    packet.data = outcome.data;
    packet.owned = true;
    this.#stack.note(packet, program, generic ? 'xdp/generic' : 'xdp', outcome, before);
    return outcome;
  }

  #decide(packet: Packet, outcome: Outcome, generic: boolean): void {
    const { statistics } = packet.device;
    switch (outcome.verdict.fate) {
      case 'tx':
        return this.#sendBack(packet, generic);
      case 'redirect':
        return this.#redirect(packet, outcome.redirect!, generic);
      case 'drop':
        statistics.xdp_drop++;
        return this.#gone(packet, generic, 'XDP_DROP', 'NOT_SPECIFIED');
      default:
        statistics.xdp_exception++;
        return this.#gone(
          packet,
          generic,
          outcome.fault?.message ?? 'XDP_ABORTED',
          'NOT_SPECIFIED',
        );
    }
  }

  /** Generic XDP has a socket buffer to free, with that reason; a driver has only a frame. */
  #gone(packet: Packet, generic: boolean, why: string, reason = 'XDP'): void {
    if (generic) this.#stack.drop(packet, reason, why);
    else this.#stack.lose(packet, 'XDP', why);
  }

  #sendBack(packet: Packet, generic: boolean): void {
    const { device } = packet;
    if (packet.trail) this.#say(packet, 'XDP_TX', device.path);
    device.statistics.xdp_tx++;
    packet.report = undefined;
    packet.from = device.name;
    packet.isFrame = !generic;
    if (generic) this.#stack.transmitUnseen(packet);
    else this.#stack.nested(packet, () => device.xdpTx(packet));
  }

  #say(packet: Packet, by: string, to: string): void {
    this.#stack.tracer.add(packet, { kind: 'redirect', by, to, ingress: false });
  }

  #redirect(packet: Packet, record: RedirectRecord, generic: boolean): void {
    const { report } = packet;
    if (report) report.target = this.#stack.redirects.words(record, packet.device.net);
    packet.report = undefined;
    const error = this.#follow(packet, record, generic);
    if (error === undefined) return;
    packet.device.statistics.xdp_redirect_errors++;
    if (!generic) packet.device.xdpRedirectFailed();
    this.#gone(packet, generic, error);
  }

  /** Words for what went wrong, or undefined. */
  #follow(packet: Packet, record: RedirectRecord, generic: boolean): string | undefined {
    if (record.kind === REDIRECT_IFINDEX) {
      const device = packet.device.net.byIndex.get(record.index);
      if (!device) return `EINVAL: no interface ${record.index}`;
      if (packet.trail) this.#say(packet, 'bpf_redirect', device.path);
      return this.#forward(packet, device, generic);
    }
    const map = record.kind === REDIRECT_MAP ? this.#stack.machine.mapAt(record.map) : undefined;
    if (!map) return 'EINVAL: no redirect helper was called';
    if (record.flags & BPF_F_BROADCAST) return this.#broadcast(packet, map, record, generic);
    if (map.facts.valueIs === 'xsk') return this.#toSocket(packet, map, record);
    const target = targetAt(map, record.index);
    if (!target) return `EINVAL: ${map.spec.name}[${record.index}] is empty`;
    return this.#toTarget(packet, map, target, generic);
  }

  /** __xsk_map_redirect: sockets take packets of their own queue only. */
  #toSocket(packet: Packet, map: MachineMap, record: RedirectRecord): string | undefined {
    const slot = `${map.spec.type} ${map.spec.name}[${record.index}]`;
    const xsk = this.#stack.xsk.get(map.objectAt(record.index));
    if (!xsk) return `EINVAL: ${slot} is empty`;
    const { device, queue } = packet;
    const to = `the AF_XDP socket of ${xsk.device}, queue ${xsk.queue}`;
    if (packet.trail) this.#say(packet, slot, to);
    if (!xsk.socket.bound) return `ENXIO: ${to} is bound no more`;
    if (device.pools.get(queue) !== xsk.socket.pool) {
      return `EINVAL: ${to}, the packet of ${device.path}, queue ${queue}`;
    }
    const error = xsk.socket.deliver(packet.data, record.metadata);
    if (error < 0) return `${errnoName(error)}: ${to} has no room`;
    device.statistics.xdp_redirect++;
    if (packet.trail) this.#stack.tracer.add(packet, { kind: 'deliver', to });
    return undefined;
  }

  #toTarget(
    packet: Packet,
    map: MachineMap,
    target: MapTarget,
    generic: boolean,
  ): string | undefined {
    const slot = `${map.spec.type} ${map.spec.name}[${target.key}]`;
    if (map.spec.type === 'cpumap') return this.#toCpu(packet, slot, target, generic);
    const device = this.#deviceOf(target);
    if (!device) return `${slot} holds no device`;
    if (packet.trail) this.#say(packet, slot, device.path);
    return this.#toDevice(packet, device, target, generic);
  }

  /** Devices in maps are those of the machine's own namespace: of who filled the map. */
  #deviceOf({ value }: MapTarget): Device | undefined {
    return this.#stack.redirects.home.byIndex.get(value);
  }

  /** Through the program of the map's entry, then out. */
  #toDevice(
    packet: Packet,
    device: Device,
    target: MapTarget,
    generic: boolean,
  ): string | undefined {
    const refused = refusal(packet, device, generic);
    if (refused !== undefined) return refused;
    const program = this.#programOf(target);
    if (program) {
      const before = packet.data;
      const outcome = this.#stack.runner.xdp(program, packet, device.ifindex);
      packet.data = outcome.data;
      packet.owned = true;
      this.#stack.note(packet, program, 'xdp/devmap', outcome, before);
      // As in Linux, nothing but XDP_PASS lets the frame out.
      if (outcome.verdict.fate !== 'pass') {
        device.statistics.xdp_drop++;
        this.#stack.lose(packet, 'XDP', `the devmap's program says ${outcome.verdict.name}`);
        return undefined;
      }
    }
    return this.#forward(packet, device, generic);
  }

  #programOf({ program }: MapTarget): MachineProgram | undefined {
    return program === 0 ? undefined : this.#stack.machine.objects.programs.get(program);
  }

  #forward(packet: Packet, device: Device, generic: boolean): string | undefined {
    const refused = refusal(packet, device, generic);
    if (refused !== undefined) {
      device.statistics.xdp_tx_errors++;
      return refused;
    }
    packet.device.statistics.xdp_redirect++;
    packet.from = packet.device.name;
    packet.device = device;
    packet.isFrame = !generic;
    if (generic) this.#stack.transmitUnseen(packet);
    else this.#stack.nested(packet, () => device.xdpXmit(packet));
    return undefined;
  }

  /** A copy for every device of the map; the last one gets the packet itself. */
  #broadcast(
    packet: Packet,
    map: MachineMap,
    { flags }: RedirectRecord,
    generic: boolean,
  ): string | undefined {
    const ingress = flags & BPF_F_EXCLUDE_INGRESS ? packet.device : undefined;
    const found = entriesOf(map)
      .map((target) => ({ target, device: this.#deviceOf(target) }))
      .filter(({ device }) => device && device !== ingress && !refusal(packet, device, generic));
    for (const [i, { target, device }] of found.entries()) {
      const last = i === found.length - 1;
      const one = last ? packet : this.#stack.redirects.cloneFor(packet, device!);
      if (one.trail) this.#say(one, `${map.spec.name}[${target.key}] (broadcast)`, device!.path);
      const error = this.#toDevice(one, device!, target, generic);
      if (error !== undefined) this.#gone(one, generic, error);
    }
    return found.length > 0 ? undefined : `${map.spec.name} has no device for it`;
  }

  /** The other CPU's thread takes it from its queue, runs the entry's program, makes a buffer. */
  #toCpu(packet: Packet, slot: string, target: MapTarget, generic: boolean): string | undefined {
    // It is a socket buffer already: its device's program does not see it again.
    packet.redirected = generic;
    if (packet.trail) this.#say(packet, slot, `CPU ${target.key}`);
    packet.device.statistics.xdp_redirect++;
    this.#stack.later(packet, () => this.#onCpu(packet, target));
    return undefined;
  }

  #onCpu(packet: Packet, target: MapTarget): void {
    packet.cpu = target.key;
    const program = this.#programOf(target);
    if (program) {
      const before = packet.data;
      const outcome = this.#stack.runner.xdp(program, packet);
      packet.data = outcome.data;
      packet.owned = true;
      this.#stack.note(packet, program, 'xdp/cpumap', outcome, before);
      // Sending back is for drivers; such a program may pass, drop and redirect.
      if (outcome.verdict.fate === 'redirect') {
        return this.#redirect(packet, outcome.redirect!, false);
      }
      if (outcome.verdict.fate !== 'pass') return this.#notOnCpu(packet, outcome);
    }
    this.#stack.typeOf(packet);
    this.#stack.receiveBuffer(packet);
  }

  #notOnCpu(packet: Packet, { verdict, fault }: Outcome): void {
    const { statistics } = packet.device;
    if (verdict.fate === 'drop') statistics.xdp_drop++;
    else statistics.xdp_exception++;
    this.#stack.lose(packet, 'XDP', fault?.message ?? `the cpumap's program says ${verdict.name}`);
  }
}

/** xdp_ok_fwd_dev, and what the driver says. */
function refusal(packet: Packet, device: Device, generic: boolean): string | undefined {
  if (!generic) {
    const error = device.xdpRefusal();
    if (error === 'EOPNOTSUPP') return `EOPNOTSUPP: ${device.path} takes no XDP frames`;
    if (error) return `${error}: the other end of ${device.path} runs no XDP program`;
  }
  if (!device.up) return `ENETDOWN: ${device.path} is down`;
  if (packet.data.length > device.frameLimit) return `EMSGSIZE: too long for ${device.path}`;
  return undefined;
}

/** A chain's next program runs; behind the last one that is XDP_PASS (as libxdp's dispatcher). */
function goesOn({ code, fault }: Outcome, calls: number): boolean {
  return !fault && code >= 0 && code < 32 && (calls & (1 << code)) !== 0;
}
