/** Packets of a capture as Ethernet frames. */
import { linkDef, type PacketBatch } from '../tools/pcap/index.ts';
import type { CaptureFile } from './capture.ts';
import { CliError, EXIT } from './exit.ts';

const ETHERNET = 14;

/**
 * A packet of the capture as a frame of its own; other link types get an Ethernet header. `to`: the
 * hardware address it is to have. Throws CliError for a link type that carries no IP.
 */
export function frameOf(
  batch: PacketBatch,
  i: number,
  capture: CaptureFile,
  to?: Uint8Array,
): Uint8Array {
  const start = batch.start[i]!;
  const bytes = batch.bytes.slice(start, start + batch.length[i]!);
  const { linkType } = capture.reader.interfaces[batch.interfaceId[i]!]!;
  const link = linkDef(linkType);
  if (!link) {
    throw new CliError(EXIT.input, `${capture.path} has packets of link type ${linkType}`);
  }
  const frame = link.etherType ? behindEthernet(bytes, link.headerSize, link.etherType) : bytes;
  if (to && frame.length >= ETHERNET) frame.set(to, 0);
  return frame;
}

/** At most so many packets of a capture, as `frameOf` gives them. */
export async function firstFrames(capture: CaptureFile, most: number): Promise<Uint8Array[]> {
  const frames: Uint8Array[] = [];
  for await (const batch of capture.batches()) {
    for (let i = 0; i < batch.count && frames.length < most; i++) {
      frames.push(frameOf(batch, i, capture));
    }
    if (frames.length === most) break;
  }
  return frames;
}

function behindEthernet(
  bytes: Uint8Array,
  headerSize: number,
  etherType: (bytes: Uint8Array, at: number) => number,
): Uint8Array {
  const payload = bytes.subarray(headerSize);
  const frame = new Uint8Array(ETHERNET + payload.length);
  const type = bytes.length > 0 ? etherType(bytes, 0) : 0;
  frame.set([type >> 8, type & 255], 12);
  frame.set(payload, ETHERNET);
  return frame;
}
