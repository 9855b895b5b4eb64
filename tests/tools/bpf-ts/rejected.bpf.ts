// Programs that compile and that the verifier rejects: what it says must quote these lines.
import {
  array,
  bpf_xdp_adjust_head,
  ethhdr,
  htons,
  ringbuf,
  struct,
  u32,
  u64,
  xdp,
} from 'beeyard/bpf';

const Record = struct({ time: u64 });
const counts = array({ key: u32, value: u64, max_entries: 4 });
const ring = ringbuf({ value: Record, max_entries: 4096 });

export const unchecked_lookup = xdp((packet) => {
  const count = counts.get(packet.length);
  count!.value += 1n;
  return 'pass';
});

export const unchecked_read = xdp((packet) => {
  const eth = packet.read(ethhdr, 0)!;
  return eth.h_proto === htons(0x0800) ? 'drop' : 'pass';
});

export const stale_packet = xdp((packet) => {
  const eth = packet.read(ethhdr, 0);
  if (!eth) return 'pass';
  bpf_xdp_adjust_head(packet, -4);
  return eth.h_proto === htons(0x86dd) ? 'drop' : 'pass';
});

export const kept_record = xdp((packet) => {
  const record = ring.reserve();
  if (!record) return 'pass';
  record.time = 1n;
  if (packet.length > 60) return 'drop';
  ring.submit(record);
  return 'pass';
});
