import type { TcVerdict, XdpVerdict } from '../../kernel/index.ts';
import type { Runtime } from '../../runtime/types.ts';
import type { Frame } from './packets.ts';

/** What happens to a packet. */
export type Fate = 'pass' | 'drop' | 'tx' | 'redirect' | 'aborted';

export interface Verdict {
  /** Word shown to people; also the key in counts. */
  readonly name: XdpVerdict | TcVerdict | 'reroute';
  readonly fate: Fate;
}

/**
 * A place in the network stack where programs see packets. One object per program type; everything
 * that differs between XDP and tc is in it, and nothing else asks for the type.
 */
export interface PacketHook {
  /** Program types it runs, bpftool's words. */
  readonly programTypes: readonly string[];
  /** Bytes of one context in linear memory (a multiple of 4). */
  readonly contextSize: number;
  /** Bytes of the public part. */
  readonly publicSize: number;
  /** Offsets of u32 fields in the context. */
  readonly dataField: number;
  readonly dataEndField: number;
  /** Of the metadata in front of the packet, where there can be some. */
  readonly metadataField?: number;
  /** Four u32 words: kind, index, map, flags. */
  readonly redirectField: number;
  /** The machine has no such hook: programs can be test-run, and attach nowhere. */
  readonly testRunOnly?: true;
  /** A test run's packets are of a socket (struct __sk_buff.sk). */
  readonly ofSocket?: true;
  /** Only one program per device. */
  readonly exclusive: boolean;
  /** Fields (offset, size) that a context given to a test run may set. */
  readonly settable: readonly (readonly [number, number])[];
  /** Members of such a context whose 0 means what the packet and its device have. */
  readonly settle?: (u32: Uint32Array, at: number, ifindex: number) => void;
  /** Fills the context at `at` (bytes) for a packet; may also change the frame's bytes. */
  prepare(u32: Uint32Array, u8: Uint8Array, at: number, frame: Frame): void;
  /** Test runs: so many bytes of the packet become metadata, `rest` its fragments. */
  shape?(runtime: Runtime, at: number, metadata: number, rest: Uint8Array): void;
  /** Test runs: the packet that begins with the given bytes, with its fragments. */
  whole?(runtime: Runtime, at: number, linear: Uint8Array): Uint8Array;
  /** After the program: makes the packet's bytes what would leave the hook. */
  finish?(u32: Uint32Array, u8: Uint8Array, at: number): void;
  /** Why BPF_PROG_TEST_RUN does not take a packet (EINVAL), or undefined. */
  refuse?(packet: Uint8Array): string | undefined;
  /** Meaning of a return code. */
  verdict(code: number): Verdict;
  /** Return code counted for a program that was stopped by a fault. */
  readonly faultCode: number;
}
