/** Options of TCP headers as bytes (RFC 9293, section 3.1), and SYNs kept for their options. */
import { errnos } from '../../../abi/index.ts';
import type { SegmentHeaders } from './segment.ts';

const EOL = 0;
const NOP = 1;
const EXPERIMENT = 254;
const FASTOPEN_MAGIC = 0xf989;
/** MSS, window scale, SACK permitted, SACK, timestamps, MD5, AO, fast open. */
const KNOWN = new Set([2, 3, 4, 5, 8, 19, 29, 34]);
const ENOMSG = -errnos['ENOMSG']!;
const EFAULT = -errnos['EFAULT']!;

/** Where an option was found, or the errno why not; `ended`: an end of options came before it. */
export interface Found {
  readonly at: number;
  readonly ended: boolean;
}

/** Looks for an option of a kind whose value begins with `magic` (bpf_search_tcp_opt). */
export function findOption(options: Uint8Array, kind: number, magic: Uint8Array): Found {
  for (let at = 0; at < options.length; ) {
    const here = options[at]!;
    if (here === EOL) return { at: ENOMSG, ended: true };
    if (here === NOP) {
      at++;
      continue;
    }
    const size = options[at + 1] ?? 0;
    if (size < 2 || at + size > options.length) return { at: EFAULT, ended: false };
    if (here === kind) {
      if (magic.length > size - 2) return { at: ENOMSG, ended: false };
      if (magic.every((byte, i) => options[at + 2 + i] === byte)) return { at, ended: false };
    }
    at += size;
  }
  return { at: ENOMSG, ended: false };
}

/** Whether there is one that TCP itself does not know (saw_unknown). */
export function hasUnknown(options: Uint8Array): boolean {
  for (let at = 0; at < options.length; ) {
    const kind = options[at]!;
    if (kind === EOL) return false;
    if (kind === NOP) {
      at++;
      continue;
    }
    const size = options[at + 1] ?? 0;
    if (size < 2 || at + size > options.length) return false;
    const magic = ((options[at + 2] ?? 0) << 8) | (options[at + 3] ?? 0);
    const fastOpen = kind === EXPERIMENT && size >= 4 && magic === FASTOPEN_MAGIC;
    if (!KNOWN.has(kind) && !fastOpen) return true;
    at += size;
  }
  return false;
}

/** Headers of a SYN, from the first that is kept to the end of TCP's (struct saved_syn). */
export interface SavedSyn extends SegmentHeaders {
  /** Where it begins: behind Ethernet, unless TCP_SAVE_SYN was 2. */
  readonly from: number;
}

/** SYNs by the request or connection that they began: few sockets want them. */
const saved = new WeakMap<object, SavedSyn>();

export const savedSyn = (socket: object): SavedSyn | undefined => saved.get(socket);

export const saveSyn = (socket: object, syn: SavedSyn): void => void saved.set(socket, syn);

/** Whoever has read it does not get it again. */
export const forgetSyn = (socket: object): void => void saved.delete(socket);

/** The bytes that were kept. */
export const synBytes = ({ bytes, from }: SavedSyn): Uint8Array => bytes.subarray(from);
