/**
 * Random sequences of requests to a small tree of cgroups: attach in every way, link, replace, update,
 * detach, close, rmdir, right and wrong. Seeded: the same numbers make the same sequences.
 */
import { load } from '../corpus/source.mjs';

const { constants } = await load('src/abi/index.ts');
const {
  BPF_F_AFTER,
  BPF_F_ALLOW_MULTI,
  BPF_F_ALLOW_OVERRIDE,
  BPF_F_BEFORE,
  BPF_F_ID,
  BPF_F_LINK,
  BPF_F_PREORDER,
  BPF_F_REPLACE,
} = constants;

/** Directories of the tree, parents first, and the number of each one's parent. */
export const TREE = ['', 'a', 'a/b', 'c'];
const PARENT = [null, 0, 1, 0];
/** Programs 0 to SKB_PROGRAMS - 1 are cgroup_skb, the one after them is for XDP. */
export const SKB_PROGRAMS = 10;
export const PROGRAMS = SKB_PROGRAMS + 1;
const STEPS = 20;

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
  return Array.from({ length: count }, (_, i) => new Sequence(random(seed * 70_001 + i)).steps());
}

/** One sequence starts with empty cgroups and knows roughly what is there. */
class Sequence {
  #next;
  /** Cgroup of each link that was asked for. */
  #links = [];
  /** Programs that requests tried to put into each cgroup. */
  #tried = TREE.map(() => []);
  #gone = new Set();
  /** How programs are attached in this sequence, mostly. */
  #usual;

  constructor(next) {
    this.#next = next;
    this.#usual = this.#of([BPF_F_ALLOW_MULTI, BPF_F_ALLOW_MULTI, BPF_F_ALLOW_OVERRIDE, 0]);
  }

  steps() {
    return Array.from({ length: STEPS }, () => this.#step());
  }

  #step() {
    const usable = this.#links.flatMap((cgroup, i) => (this.#gone.has(cgroup) ? [] : [i]));
    const kind = this.#of(
      ['attach', 'attach', 'attach', 'attach', 'link', 'link', 'link', 'detach', 'detach'].concat(
        usable.length > 0 ? ['close', 'detachLink', 'update', 'update'] : [],
        this.#often(0.15) ? ['rmdir'] : [],
      ),
    );
    if (kind === 'rmdir') return this.#rmdir();
    if (kind === 'close' || kind === 'detachLink') return { kind, link: this.#of(usable) };
    if (kind === 'update') return this.#update(usable);
    const cgroup = this.#below(TREE.length);
    const egress = !this.#often(0.1);
    if (kind === 'detach') return { ...this.#detach(cgroup), egress };
    const step = {
      kind,
      cgroup,
      egress,
      program: this.#absent(cgroup),
      ...this.#rules(kind, cgroup),
    };
    this.#tried[cgroup].push(step.program);
    if (kind === 'link') this.#links.push(cgroup);
    return step;
  }

  #rmdir() {
    const cgroup = this.#below(TREE.length);
    const busy = PARENT.some((parent, i) => parent === cgroup && !this.#gone.has(i));
    if (!busy) this.#gone.add(cgroup);
    return { kind: 'rmdir', cgroup };
  }

  #update(usable) {
    const link = this.#of(usable);
    const old = this.#often(0.4) ? this.#present(this.#links[link]) : null;
    return { kind: 'update', link, program: this.#program(), old };
  }

  #detach(cgroup) {
    const program = this.#often(0.25) ? null : this.#present(cgroup);
    return {
      kind: 'detach',
      cgroup,
      program,
      flags: this.#often(0.03) ? 1 : 0,
      revision: this.#revision(),
    };
  }

  /** Flags, the anchor they speak of, the revision that is expected. */
  #rules(kind, cgroup) {
    let flags = this.#of([0, 0, 0, BPF_F_BEFORE, BPF_F_AFTER]);
    if (kind === 'attach') {
      const any = [0, BPF_F_ALLOW_OVERRIDE, BPF_F_ALLOW_MULTI];
      flags |= this.#often(0.8) ? this.#usual : this.#of(any);
    }
    if (this.#often(0.04)) flags |= BPF_F_BEFORE | BPF_F_AFTER;
    if (this.#often(0.25)) flags |= BPF_F_PREORDER;
    const replaces = this.#often(kind === 'attach' ? 0.2 : 0.02);
    if (replaces)
      flags = (flags | BPF_F_REPLACE) & (this.#often(0.9) ? ~(BPF_F_BEFORE | BPF_F_AFTER) : ~0);
    if (this.#often(0.02)) flags |= this.#of([1 << 20, BPF_F_ALLOW_MULTI | BPF_F_ALLOW_OVERRIDE]);
    const ordered = (flags & (BPF_F_BEFORE | BPF_F_AFTER)) !== 0;
    const anchor = this.#often(ordered ? 0.7 : 0.05) && this.#anchor(kind, cgroup);
    if (anchor?.by === 'id') flags |= BPF_F_ID;
    if (anchor?.of === 'link') flags |= BPF_F_LINK;
    if (!anchor && this.#often(0.02)) flags |= BPF_F_LINK;
    return {
      flags,
      ...(anchor && { anchor }),
      ...(replaces && kind === 'attach' && { replaces: this.#present(cgroup) }),
      revision: this.#revision(),
    };
  }

  #revision() {
    return this.#often(0.1) ? 1 + this.#below(6) : 0;
  }

  #anchor(kind, cgroup) {
    const by = this.#of(['fd', 'fd', 'id']);
    const usual = kind === 'link' ? 0.8 : 0.1;
    const of = this.#links.length > 0 && this.#often(usual) ? 'link' : 'program';
    if (this.#often(0.04)) return { by, of, wrong: true };
    if (of === 'program') return { by, of, number: this.#present(cgroup) };
    const here = this.#links.flatMap((there, i) => (there === cgroup ? [i] : []));
    const number =
      here.length > 0 && this.#often(0.8) ? this.#of(here) : this.#below(this.#links.length);
    return { by, of, number };
  }

  /** A program that may be there, mostly. */
  #present(cgroup) {
    const tried = this.#tried[cgroup];
    return tried.length > 0 && this.#often(0.9) ? this.#of(tried) : this.#program();
  }

  /** A program that may not be there, mostly. */
  #absent(cgroup) {
    const first = this.#program();
    return this.#tried[cgroup].includes(first) && this.#often(0.8) ? this.#program() : first;
  }

  #program() {
    return this.#often(0.03) ? SKB_PROGRAMS : this.#below(SKB_PROGRAMS);
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
