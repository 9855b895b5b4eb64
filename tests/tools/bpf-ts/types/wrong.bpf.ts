/* oxlint-disable no-const-assign, no-unused-expressions, no-unused-vars */
// What an editor (`tsc --strict`) must refuse in a .bpf.ts file: each line marked `// error` has
// exactly one error, the others have none.
import {
  array,
  atomic,
  be16,
  ethhdr,
  hash,
  htons,
  type i32,
  iphdr,
  ntohs,
  type Of,
  ringbuf,
  rodata,
  struct,
  tc,
  type u16,
  u32,
  u64,
  u8,
  xdp,
} from 'beeyard/bpf';

enum Kind {
  ONE,
  TWO,
}
const Key = struct({ address: u8.array(4), port: be16 });
const Value = struct({ packets: u64, kind: Kind });
type Value = Of<typeof Value>;
const flows = hash({ key: Key, value: Value, max_entries: 16 });
const counts = array({ key: u32, value: u64, max_entries: 16 });
const events = ringbuf({ value: Value, max_entries: 4096 });
const limits = rodata(Value, { packets: 5n });
const scale = rodata(u32, 2);

function wide(x: u32): u32 {
  return x;
}
function narrow(x: u8): u8 {
  return x;
}
function signed(x: i32): i32 {
  return x;
}
function count(value: Value): void {
  value.packets += 1n;
}

// Verdicts
export const a = xdp(() => 'block'); // error
export const b = xdp(() => 'ok'); // error
export const c = tc(() => 'pass'); // error
export const d = tc(() => 'shot');
export const e = xdp(() => 2); // error

export const f = xdp((packet) => {
  // What may be absent
  const eth = packet.read(ethhdr, 0);
  const early = eth.h_proto; // error
  if (!eth) return 'drop';
  const late = eth.h_proto;
  const value = flows.get({ port: late });
  value.packets = 1n; // error
  count(value); // error
  if (value) count(value);
  const n = counts.get(1);
  n.value += 1n; // error
  if (n !== undefined) n.value += 1n;
  const event = events.reserve();
  events.submit(event); // error
  if (event) events.submit(event);

  // Keys and values
  flows.get(5); // error
  flows.get({ port: 80 }); // error
  flows.get({ host: late }); // error
  flows.get(Key({ address: [10, 0, 0, 1], port: htons(80) }));
  counts.get(1n); // error
  counts.update(1, 5); // error
  counts.update(1, 5n, 'sometimes'); // error
  counts.update(1, 5n, 'exist');
  flows.update({ port: late }, { packets: 1 }); // error
  flows.update({ port: late }, { packets: 1n, kind: Kind.TWO });

  // Numbers
  const length = packet.length;
  const sum = length + 1n; // error
  const big: u64 = u64(length) + 1n;
  const small: u8 = length; // error
  const cut: u8 = u8(length);
  narrow(length); // error
  wide(cut);
  signed(length); // error
  signed(cut);
  const port: u16 = late; // error
  const turned: u16 = ntohs(late);
  ntohs(turned); // error
  if (late === htons(0x0800)) return 'drop';

  // Memory
  limits.packets = 1n; // error
  scale = 3; // error
  packet.ingress_ifindex = 1; // error
  packet.nothing; // error
  atomic.add(limits, 'none', 1n); // error
  const ip = packet.read(iphdr, 14);
  if (ip) atomic.add(ip, 'tos', 1n); // error
  Value({ packets: 1n, other: 2 }); // error
  return big > 5n && sum && early && small && port ? 'pass' : 'drop';
});
