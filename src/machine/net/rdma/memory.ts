/** Memory that the other side may read and write, as ibv_reg_mr registers it. */

import type { MemoryRegion, RegionAccess } from '../../../kernel/index.ts';
import { kept } from '../../objects/kept.ts';

/** Where the first region begins; the next ones follow, each on a page of its own. */
const FIRST_ADDRESS = 0x7f0000000000n;
const PAGE = 4096n;
const FIRST_KEY = 0x1000;

/** The regions of a device. */
export class Memory {
  readonly #regions = new Map<number, MemoryRegion>();
  #nextAddress = FIRST_ADDRESS;
  #nextKey = FIRST_KEY;

  static readonly kept = kept({
    name: 'rdma_memory',
    of: Memory,
    save: (memory: Memory) => ({
      regions: memory.#regions,
      nextAddress: memory.#nextAddress,
      nextKey: memory.#nextKey,
    }),
    make: () => new Memory(),
    fill(memory, { regions, nextAddress, nextKey }) {
      for (const [key, region] of regions) memory.#regions.set(key, region);
      memory.#nextAddress = nextAddress;
      memory.#nextKey = nextKey;
    },
  });

  /** Registers bytes; they are not copied. */
  register(bytes: Uint8Array, access: RegionAccess): MemoryRegion {
    const region = { bytes, address: this.#nextAddress, remoteKey: this.#nextKey++, access };
    const pages = (BigInt(bytes.length) + PAGE - 1n) / PAGE;
    this.#nextAddress += (pages + 1n) * PAGE;
    this.#regions.set(region.remoteKey, region);
    return region;
  }

  /** The other side may not touch it any more. */
  deregister({ remoteKey }: MemoryRegion): void {
    this.#regions.delete(remoteKey);
  }

  /** Takes back the right to use a key, as SEND with invalidate does; false: there is none. */
  invalidate(remoteKey: number): boolean {
    return this.#regions.delete(remoteKey);
  }

  /** The live bytes of a range if the key allows what is asked, else undefined. */
  range(
    remoteKey: number,
    address: bigint,
    length: number,
    asks: keyof RegionAccess,
  ): Uint8Array | undefined {
    if (length === 0) return new Uint8Array();
    const region = this.#regions.get(remoteKey);
    if (!region?.access[asks]) return undefined;
    const offset = address - region.address;
    if (offset < 0n || offset + BigInt(length) > BigInt(region.bytes.length)) return undefined;
    return region.bytes.subarray(Number(offset), Number(offset) + length);
  }
}
