// Gives every packet of a capture to a loaded XDP program, a batch at a time: what `beeyard run` does,
// in a few lines.
import { LocalLane, PacketRing, PacketRunner } from '../../dist/machine/index.js';
import { xdpHook } from '../../dist/machine/net/xdp.js';
import { CaptureReader, createBatch } from '../../dist/tools/pcap/index.js';

const BATCH = 4096;
const RING = { capacity: BATCH, bytes: 4 << 20, roomy: false };

/** Reads the whole capture (uncompressed bytes). Returns verdicts, packets, bytes, milliseconds. */
export async function runCapture(machine, program, capture, onBatch = () => {}) {
  const { runtime } = machine;
  const runner = new PacketRunner(
    [new LocalLane(new PacketRing(runtime, xdpHook, RING), program.code)],
    Number(runtime.clock),
  );
  const ingress = [{ ifindex: 2, headerSize: 14 }];
  const reader = new CaptureReader();
  const batch = createBatch(BATCH);
  const start = performance.now();
  reader.push(capture);
  while (reader.next(batch) > 0) {
    for (let done = 0; done < batch.count; ) done += await runner.run(batch, done, ingress);
    onBatch(reader.packets);
  }
  reader.end();
  if (reader.problem) throw reader.problem;
  const { packets, bytes } = runner.totals;
  return { packets, bytes, verdicts: runner.verdicts(), ms: performance.now() - start };
}
