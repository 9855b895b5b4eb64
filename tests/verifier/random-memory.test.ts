/**
 * Soundness: what the verifier accepts does not fault when every access is checked at run time, and
 * every register holds what the verifier said it could hold at that instruction.
 */
import { beforeAll, describe, expect, it } from 'vitest';
import { constants } from '../../src/abi/index.ts';
import { ProgramFaultError } from '../../src/engine/index.ts';
import { interpreterEngine } from '../../src/engine/interpreter/index.ts';
import { LD_IMM64, assemble, encodeCode } from '../../src/isa/index.ts';
import type { VerifierEnv } from '../../src/verifier/env.ts';
import {
  MASK,
  MAX_REGS,
  OFF,
  PTR_TO_STACK,
  REG_WORDS,
  SCALAR_VALUE,
  S32_MAX,
  S32_MIN,
  SMAX,
  SMIN,
  TYPE,
  U32_MAX,
  U32_MIN,
  UMAX,
  UMIN,
  VALUE,
  regAt,
} from '../../src/verifier/state/layout.ts';
import type { VerifierMap, VerifierObserver } from '../../src/verifier/types.ts';
import { verify } from '../../src/verifier/verify.ts';
import { imageOf, Lab } from '../engine/harness.ts';
import { inputOf, PRIVILEGED, profile, UNPRIVILEGED } from './programs.ts';
import { Random, randomProgram } from './random-programs.ts';

const PROGRAMS = 500;
const RUNS = 4;
const VALUE_SIZE = 48;
const MAP_MARK = 0x6d6170;
const checked = { name: 'checked', engine: interpreterEngine, checks: true };

const map: VerifierMap = {
  name: 'values',
  type: constants.BPF_MAP_TYPE_ARRAY,
  keySize: 4,
  valueSize: VALUE_SIZE,
  maxEntries: 1,
  flags: 0,
  extra: 0n,
  btf: undefined,
  keyTypeId: 0,
  valueTypeId: 0,
};

function inputFor(text: string) {
  const { code } = assemble(text.replaceAll('MAP', `${MAP_MARK}`));
  for (let i = 0; i < code.length; i++) {
    const isMap = code.op[i] === LD_IMM64 && code.imm[i] === MAP_MARK;
    if (isMap) code.set(i, LD_IMM64, code.dst[i]!, 1, 0, 0);
  }
  const type = constants.BPF_PROG_TYPE_XDP;
  return inputOf('exit', { insns: encodeCode(code), type, maps: [map] });
}

/** Keeps what the walk knows of the registers each time it comes to an instruction. */
class Watcher implements VerifierObserver {
  readonly known = new Map<number, Int32Array[]>();
  pruning = false;
  #env!: VerifierEnv;

  start(env: VerifierEnv): void {
    this.#env = env;
  }

  message(): void {}

  insn(): void {
    const { insnIdx, regs } = this.#env;
    const states = this.known.get(insnIdx) ?? [];
    states.push(regs.slice(0, MAX_REGS * REG_WORDS));
    this.known.set(insnIdx, states);
  }

  pruned(): void {
    this.pruning = true;
  }
}

const wide = (w: Int32Array, at: number) => (BigInt(w[at + 1]!) << 32n) | BigInt(w[at]! >>> 0);
const unsigned = (w: Int32Array, at: number) => BigInt.asUintN(64, wide(w, at));

function mayHold(w: Int32Array, r: number, value: bigint): boolean {
  const number = BigInt.asIntN(64, value);
  const low = Number(BigInt.asIntN(32, value));
  return (
    (value & ~unsigned(w, r + MASK)) === unsigned(w, r + VALUE) &&
    value >= unsigned(w, r + UMIN) &&
    value <= unsigned(w, r + UMAX) &&
    number >= wide(w, r + SMIN) &&
    number <= wide(w, r + SMAX) &&
    low >>> 0 >= w[r + U32_MIN]! >>> 0 &&
    low >>> 0 <= w[r + U32_MAX]! >>> 0 &&
    low >= w[r + S32_MIN]! &&
    low <= w[r + S32_MAX]!
  );
}

/** Stack pointers: how far below r10 they point. */
function mayPoint(w: Int32Array, r: number, distance: bigint): boolean {
  const off = BigInt.asIntN(32, distance) - BigInt(w[r + OFF]!);
  return off >= wide(w, r + SMIN) && off <= wide(w, r + SMAX);
}

function fits(w: Int32Array, register: (i: number) => bigint): boolean {
  for (let i = 0; i < 10; i++) {
    const r = regAt(i);
    const type = w[r + TYPE];
    if (type === SCALAR_VALUE && !mayHold(w, r, BigInt.asUintN(64, register(i)))) return false;
    if (type === PTR_TO_STACK && !mayPoint(w, r, register(i) - register(10))) return false;
  }
  return true;
}

/** Runs an accepted program on random data, several times; what is wrong, if something is. */
function run(text: string, watcher: Watcher, random: Random): string | undefined {
  let wrong: string | undefined;
  const lab = new Lab(random.pick([1, 4, 8, 14, 40, 64]));
  const values = lab.map({ valueSize: VALUE_SIZE, maxEntries: 1 });
  const image = imageOf(text.replaceAll('MAP', lab.handle(values)));
  const code = lab.load(checked, image, {
    onStep: (state) => {
      const states = watcher.known.get(state.insn) ?? [];
      const held = states.some((w) => fits(w, (i) => state.register(i)));
      if (!held && !watcher.pruning) wrong ??= `instruction ${state.insn}: outside of all states`;
    },
  });
  const bytes = (size: number) => Uint8Array.from({ length: size }, () => random.below(256));
  try {
    for (let n = 0; n < RUNS && wrong === undefined; n++) {
      values.update(new Uint8Array(4), bytes(VALUE_SIZE));
      lab.bytes(lab.packet, 16).set(bytes(16));
      code.run(lab.context);
    }
  } catch (error) {
    if (!(error instanceof ProgramFaultError)) throw error;
    return error.message;
  }
  return wrong;
}

describe(`${PROGRAMS} random programs`, () => {
  const accepted: { seed: number; text: string; watcher: Watcher }[] = [];

  beforeAll(() => {
    for (let seed = 1; seed <= PROGRAMS; seed++) {
      const text = randomProgram(seed);
      const watcher = new Watcher();
      if (verify(inputFor(text), profile, { observer: watcher }).ok) {
        accepted.push({ seed, text, watcher });
      }
    }
  });

  it('are accepted in good part', () => {
    expect(accepted.length).toBeGreaterThan(PROGRAMS / 4);
    const whole = accepted.filter(({ watcher }) => !watcher.pruning);
    expect(whole.length).toBeGreaterThan(accepted.length / 2);
  });

  it('do what the verifier said, and nothing that faults', () => {
    const wrong: string[] = [];
    for (const { seed, text, watcher } of accepted) {
      const found = run(text, watcher, new Random(seed));
      if (found !== undefined) wrong.push(`program ${seed}: ${found}\n${text}`);
    }
    expect(wrong).toEqual([]);
  });

  it('get the same verdict whatever is logged and however often states are kept', () => {
    for (const { text } of accepted.slice(0, 100)) {
      const input = inputFor(text);
      expect(verify(input, profile, { logLevel: 2 }).ok).toBe(true);
      const often = { ...input, flags: 1 << 3 };
      expect(verify(often, profile).ok).toBe(true);
    }
  });

  it('are accepted unprivileged only if they are accepted', () => {
    for (let seed = 1; seed <= 200; seed++) {
      const input = { ...inputFor(randomProgram(seed)), type: 1 };
      const privileged = verify(input, profile, { capabilities: PRIVILEGED }).ok;
      const unprivileged = verify(input, profile, { capabilities: UNPRIVILEGED }).ok;
      expect(privileged || !unprivileged, `program ${seed}`).toBe(true);
    }
  });
});
