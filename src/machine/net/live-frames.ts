import type { RunOptions, RunResult } from '../../kernel/index.ts';
import { XDP_MD_SIZE } from '../../runtime/layout.ts';
import type { MachineProgram } from '../program.ts';
import type { Device } from './device.ts';
import { Packet } from './stack/packet.ts';
import type { Stack } from './stack/stack.ts';

/**
 * A test run whose frames really go where the program says (bpf_test_run_xdp_live): batch by batch
 * the program sees its frames one after the other, and those it passes go to the stack at the end
 * of their batch. Every frame is a fresh copy; Linux gives a program its own changes back where a
 * page comes round again, which is after 64 frames at the earliest.
 */
export function runLive(
  stack: Stack,
  program: MachineProgram,
  device: Device,
  data: Uint8Array,
  { metadata = 0, repeat = 1, live: batch = 1 }: RunOptions,
): RunResult {
  const start = performance.now();
  const frame = () => {
    const packet = new Packet(data.subarray(metadata), device);
    if (metadata > 0) packet.metadata = data.subarray(0, metadata);
    return packet;
  };
  for (let done = 0; done < repeat; done += batch) {
    const size = Math.min(batch, repeat - done);
    stack.perform(() => {
      const passed = Array.from({ length: size }, frame).filter((one) =>
        stack.xdp.live(one, program),
      );
      for (const packet of passed) {
        packet.metadata = undefined;
        stack.typeOf(packet);
        stack.receiveBuffer(packet);
      }
    });
  }
  const duration = ((performance.now() - start) * 1e6) / repeat;
  return { returnValue: 0, verdict: 'aborted', data, context: contextOf(data, metadata), duration };
}

/**
 * struct xdp_md with data, data_end and data_meta as the frame had them, counted from the metadata.
 */
function contextOf({ length }: Uint8Array, metadata: number): Uint8Array {
  const bytes = new Uint8Array(XDP_MD_SIZE);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, metadata, true);
  view.setUint32(4, length, true);
  return bytes;
}
