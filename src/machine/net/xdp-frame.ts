import {
  XDP_DATA,
  XDP_DATA_END,
  XDP_DATA_META,
  XDP_FRAG_SIZE,
  XDP_FRAGS,
  XDP_FRAGS_LENGTH,
  XDP_HARD_START,
} from '../../runtime/layout.ts';
import type { Runtime } from '../../runtime/types.ts';

const PAGE = 4096;
/** MAX_SKB_FRAGS, and a page to grow into. */
const ROOM = 18 * PAGE;

/** Where fragments are, in each machine's memory. */
const fragments = new WeakMap<Runtime, number>();

function fragmentsOf(runtime: Runtime): number {
  const known = fragments.get(runtime);
  if (known !== undefined) return known;
  const made = runtime.allocate(ROOM, PAGE);
  fragments.set(runtime, made);
  return made;
}

/**
 * Metadata in front of a test run's packet and fragments behind it (mirrors bpf_prog_test_run_xdp):
 * the first bytes of the packet of context `at` become metadata, `rest` its fragments. In front of
 * them are zeros.
 */
export function shape(runtime: Runtime, at: number, metadata: number, rest: Uint8Array): void {
  if (metadata > 0) moveDown(runtime, at, metadata);
  const now = runtime.u32();
  const [first, start] = [now[(at + XDP_HARD_START) >>> 2]!, now[(at + XDP_DATA_META) >>> 2]!];
  runtime.u8().fill(0, first, start);
  if (rest.length === 0) return;
  const address = fragmentsOf(runtime);
  runtime.u8().set(rest, address);
  const words = runtime.u32();
  words[(at + XDP_FRAGS) >>> 2] = address;
  words[(at + XDP_FRAGS_LENGTH) >>> 2] = rest.length;
  words[(at + XDP_FRAG_SIZE) >>> 2] = PAGE;
}

/** Metadata is in the headroom: the packet starts where it would without. */
function moveDown(runtime: Runtime, at: number, metadata: number): void {
  const words = runtime.u32();
  const start = words[(at + XDP_DATA) >>> 2]!;
  const end = words[(at + XDP_DATA_END) >>> 2]!;
  runtime.u8().copyWithin(start - metadata, start, end);
  words[(at + XDP_DATA_META) >>> 2] = start - metadata;
  words[(at + XDP_DATA_END) >>> 2] = end - metadata;
}

/** The linear part, with the fragments as the program left them. */
export function whole(runtime: Runtime, at: number, linear: Uint8Array): Uint8Array {
  const words = runtime.u32();
  const length = words[(at + XDP_FRAGS_LENGTH) >>> 2]!;
  if (length === 0) return linear;
  const from = words[(at + XDP_FRAGS) >>> 2]!;
  const joined = new Uint8Array(linear.length + length);
  joined.set(linear);
  joined.set(runtime.u8().subarray(from, from + length), linear.length);
  return joined;
}

/** Metadata in front of the packet of context `at`. */
export function putInFront(runtime: Runtime, at: number, metadata: Uint8Array): void {
  const words = runtime.u32();
  const start = words[(at + XDP_DATA) >>> 2]! - metadata.length;
  runtime.u8().set(metadata, start);
  words[(at + XDP_DATA_META) >>> 2] = start;
}
