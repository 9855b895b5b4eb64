/**
 * What the walk knows of a register at an instruction, against what is in it when the program runs:
 * every concrete state must lie within one of the states the walk had there.
 */
import { expect, test } from 'vitest';
import { type Code, encodeCode, kernelListing } from '../../src/isa/index.ts';
import { AUX_FORCE_CHECKPOINT, AUX_PRUNE_POINT, type VerifierEnv } from '../../src/verifier/env.ts';
import { verify } from '../../src/verifier/index.ts';
import { SCALAR_VALUE, TYPE, regAt } from '../../src/verifier/state/layout.ts';
import type { VerifierCapabilities, VerifierObserver } from '../../src/verifier/types.ts';
import { REGISTERS, randomProgram, runConcrete } from './concrete.ts';
import { PRIVILEGED, UNPRIVILEGED, inputOf, profile } from './programs.ts';
import { containsWords, randomSource } from './values.ts';

/** BEEYARD_FUZZ=100 runs a hundred times as many programs. */
const SCALE = Number(process.env.BEEYARD_FUZZ ?? 1);
const PROGRAMS = 60 * SCALE;
const RUNS = 50;
const TIMEOUT = 60_000 * SCALE;
const WORDS = regAt(REGISTERS);

/** Keeps the registers of every step; makes the walk take every path to its end. */
class Recorder implements VerifierObserver {
  readonly states = new Map<number, Int32Array[]>();
  #env!: VerifierEnv;
  #first = true;

  start(env: VerifierEnv): void {
    this.#env = env;
  }

  message(): void {}

  insn(): void {
    const env = this.#env;
    // Equal states may differ in what does not matter: without pruning, all of it must hold.
    if (this.#first) {
      const { flags } = env.aux;
      for (let i = 0; i < flags.length; i++) {
        flags[i]! &= ~(AUX_PRUNE_POINT | AUX_FORCE_CHECKPOINT);
      }
    }
    this.#first = false;
    const states = this.states.get(env.insnIdx) ?? [];
    states.push(env.regs.slice(0, WORDS));
    this.states.set(env.insnIdx, states);
  }
}

function allows(state: Int32Array, words: Int32Array): boolean {
  for (let n = 0; n < REGISTERS; n++) {
    const r = regAt(n);
    if (state[r + TYPE] !== SCALAR_VALUE) continue;
    if (!containsWords(state, r, words[2 * n]!, words[2 * n + 1]!)) return false;
  }
  return true;
}

function statesOf(code: Code, capabilities: VerifierCapabilities): Map<number, Int32Array[]> {
  const recorder = new Recorder();
  const input = inputOf('exit', { insns: encodeCode(code) });
  const { ok, reason } = verify(input, profile, { capabilities, observer: recorder });
  if (!ok) throw new Error(`${reason?.text}\n${kernelListing(code)}`);
  return recorder.states;
}

test.each([
  ['privileged', PRIVILEGED, 7],
  ['unprivileged', UNPRIVILEGED, 8],
])(
  '%s: every concrete state is one the walk had',
  { timeout: TIMEOUT },
  (_, capabilities, seed) => {
    const random = randomSource(seed);
    let steps = 0;
    for (let i = 0; i < PROGRAMS; i++) {
      // Linux 6.12 itself is wrong about sign-extending fills (see alu.test.ts), and so are we.
      const code = randomProgram(random, 24, 6, false);
      const states = statesOf(code, capabilities);
      for (let run = 0; run < RUNS; run++) {
        runConcrete(code, random, (insn, words) => {
          steps++;
          if (states.get(insn)?.some((state) => allows(state, words))) return;
          throw new Error(`program ${i}, instruction ${insn}: ${words}\n${kernelListing(code)}`);
        });
      }
    }
    expect(steps).toBeGreaterThan(PROGRAMS * RUNS * 22);
  },
);
