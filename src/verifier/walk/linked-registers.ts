/**
 * Scalars that hold the same value, or values a constant apart, share an id: what a comparison
 * tells of one is true of all.
 */
import { gates } from '../gates.ts';
import { eachReg } from '../state/each-reg.ts';
import type { VerifierEnv } from '../env.ts';
import { isSpilled } from '../mem/slots.ts';
import {
  BPF_ADD_CONST,
  FRAME_POINTER,
  ID,
  OFF,
  REG_SIZE,
  REG_WORDS,
  regAt,
  SCALAR_VALUE,
  slotAt,
  SUBREG_DEF,
  TYPE,
} from '../state/layout.ts';
import type { VerifierState } from '../state/state.ts';
import { clearScalarId, copyRegister, markKnownInt } from '../value/bounds.ts';
import { addRanges32, addRanges64 } from '../value/scalar-ops.ts';
import { tnumAdd, tnumIsConst } from '../value/tnum.ts';

/** More that share an id lose it. */
const LINKED_REGS_MAX = 6;

const ENTRY_BITS = 10;
const SIZE_BITS = 4;
const SPI_SHIFT = 3;
const IS_REG = 1 << 9;
const FRAME_MASK = 0x7;
const SPI_MASK = 0x3f;

/** Id without the mark of a constant apart. */
const idOf = (w: Int32Array, r: number) => w[r + ID]! & ~BPF_ADD_CONST;

/** Up to six places of linked scalars (struct linked_regs). */
export class LinkedRegs {
  count = 0;
  /** Frame in bits 0..2, register or slot in 3..8, bit 9: a register. */
  readonly entries = new Int32Array(LINKED_REGS_MAX);

  /** Adds a place; false when there is no room. */
  push(frameno: number, place: number, isReg: boolean): boolean {
    if (this.count === LINKED_REGS_MAX) return false;
    this.entries[this.count++] = frameno | (place << SPI_SHIFT) | (isReg ? IS_REG : 0);
    return true;
  }

  frameAt(i: number): number {
    return this.entries[i]! & FRAME_MASK;
  }

  /** Number of the register or stack slot. */
  placeAt(i: number): number {
    return (this.entries[i]! >> SPI_SHIFT) & SPI_MASK;
  }

  isRegAt(i: number): boolean {
    return (this.entries[i]! & IS_REG) !== 0;
  }

  /** Offset of the record in its frame's words. */
  recordAt(i: number): number {
    return this.isRegAt(i) ? regAt(this.placeAt(i)) : slotAt(this.placeAt(i));
  }

  /** Low word of the 64 bits an entry of the history has for them (linked_regs_pack). */
  get packedLow(): number {
    return this.#packed(0);
  }

  get packedHigh(): number {
    return this.#packed(32);
  }

  /** Word of the packed number that starts at bit `from`: the count, then the last entry first. */
  #packed(from: number): number {
    let word = from === 0 ? this.count : 0;
    for (let i = 0; i < this.count; i++) {
      const at = SIZE_BITS + (this.count - 1 - i) * ENTRY_BITS - from;
      if (at >= 0 && at < 32) word |= this.entries[i]! << at;
      else if (at < 0 && at > -ENTRY_BITS) word |= this.entries[i]! >> -at;
    }
    return word;
  }
}

/**
 * The source of a move gets an id if it has none, which the copy takes over
 * (assign_scalar_id_before_mov).
 */
export function assignScalarIdBeforeMov(env: VerifierEnv, w: Int32Array, s: number): void {
  if (w[s + TYPE] !== SCALAR_VALUE) return;
  if (!gates.linkedNarrowing) {
    if (w[s + ID] === 0) w[s + ID] = env.newId();
    return;
  }
  if ((w[s + ID]! & BPF_ADD_CONST) !== 0) clearScalarId(w, s);
  if (w[s + ID] === 0 && !tnumIsConst(w, s)) w[s + ID] = env.newId();
}

/**
 * Adds to `linked` all scalars of `state` with this id. Those for which there is no room lose it
 * (collect_linked_regs).
 */
export function collectLinkedRegs(state: VerifierState, id: number, linked: LinkedRegs): void {
  const base = id & ~BPF_ADD_CONST;
  for (let i = state.curframe; i >= 0; i--) {
    const frame = state.frameAt(i);
    const w = frame.words;
    for (let n = 0; n < FRAME_POINTER; n++) collect(w, regAt(n), base, linked, i, n, true);
    const slots = frame.allocatedStack / REG_SIZE;
    for (let spi = 0; spi < slots; spi++) {
      const r = slotAt(spi);
      if (isSpilled(w, r)) collect(w, r, base, linked, i, spi, false);
    }
  }
}

function collect(
  w: Int32Array,
  r: number,
  id: number,
  linked: LinkedRegs,
  frameno: number,
  place: number,
  isReg: boolean,
): void {
  if (w[r + TYPE] !== SCALAR_VALUE || idOf(w, r) !== id) return;
  if (!linked.push(frameno, place, isReg)) clearScalarId(w, r);
}

const delta = new Int32Array(REG_WORDS);

/**
 * Gives the linked scalars of `state` what is known of one of them, record `(kw, k)`
 * (sync_linked_regs).
 */
export function syncLinkedRegs(
  state: VerifierState,
  kw: Int32Array,
  k: number,
  linked: LinkedRegs,
): void {
  for (let i = 0; i < linked.count; i++) {
    const w = state.frameAt(linked.frameAt(i)).words;
    const r = linked.recordAt(i);
    if ((w === kw && r === k) || w[r + TYPE] !== SCALAR_VALUE) continue;
    if (idOf(w, r) === idOf(kw, k)) syncLinked(w, r, kw, k);
  }
}

/**
 * What is known of record `(kw, k)` holds for every scalar of `state` with its id, of which older
 * kernels kept no list (find_equal_scalars).
 */
export function syncEqualScalars(state: VerifierState, kw: Int32Array, k: number): void {
  eachReg(state, (w, r) => {
    const isEqual = w[r + TYPE] === SCALAR_VALUE && w[r + ID] === kw[k + ID];
    if (isEqual && (w !== kw || r !== k)) copyRegister(w, r, kw, k);
  });
}

function syncLinked(w: Int32Array, r: number, kw: Int32Array, k: number): void {
  const subregDef = w[r + SUBREG_DEF]!;
  const off = w[r + OFF]!;
  const id = w[r + ID]!;
  const apart = ((id | kw[k + ID]!) & BPF_ADD_CONST) !== 0 && off !== kw[k + OFF];
  if (apart) markKnownInt(delta, 0, (off - kw[k + OFF]!) | 0);
  copyRegister(w, r, kw, k);
  w[r + SUBREG_DEF] = subregDef;
  if (!apart) return;
  w[r + OFF] = off;
  w[r + ID] = id;
  addRanges32(w, r, delta, 0);
  addRanges64(w, r, delta, 0);
  tnumAdd(w, r, w, r, delta, 0);
}
