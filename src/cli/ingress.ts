import type { Ingress, Network } from '../machine/index.ts';
import { type CaptureInterface, knownLinks, linkDef } from '../tools/pcap/index.ts';
import { CliError, EXIT } from './exit.ts';

const ETHERNET = 1;

/** The device each interface of the capture stands for, made as interfaces turn up. */
export class IngressTable {
  readonly #network: Network;
  readonly #device: string | undefined;
  readonly #note: (text: string) => void;
  readonly #rows: Ingress[] = [];
  readonly #told = new Set<number>();

  /** `device`: name for all of them, if the user gave one. */
  constructor(network: Network, device: string | undefined, note: (text: string) => void) {
    this.#network = network;
    this.#device = device;
    this.#note = note;
  }

  /** Rows for all interfaces seen so far, by their id. */
  update(interfaces: readonly CaptureInterface[]): readonly Ingress[] {
    for (let i = this.#rows.length; i < interfaces.length; i++)
      this.#rows.push(this.#row(interfaces[i]!));
    return this.#rows;
  }

  /** The row of an interface whose packets got a made-up Ethernet header. */
  madeHeader(id: number): Ingress | undefined {
    const row = this.#rows[id];
    return row?.etherType ? row : undefined;
  }

  #row(one: CaptureInterface): Ingress {
    const link = linkDef(one.linkType);
    if (!link) {
      const name = one.name ?? one.id;
      const text = `interface ${name} has link type ${one.linkType}: no program can be given that`;
      throw new CliError(EXIT.input, text, `XDP and tc see ${knownLinks()}`);
    }
    if (one.linkType !== ETHERNET && !this.#told.has(one.linkType)) {
      this.#told.add(one.linkType);
      this.#note(
        `the capture is ${link.name}: packets get an Ethernet header (addresses zero) for the ` +
          'program; it is taken off again where they are written',
      );
    }
    const name = this.#device ?? one.name ?? 'eth0';
    const device = this.#network.devices.get(name) ?? this.#network.add(name);
    const { headerSize, etherType } = link;
    return { ifindex: device.ifindex, headerSize, etherType, linkType: one.linkType };
  }
}
