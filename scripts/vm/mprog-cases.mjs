/**
 * Random sequences of requests to one tcx attach point: attach, link, replace, update, detach, close,
 * right and wrong, with every kind of anchor. Seeded: the same numbers make the same sequences.
 */
import { load } from '../corpus/source.mjs';

const { constants } = await load('src/abi/index.ts');
const { BPF_F_AFTER, BPF_F_BEFORE, BPF_F_ID, BPF_F_LINK, BPF_F_REPLACE } = constants;

/** Programs 0 to TC_PROGRAMS - 1 are for tc, the one after them for XDP. */
export const TC_PROGRAMS = 12;
export const PROGRAMS = TC_PROGRAMS + 1;
const STEPS = 24;

/** mulberry32: numbers from 0 to below 1. */
function random(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** `count` sequences; each is a list of steps. */
export function sequences(count, seed = 1) {
  return Array.from({ length: count }, (_, i) => new Sequence(random(seed * 100_003 + i)).steps());
}

/** One sequence starts with an empty attach point and knows roughly what is there. */
class Sequence {
  #next;
  #links = 0;
  /** Programs that may be there: requests tried to put them there. */
  #tried = [];

  constructor(next) {
    this.#next = next;
  }

  steps() {
    return Array.from({ length: STEPS }, () => this.#step());
  }

  #step() {
    const kind = this.#of(
      ['attach', 'attach', 'attach', 'link', 'link', 'link', 'detach'].concat(
        this.#links > 0 ? ['close', 'detachLink', 'update', 'update'] : [],
      ),
    );
    if (kind === 'close' || kind === 'detachLink') return { kind, link: this.#below(this.#links) };
    if (kind === 'update') return this.#update();
    const any = kind === 'detach' && this.#often(0.3);
    const program = any ? null : kind === 'detach' ? this.#present() : this.#absent();
    const step = { kind, program, ...this.#rules(kind) };
    if (kind !== 'detach') this.#tried.push(program);
    if (kind === 'link') this.#links++;
    return step;
  }

  #update() {
    const old = this.#often(0.4) ? this.#present() : null;
    return { kind: 'update', link: this.#below(this.#links), program: this.#absent(), old };
  }

  /** Flags, the anchor they speak of, the revision that is expected. */
  #rules(kind) {
    let flags = this.#of([0, 0, BPF_F_BEFORE, BPF_F_BEFORE, BPF_F_AFTER, BPF_F_AFTER]);
    if (this.#often(0.05)) flags |= BPF_F_BEFORE | BPF_F_AFTER;
    const replaces = this.#often(kind === 'attach' ? 0.25 : 0.03);
    if (replaces) flags |= BPF_F_REPLACE;
    if (this.#often(0.02)) flags |= 1 << 20;
    const anchor =
      this.#often(flags & (BPF_F_BEFORE | BPF_F_AFTER) ? 0.75 : 0.08) && this.#anchor();
    if (anchor?.by === 'id') flags |= BPF_F_ID;
    if (anchor?.of === 'link') flags |= BPF_F_LINK;
    if (!anchor && this.#often(0.02)) flags |= BPF_F_LINK;
    return {
      flags,
      ...(anchor && { anchor }),
      ...(replaces && kind === 'attach' && { replaces: this.#present() }),
      revision: this.#often(0.1) ? 1 + this.#below(6) : 0,
    };
  }

  #anchor() {
    const by = this.#of(['fd', 'fd', 'id']);
    const of = this.#links > 0 && this.#often(0.4) ? 'link' : 'program';
    if (this.#often(0.04)) return { by, of, wrong: true };
    return { by, of, number: of === 'link' ? this.#below(this.#links) : this.#present() };
  }

  /** A program that may be there, mostly. */
  #present() {
    return this.#tried.length > 0 && this.#often(0.9) ? this.#of(this.#tried) : this.#program();
  }

  /** A program that may not be there, mostly. */
  #absent() {
    const first = this.#program();
    return this.#tried.includes(first) && this.#often(0.8) ? this.#program() : first;
  }

  #program() {
    return this.#often(0.03) ? TC_PROGRAMS : this.#below(TC_PROGRAMS);
  }

  #often(share) {
    return this.#next() < share;
  }

  #below(limit) {
    return Math.floor(this.#next() * limit);
  }

  #of(list) {
    return list[this.#below(list.length)];
  }
}
