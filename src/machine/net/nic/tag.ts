/** VLAN tags (802.1Q) in frames. */
const TPID = 0x8100;
const ADDRESSES = 12;
const TAG = 4;

const typeAt = (data: Uint8Array, at: number) => ((data[at] ?? 0) << 8) | (data[at + 1] ?? 0);

/** VLAN of the frame; 0: it has no tag. */
export function vlanOf(data: Uint8Array): number {
  return typeAt(data, ADDRESSES) === TPID ? typeAt(data, ADDRESSES + 2) & 0xfff : 0;
}

/** The frame without its tag, if it has one. */
export function untagged(data: Uint8Array): Uint8Array {
  if (typeAt(data, ADDRESSES) !== TPID || data.length < ADDRESSES + TAG) return data;
  const plain = new Uint8Array(data.length - TAG);
  plain.set(data.subarray(0, ADDRESSES));
  plain.set(data.subarray(ADDRESSES + TAG), ADDRESSES);
  return plain;
}

/** The frame with one more tag. */
export function tagged(data: Uint8Array, id: number, priority: number): Uint8Array {
  const made = new Uint8Array(data.length + TAG);
  made.set(data.subarray(0, ADDRESSES));
  made.set([TPID >> 8, TPID & 255, (priority << 5) | (id >> 8), id & 255], ADDRESSES);
  made.set(data.subarray(ADDRESSES), ADDRESSES + TAG);
  return made;
}
