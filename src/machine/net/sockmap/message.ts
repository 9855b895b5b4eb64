/** What is sent through a socket, before it goes (struct sk_msg, include/linux/skmsg.h). */
import { errnos } from '../../../abi/index.ts';
import { joinBytes } from '../../../base/index.ts';

/** MAX_MSG_FRAGS */
const MOST_ELEMENTS = 17;
/** A page fragment of a task (SKB_FRAG_PAGE_ORDER). */
const ELEMENT = 32_768;
/** The largest pages there are: what is pushed has to fit. */
const MOST_PUSHED = 4_194_304;
const NOTHING: Uint8Array = new Uint8Array(0);
const no = (name: string): number => -errnos[name]!;

/** What a program sees: bytes of one element. */
export interface Window {
  readonly element: number;
  readonly offset: number;
  readonly length: number;
}

/** A list of elements: programs see one of them at a time, or ask for a part to be made one. */
export class SkMessage {
  elements: Uint8Array[] = [];
  /** bpf_msg_apply_bytes, bpf_msg_cork_bytes: they stay until the message is through. */
  apply = 0;
  cork = 0;
  /** Number of the socket it was redirected to, flags. */
  redirect = 0;
  redirectFlags = 0;
  window: Window = { element: 0, offset: 0, length: 0 };

  get size(): number {
    return this.elements.reduce((sum, { length }) => sum + length, 0);
  }

  get full(): boolean {
    return this.elements.length >= MOST_ELEMENTS;
  }

  /** Takes in as much as there is room for; returns how much. */
  append(data: Uint8Array): number {
    let taken = 0;
    while (taken < data.length) {
      const last = this.elements.at(-1);
      const room = last ? ELEMENT - last.length : 0;
      if (room <= 0 && this.full) break;
      const piece = data.slice(taken, taken + (room > 0 ? room : ELEMENT));
      if (room > 0) this.elements[this.elements.length - 1] = joinBytes([last!, piece]);
      else this.elements.push(piece);
      taken += piece.length;
    }
    return taken;
  }

  /** Takes bytes off its front. */
  take(size: number): Uint8Array {
    const pieces: Uint8Array[] = [];
    for (let left = size; left > 0 && this.elements.length > 0; ) {
      const first = this.elements[0]!;
      const piece = first.subarray(0, left);
      pieces.push(piece);
      left -= piece.length;
      if (piece.length === first.length) this.elements.shift();
      else this.elements[0] = first.subarray(piece.length);
    }
    return pieces.length === 1 ? pieces[0]! : joinBytes(pieces);
  }

  /** sk_msg_free: nothing is left of it. Returns how much that was. */
  clear(): number {
    const { size } = this;
    this.elements = [];
    this.apply = this.cork = this.redirect = this.redirectFlags = 0;
    return size;
  }

  /** The first element is what a program sees. */
  showFirst(): void {
    this.window = { element: 0, offset: 0, length: this.elements[0]?.length ?? 0 };
  }

  get shown(): Uint8Array {
    const { element, offset, length } = this.window;
    return this.elements[element]?.subarray(offset, offset + length) ?? NOTHING;
  }

  /** The element with a byte, and where it begins; behind the last: the place behind it. */
  #find(start: number): { index: number; offset: number; length: number } {
    let offset = 0;
    let length = 0;
    let index = 0;
    for (; index < this.elements.length; index++) {
      offset += length;
      length = this.elements[index]!.length;
      if (start < offset + length) break;
    }
    return { index, offset, length };
  }

  /** bpf_msg_pull_data: start to end become visible, in one piece. */
  pull(start: number, end: number, flags: bigint): number {
    if (flags !== 0n || end <= start) return no('EINVAL');
    const { index, offset, length } = this.#find(start);
    if (start >= offset + length) return no('EINVAL');
    const need = end - offset;
    let last = index;
    for (let have = length; have < need; have += this.elements[last]!.length) {
      if (++last >= this.elements.length) return no('EINVAL');
    }
    if (last > index) {
      const joined = joinBytes(this.elements.slice(index, last + 1));
      this.elements.splice(index, last + 1 - index, joined);
    }
    this.window = { element: index, offset: start - offset, length: end - start };
    return 0;
  }

  /** bpf_msg_push_data: room for bytes, which are zero here and anything in Linux. */
  push(start: number, size: number, flags: bigint): number {
    if (flags !== 0n) return no('EINVAL');
    if (size === 0) return 0;
    const { index, offset, length } = this.#find(start);
    if (start > offset + length) return no('EINVAL');
    if (size > MOST_PUSHED) return no('ENOMEM');
    const space = MOST_ELEMENTS - this.elements.length;
    const at = Math.min(index, Math.max(this.elements.length - 1, 0));
    const old = this.elements[at] ?? NOTHING;
    const cut = start - offset;
    const [front, rest] = [old.slice(0, cut), old.slice(cut)];
    const fresh = new Uint8Array(size);
    const inOne = space <= 0 || (space === 1 && cut !== 0);
    const parts = inOne ? [joinBytes([front, fresh, rest])] : [front, fresh, rest];
    this.elements.splice(at, 1, ...parts.filter((part) => part.length > 0));
    this.showFirst();
    return 0;
  }

  /** bpf_msg_pop_data */
  pop(start: number, size: number, flags: bigint): number {
    if (flags !== 0n) return no('EINVAL');
    if (size === 0) return 0;
    const { offset, length } = this.#find(start);
    if (start >= offset + length || start + size > this.size) return no('EINVAL');
    this.#cut(start);
    this.#cut(start + size);
    const from = this.#find(start).index;
    const end = start + size < this.size ? this.#find(start + size).index : this.elements.length;
    this.elements.splice(from, end - from);
    this.#mend(from);
    this.showFirst();
    return 0;
  }

  /** Makes an element begin at a place. */
  #cut(at: number): void {
    const { index, offset } = this.#find(at);
    const element = this.elements[index];
    if (!element || at === offset) return;
    this.elements.splice(index, 1, element.slice(0, at - offset), element.slice(at - offset));
  }

  /** Without room for another element both sides of the gap are one. */
  #mend(at: number): void {
    if (this.elements.length <= MOST_ELEMENTS || at === 0 || at >= this.elements.length) return;
    this.elements.splice(at - 1, 2, joinBytes([this.elements[at - 1]!, this.elements[at]!]));
  }
}
