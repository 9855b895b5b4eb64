import type { ProgramImage } from './types.ts';

/**
 * Bytes of the context that hold packet pointers: checked programs may not write there, because
 * helpers and checks rely on them. Offsets, end excluded; undefined without a packet.
 */
export function packetFields(
  context: ProgramImage['context'],
): { readonly start: number; readonly end: number } | undefined {
  const { packet } = context;
  if (!packet) return undefined;
  const offsets = [packet.start, packet.end, packet.meta ?? packet.start];
  return { start: Math.min(...offsets), end: Math.max(...offsets) + 4 };
}
