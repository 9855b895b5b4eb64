import { Device } from '../device.ts';
import type { Packet } from '../stack/packet.ts';

/** An end of a pair of devices. */
export abstract class PairDevice extends Device {
  #other: PairDevice | undefined;

  override get peer(): Device | undefined {
    return this.#other;
  }

  override get carrier(): boolean {
    return this.#other?.up === true;
  }

  /** The two become a pair. */
  join(other: PairDevice): void {
    this.#other = other;
    other.#other = this;
  }

  /** The other end is gone. */
  part(): void {
    this.#other = undefined;
  }

  /** Says in the packet's trace that it goes across. */
  protected traceCrossing(packet: Packet, peer: Device): void {
    const crosses = this.net !== peer.net;
    this.net.stack.tracer.add(packet, { kind: 'peer', to: peer.path, crosses }, this);
  }

  protected countCrossing(size: number, peer: Device): void {
    this.statistics.tx_packets++;
    this.statistics.tx_bytes += size;
    peer.statistics.rx_packets++;
    peer.statistics.rx_bytes += size;
  }
}
