import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { createMachine } from '../../src/index.ts';
import { packetsOf } from './firewall-model.ts';

const object = new Uint8Array(readFileSync('examples/fair/fair.bpf.o'));
const packets = packetsOf(gunzipSync(readFileSync('examples/firewall/capture.pcap.gz')));
/** Of a program that steps through a tree for each packet. */
const MOST = 4000;
const QUANTUM = 8192;

interface Sender {
  readonly address: number;
  bytes: number;
  dropped: number;
}

/** The same rule over an array that is kept in order. */
class Model {
  readonly queue: Sender[] = [];
  readonly #senders = new Map<number, Sender>();

  verdict(packet: Uint8Array): 'pass' | 'drop' {
    const view = new DataView(packet.buffer, packet.byteOffset, packet.length);
    if (packet.length < 34 || view.getUint16(12) !== 0x0800) return 'pass';
    const address = view.getUint32(26, true);
    const least = this.queue[0]?.bytes ?? 0;
    let sender = this.#senders.get(address);
    if (sender) this.queue.splice(this.queue.indexOf(sender), 1);
    else this.#senders.set(address, (sender = { address, bytes: least, dropped: 0 }));
    const fits = sender.bytes + packet.length <= least + QUANTUM;
    if (fits) sender.bytes += packet.length;
    else sender.dropped++;
    const bytes = sender.bytes;
    const behind = this.queue.findIndex((other) => bytes < other.bytes);
    this.queue.splice(behind < 0 ? this.queue.length : behind, 0, sender);
    return fits ? 'pass' : 'drop';
  }
}

describe.each(['wasm', 'interpreter'] as const)('the fair example on %s', (engine) => {
  it('gives the verdicts and the order of a model, and frees all', async () => {
    using host = await createMachine({ engine });
    const loaded = await host.load(object);
    const { programs, maps } = loaded;
    const model = new Model();
    const verdicts = new Set<string>();
    for (const { bytes } of packets.slice(0, MOST)) {
      const expected = model.verdict(bytes);
      verdicts.add(expected);
      expect(programs['fair']!.run({ data: bytes }).verdict).toBe(expected);
    }
    expect(verdicts).toEqual(new Set(['pass', 'drop']));
    const { queue } = maps['.bss.queue']!.owned(0) as unknown as { queue: Sender[] };
    expect(queue.map((one) => ({ ...one, bytes: Number(one.bytes) }))).toEqual(model.queue);
    const [first] = model.queue;
    const entry = maps['senders']!.owned(first!.address) as unknown as { sender: Sender };
    expect(Number(entry.sender.bytes)).toBe(first!.bytes);
    expect(host.kernel.liveObjects!()).toEqual([
      { type: 'sender', perCpu: false, count: model.queue.length },
    ]);
    loaded[Symbol.dispose]();
    expect(host.kernel.liveObjects!()).toEqual([]);
  });
});
