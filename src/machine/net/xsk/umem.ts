import { KernelError } from '../../../base/index.ts';
import { kept } from '../../objects/kept.ts';

export const XDP_UMEM_UNALIGNED_CHUNK_FLAG = 1;
/** The kernel computes the checksums that packets ask for. */
export const XDP_UMEM_TX_SW_CSUM = 2;
/** Each chunk begins with room for metadata. */
export const XDP_UMEM_TX_METADATA_LEN = 4;

const FLAGS = XDP_UMEM_UNALIGNED_CHUNK_FLAG | XDP_UMEM_TX_SW_CSUM | XDP_UMEM_TX_METADATA_LEN;
const PAGE = 4096;
const LEAST_CHUNK = 2048;
/** XDP_PACKET_HEADROOM: what programs may put in front of a packet. */
const PACKET_HEADROOM = 256;
/** Behind a packet: struct skb_shared_info, and 128 bytes. */
const TAIL = 320 + 128;

/** What XDP_UMEM_REG takes (struct xdp_umem_reg). */
export interface UmemOptions {
  /** Bytes of the whole area. */
  readonly size: number;
  /** 2048 or 4096; any number between them with XDP_UMEM_UNALIGNED_CHUNK_FLAG. Default 4096. */
  readonly chunkSize?: number;
  /** Bytes kept free in front of each packet, besides the 256 of XDP. Default 0. */
  readonly headroom?: number;
  /** XDP_UMEM_* */
  readonly flags?: number;
  /** With XDP_UMEM_TX_METADATA_LEN: 16 to 248, a multiple of 8. */
  readonly txMetadataLength?: number;
}

/** The area, as another thread is told of it. */
export interface SharedUmem extends UmemOptions {
  readonly memory: SharedArrayBuffer;
}

/** The packet memory of AF_XDP sockets, divided into chunks that wander through their rings. */
export class Umem {
  readonly memory: SharedArrayBuffer;
  readonly bytes: Uint8Array;
  readonly chunkSize: number;
  readonly unaligned: boolean;
  readonly softwareChecksum: boolean;
  readonly metadataLength: number;
  readonly #options: UmemOptions;

  /** Throws KernelError EINVAL as setsockopt does (xdp_umem_reg). */
  constructor(options: UmemOptions, memory?: SharedArrayBuffer) {
    const { size, chunkSize = PAGE, headroom = 0, flags = 0, txMetadataLength = 0 } = options;
    checkUmem({ size, chunkSize, headroom, flags, txMetadataLength });
    this.#options = options;
    this.memory = memory ?? new SharedArrayBuffer(size);
    this.bytes = new Uint8Array(this.memory);
    this.chunkSize = chunkSize;
    this.unaligned = (flags & XDP_UMEM_UNALIGNED_CHUNK_FLAG) !== 0;
    this.softwareChecksum = (flags & XDP_UMEM_TX_SW_CSUM) !== 0;
    this.metadataLength = flags & XDP_UMEM_TX_METADATA_LEN ? txMetadataLength : 0;
  }

  static readonly kept = kept({
    name: 'umem',
    of: Umem,
    save: (umem: Umem) => ({ options: umem.#options, memory: umem.memory }),
    make: (ask) => new Umem(ask('options'), ask('memory')),
  });

  static open({ memory, ...options }: SharedUmem): Umem {
    return new Umem(options, memory);
  }

  share(): SharedUmem {
    return { ...this.#options, memory: this.memory };
  }

  /** From the start of a chunk to a packet that came in. */
  get headroom(): number {
    return (this.#options.headroom ?? 0) + PACKET_HEADROOM;
  }

  /** Bytes of a packet that fit into a chunk. */
  get frameSize(): number {
    return this.chunkSize - this.headroom;
  }

  /** Where the chunks begin. */
  chunks(): number[] {
    const count = Math.floor(this.bytes.length / this.chunkSize);
    return Array.from({ length: count }, (_, i) => i * this.chunkSize);
  }
}

/** Throws KernelError EINVAL: a ring has a power of 2 of entries. */
export function checkEntries(entries: number): void {
  if (!(entries > 0) || (entries & (entries - 1)) !== 0) {
    throw new KernelError('EINVAL', 22, `a ring of ${entries} entries: a power of 2 is wanted`);
  }
}

function checkUmem(umem: Required<UmemOptions>): void {
  const { size, chunkSize, headroom, flags, txMetadataLength: metadata } = umem;
  const unaligned = (flags & XDP_UMEM_UNALIGNED_CHUNK_FLAG) !== 0;
  const wrong = (text: string): never => {
    throw new KernelError('EINVAL', 22, `packet memory: ${text}`);
  };
  if (chunkSize < LEAST_CHUNK || chunkSize > PAGE) wrong(`chunks of ${chunkSize} (2048 to 4096)`);
  if (flags & ~FLAGS) wrong(`flags 0x${flags.toString(16)}`);
  if (!unaligned && (chunkSize & (chunkSize - 1)) !== 0) wrong(`chunks of ${chunkSize}`);
  if (size < chunkSize) wrong(`${size} bytes are not one chunk`);
  if (!unaligned && size % chunkSize !== 0) wrong(`${size} bytes are no whole chunks`);
  if (headroom > chunkSize - PACKET_HEADROOM - TAIL) wrong(`headroom of ${headroom}`);
  const wants = (flags & XDP_UMEM_TX_METADATA_LEN) !== 0;
  if (wants && (metadata >= 256 || metadata % 8 !== 0 || metadata < 16)) {
    wrong(`metadata of ${metadata} bytes (16 to 248, a multiple of 8)`);
  }
}
