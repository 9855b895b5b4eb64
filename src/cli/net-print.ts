/** Traces of packets, as paths for people and as JSON. */
import { hexBytes } from '../base/index.ts';
import type { PacketTrace } from '../kernel/index.ts';
import { type CliIo, type Style, styleFor } from './io.ts';
import { eventWords, fateOf } from '../client/index.ts';
import { summaryOf } from './net-words.ts';

export interface TracePrinter {
  packet(packet: PacketTrace): void;
  /** After the last one. */
  end(): void;
}

/** What became of all packets, for the last lines. */
class Totals {
  packets = 0;
  readonly fates = new Map<string, number>();
  readonly reasons = new Map<string, number>();

  add(packet: PacketTrace): void {
    this.packets++;
    const { fate, reason } = fateOf(packet);
    this.fates.set(fate, (this.fates.get(fate) ?? 0) + 1);
    if (reason !== undefined) this.reasons.set(reason, (this.reasons.get(reason) ?? 0) + 1);
  }
}

const HERE = '(machine)';

/** An indented path per packet: namespaces, in them devices, in them what happened. */
export class PathPrinter implements TracePrinter {
  readonly #io: CliIo;
  readonly #style: Style;
  readonly #totals = new Totals();

  constructor(io: CliIo) {
    this.#io = io;
    this.#style = styleFor(io.color);
  }

  packet(packet: PacketTrace): void {
    this.#totals.add(packet);
    const { bold, dim } = this.#style;
    const parent = packet.parent === undefined ? '' : ` (from packet ${packet.parent})`;
    const head = `packet ${packet.id}${parent}`;
    this.#io.out(
      `${bold(head)}  ${summaryOf(packet.data)}  ${dim(`${packet.data.length} bytes`)}\n`,
    );
    let where = '';
    for (const event of packet.events) {
      const namespace = event.namespace === '' ? HERE : event.namespace;
      if (`${namespace}/` !== where.slice(0, namespace.length + 1)) {
        this.#io.out(`  ${bold(namespace)}\n`);
      }
      const here = `${namespace}/${event.device}`;
      const device = here === where ? '' : event.device;
      where = here;
      this.#io.out(`    ${dim(device.padEnd(12))} ${eventWords(event, this.#style)}\n`);
    }
  }

  end(): void {
    const { packets, fates, reasons } = this.#totals;
    const list = (counts: ReadonlyMap<string, number>) =>
      [...counts].sort((a, b) => b[1] - a[1]).map(([word, count]) => `${word} ${count}`);
    this.#io.out(`${packets} packets: ${list(fates).join(', ') || 'none'}\n`);
    if (reasons.size > 0) this.#io.out(`  dropped for: ${list(reasons).join(', ')}\n`);
  }
}

/** All events of all packets. */
export class JsonPrinter implements TracePrinter {
  readonly #io: CliIo;
  readonly #indent: number | undefined;
  readonly #totals = new Totals();
  #first = true;

  constructor(io: CliIo, pretty: boolean) {
    this.#io = io;
    this.#indent = pretty ? 2 : undefined;
  }

  packet(packet: PacketTrace): void {
    this.#totals.add(packet);
    const { id, parent, data, events } = packet;
    const hex = hexBytes(data);
    const row = {
      id,
      parent,
      length: data.length,
      summary: summaryOf(data),
      data: hex,
      ...fateOf(packet),
      events,
    };
    this.#io.out(
      `${this.#first ? '{"packets":[' : ','}\n${JSON.stringify(row, null, this.#indent)}`,
    );
    this.#first = false;
  }

  end(): void {
    const { packets, fates, reasons } = this.#totals;
    const totals = {
      packets,
      fates: Object.fromEntries(fates),
      reasons: Object.fromEntries(reasons),
    };
    const text = JSON.stringify(totals, null, this.#indent);
    this.#io.out(`${this.#first ? '{"packets":[' : ''}],\n"totals":${text}}\n`);
  }
}
