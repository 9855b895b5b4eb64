import type { ProgramImage } from '../engine/index.ts';
import type { Runtime } from '../runtime/index.ts';
import {
  C_CTX,
  C_STACK_END,
  FIRST_SHARED_REGION,
  M_ID,
  R_END,
  R_OWNER,
  R_START,
  REGION_CTX,
  REGION_FUNCTION,
  REGION_MAP_HANDLE,
  REGION_PACKET,
  REGION_SIZE,
  REGION_STACK,
  REGIONS,
  TAG_BASE,
  TAG_MASK,
} from '../runtime/layout.ts';

/** What a 64-bit value points to. */
export interface Pointed {
  readonly to: 'packet' | 'ctx' | 'stack' | 'map' | 'map value' | 'function' | 'memory';
  /** Bytes from the beginning of it; for the stack from its upper end, so below 0. */
  readonly offset: number;
  /** Of maps: the id. */
  readonly map?: number;
  /** Address in linear memory. */
  readonly address: number;
}

/**
 * Says what a register holds a pointer to; undefined: it is a number. Only by its look: a program
 * may compute a number that looks so. Pointers into the packet of a program that was verified are
 * plain addresses.
 */
export function pointed(
  runtime: Runtime,
  { context }: ProgramImage,
  value: bigint,
): Pointed | undefined {
  const high = Number(BigInt.asIntN(32, value >> 32n));
  if (high === 0) return inPacket(runtime, context, Number(value));
  const region = high - TAG_BASE;
  if (region < 0 || region > TAG_MASK) return undefined;
  const address = Number(value & 0xffff_ffffn);
  const words = runtime.u32();
  const word = (at: number): number => words[at >>> 2]!;
  const { cpuBlock } = runtime;
  switch (region) {
    case REGION_PACKET: {
      // Programs without checks keep no record of their packet: the context has its bounds.
      const start = word(word(cpuBlock + C_CTX) + (context.packet?.start ?? 0));
      return { to: 'packet', offset: address - start, address };
    }
    case REGION_CTX:
      return { to: 'ctx', offset: address - word(cpuBlock + C_CTX), address };
    case REGION_STACK:
      return { to: 'stack', offset: address - (cpuBlock + C_STACK_END), address };
    case REGION_MAP_HANDLE:
      return { to: 'map', offset: 0, map: word(address + M_ID), address };
    case REGION_FUNCTION:
      return { to: 'function', offset: address, address };
    default:
      return region < FIRST_SHARED_REGION
        ? { to: 'memory', offset: address, address }
        : inShared(word, REGIONS + region * REGION_SIZE, address);
  }
}

function inPacket(
  runtime: Runtime,
  { packet }: ProgramImage['context'],
  address: number,
): Pointed | undefined {
  if (!packet) return undefined;
  const view = runtime.view();
  const at = view.getUint32(runtime.cpuBlock + C_CTX, true);
  const start = view.getUint32(at + packet.start, true);
  const end = view.getUint32(at + packet.end, true);
  if (start === 0 || address < start || address > end) return undefined;
  return { to: 'packet', offset: address - start, address };
}

function inShared(word: (at: number) => number, record: number, address: number): Pointed {
  const owner = word(record + R_OWNER);
  const inside = address >= word(record + R_START) && address <= word(record + R_END);
  if (owner === 0 || !inside) return { to: 'memory', offset: address, address };
  const offset = address - word(record + R_START);
  return { to: 'map value', offset, map: word(owner + M_ID), address };
}
