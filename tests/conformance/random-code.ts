/** Code that nobody would write: any instruction anywhere, most of it ends in a fault soon. */
import { Code, INSN_TABLE, type InsnInfo } from '../../src/isa/index.ts';

/** Helpers without effects, and one that does not exist. */
const HELPERS = [8, 9999];

const OFFSETS = [0, 0, 1, -1, 4, -4, 8, -8, -16, -64, -512, 511, -32768, 32767];
const IMMS = [0, 1, -1, 2, 8, 31, 63, 64, 255, 0x7fffffff, -0x80000000, 0x10000];

/** Calls stay valid: they say where functions begin, also where they are never reached. */
const CALL = 0x85;

const ROWS = INSN_TABLE.filter(({ kind }) => !/^(internal|callx|ld_abs|ld_ind)$/.test(kind));

export class RandomCode {
  #state: number;

  constructor(seed: number) {
    this.#state = (seed * 2654435761 + 99991) >>> 0;
  }

  below(limit: number): number {
    let x = this.#state || 1;
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    this.#state = x >>> 0;
    return this.#state % limit;
  }

  pick<T>(list: readonly T[]): T {
    return list[this.below(list.length)]!;
  }

  /** A distance that mostly stays inside. */
  #distance(at: number, length: number): number {
    return this.below(12) === 0 ? this.below(40) - 20 : this.below(length) - at - 1;
  }

  #imm(info: InsnInfo, at: number, length: number): number {
    if (typeof info.imm === 'number') return info.imm;
    if (info.kind === 'call_helper') return this.pick(HELPERS);
    if (info.imm === 'jump') return this.#distance(at, length);
    return this.pick(IMMS);
  }

  #off(info: InsnInfo, at: number, length: number): number {
    if (typeof info.off === 'number') return info.off;
    return info.off === 'jump' ? this.#distance(at, length) : this.pick(OFFSETS);
  }

  /** Registers: mostly scratch ones; the frame and the context pointer where memory is meant. */
  #pointer(): number {
    return this.pick([1, 10, 10, 10, this.below(11)]);
  }

  #insn(code: Code, i: number, info: InsnInfo): void {
    const memory = info.off === 'offset';
    const load = info.kind === 'load' || info.kind === 'load_sx';
    const dst = memory && !load ? this.#pointer() : this.below(10);
    const src = memory && load ? this.#pointer() : this.below(11);
    code.set(
      i,
      info.op,
      info.dst === 'reg' ? dst : 0,
      info.src === 'reg' ? src : info.src,
      this.#off(info, i, code.length),
      this.#imm(info, i, code.length),
    );
  }

  /** About `length` slots; one in `noise` has fields that need not make sense. */
  make(length: number, noise: number): Code {
    const code = new Code(length);
    for (let i = 0; i < length; i++) {
      const info = this.pick(ROWS);
      const wide = info.kind === 'ld_imm64';
      // No constant at the end: its second half would be missing, or be the exit below.
      if (wide && i + 2 >= length) continue;
      this.#insn(code, i, info);
      // Map handles and the like need a linker.
      if (wide) code.src[i] = 0;
      if (wide) code.set(++i, 0, 0, 0, 0, this.pick(IMMS));
      else if (this.below(noise) === 0 && info.op !== CALL) this.#spoil(code, i);
    }
    if (this.below(3) !== 0) code.set(length - 1, 0x95, 0, 0, 0, 0);
    return code;
  }

  #spoil(code: Code, i: number): void {
    switch (this.below(4)) {
      case 0:
        // 0x18 would make a half of a constant of the next slot.
        code.op[i] = this.below(256) || 1;
        if (code.op[i] === 0x18) code.op[i] = 0xff;
        return;
      case 1:
        code.dst[i] = this.below(16);
        return;
      case 2:
        code.src[i] = this.below(16);
        return;
      default:
        code.off[i] = this.below(65536);
    }
  }
}
