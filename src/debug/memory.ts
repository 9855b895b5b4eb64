import type { RecordedFrame } from '../engine/interpreter/recording.ts';
import type { ProgramImage } from '../engine/index.ts';
import type { Runtime } from '../runtime/index.ts';
import { C_CTX } from '../runtime/layout.ts';

/** Bytes of a frame's stack (MAX_BPF_STACK). */
const STACK = 512;

/** Addresses of the packet in linear memory now: data and data_end of the context. */
export function packetBounds(
  runtime: Runtime,
  { context }: ProgramImage,
): { readonly start: number; readonly end: number } | undefined {
  const { packet } = context;
  if (!packet) return undefined;
  const view = runtime.view();
  const at = view.getUint32(runtime.cpuBlock + C_CTX, true);
  return {
    start: view.getUint32(at + packet.start, true),
    end: view.getUint32(at + packet.end, true),
  };
}

/** The packet as memory has it now, between data and data_end of the context; a copy. */
export function contextPacket(runtime: Runtime, image: ProgramImage): Uint8Array | undefined {
  const bounds = packetBounds(runtime, image);
  return bounds && runtime.u8().slice(bounds.start, bounds.end);
}

/** The stack of an open frame, lowest address first: its last byte is the one below r10. A copy. */
export function stackOf(runtime: Runtime, { registers }: RecordedFrame): Uint8Array {
  const top = Number(registers[10]! & 0xffff_ffffn);
  return runtime.u8().slice(top - STACK, top);
}
