/**
 * What programs at rxe/rx and rxe/tx see, an extension: `struct rxe_md` of include/beeyard/rxe.h.
 */
import type { ContextDef } from './context/rules.ts';

/** Members in their order, with their bytes; those of 8 are aligned. */
const MEMBERS: readonly (readonly [name: string, size: number])[] = [
  ['opcode', 4],
  ['qpn', 4],
  ['psn', 4],
  ['flags', 4],
  ['payload_len', 4],
  ['pkey', 4],
  ['remote_ip4', 4],
  ['ifindex', 4],
  ['rkey', 4],
  ['dma_len', 4],
  ['va', 8],
  ['syndrome', 4],
  ['msn', 4],
  ['src_qpn', 4],
  ['qkey', 4],
  ['remote_ip6', 16],
];

/** Where each member is. */
export const rxeFields: ReadonlyMap<string, { readonly offset: number; readonly size: number }> =
  new Map(MEMBERS.map(([name, size], i) => [name, { offset: offsetOf(i), size }]));

function offsetOf(index: number): number {
  return MEMBERS.slice(0, index).reduce((sum, [, size]) => sum + size, 0);
}

/** Bytes of the struct. */
export const RXE_MD_SIZE: number = offsetOf(MEMBERS.length);

/** Programs read whole members, and write nothing. */
export const rxeContext: ContextDef = {
  size: RXE_MD_SIZE,
  rules: [...rxeFields.values()].map(({ offset, size }) => ({
    from: offset,
    to: offset + size,
    read: size === 8 ? { 8: 0 } : { 4: 0 },
    fits: true,
  })),
  plain: true,
};
