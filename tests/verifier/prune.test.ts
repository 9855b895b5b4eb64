import { describe, expect, it } from 'vitest';
import { Checkpoints } from '../../src/verifier/prune/checkpoints.ts';
import { statesEqual } from '../../src/verifier/prune/equal.ts';
import { EXACT, NOT_EXACT, RANGE_WITHIN } from '../../src/verifier/prune/equal-regs.ts';
import { IdMap } from '../../src/verifier/prune/idmap.ts';
import { keepState } from '../../src/verifier/prune/keep.ts';
import { checkRegArg, markRegRead, markSlotsRead } from '../../src/verifier/prune/liveness.ts';
import { initFunc } from '../../src/verifier/state/init.ts';
import {
  ID,
  PRECISE,
  REG_LIVE_READ32,
  REG_LIVE_READ64,
  STACK_MISC,
  STACK_SPILL,
  STACK_ZERO,
  fillSlotTypes,
  regAt,
  slotAt,
} from '../../src/verifier/state/layout.ts';
import { StatePool } from '../../src/verifier/state/pool.ts';
import { FuncState, VerifierState } from '../../src/verifier/state/state.ts';
import { Subprog } from '../../src/verifier/env.ts';
import { markKnown, markUnknown } from '../../src/verifier/value/bounds.ts';
import { envOf } from './programs.ts';

/** An environment whose running state is at the start of its main function. */
function running() {
  const { env } = envOf('r0 = 0; exit');
  env.subprogs.push(new Subprog(0));
  env.state = new VerifierState();
  env.state.branches = 1;
  env.state.frames[0] = new FuncState();
  initFunc(env, env.state.frames[0], -1, 0, 0);
  return env;
}

describe('ids of two states', () => {
  it('stand for each other one to one', () => {
    const ids = new IdMap();
    ids.reset(100);
    expect(ids.check(5, 9)).toBe(true);
    expect(ids.check(5, 9)).toBe(true);
    expect(ids.check(5, 8)).toBe(false);
    expect(ids.check(6, 9)).toBe(false);
    expect(ids.check(0, 9)).toBe(false);
    expect(ids.check(0, 0)).toBe(true);
  });

  it('do not matter for scalars that were linked with nothing', () => {
    const ids = new IdMap();
    ids.reset(100);
    expect(ids.checkScalar(0, 7)).toBe(true);
    expect(ids.checkScalar(3, 0)).toBe(true);
    expect(ids.checkScalar(3, 0)).toBe(false);
  });

  it('compare the base of a link with a distance too', () => {
    const linked = 0x8000_0000 | 0;
    const ids = new IdMap();
    ids.reset(100);
    expect(ids.checkScalar(1, 2)).toBe(true);
    expect(ids.checkScalar(1 | linked, 3 | linked)).toBe(false);
  });
});

describe('equality of states', () => {
  it('ignores what was not read, and values that need not be precise', () => {
    const env = running();
    markKnown(env.regs, regAt(1), 4, 0);
    env.regs[regAt(1)] = 1;
    const old = env.pool.copyOf(env.state);
    markKnown(env.regs, regAt(1), 5, 0);
    const ow = old.frame.words;
    expect(statesEqual(env, old, env.state, NOT_EXACT)).toBe(true);
    old.frame.readRegs = 1 << 1;
    expect(statesEqual(env, old, env.state, NOT_EXACT)).toBe(true);
    ow[regAt(1) + PRECISE] = 1;
    expect(statesEqual(env, old, env.state, NOT_EXACT)).toBe(false);
    expect(statesEqual(env, old, env.state, RANGE_WITHIN)).toBe(false);
    markUnknown(env, ow, regAt(1));
    ow[regAt(1) + PRECISE] = 1;
    expect(statesEqual(env, old, env.state, NOT_EXACT)).toBe(true);
    expect(statesEqual(env, old, env.state, RANGE_WITHIN)).toBe(true);
    expect(statesEqual(env, old, env.state, EXACT)).toBe(false);
  });

  it('takes zeroed stack for any bytes, but not the other way round', () => {
    const env = running();
    env.regs[0] = 0;
    env.frame.growStack(8);
    const old = env.pool.copyOf(env.state);
    const slot = slotAt(0);
    old.frame.readSlotsLow = 1;
    fillSlotTypes(old.frame.words, slot, STACK_ZERO);
    fillSlotTypes(env.frame.words, slot, STACK_MISC);
    expect(statesEqual(env, old, env.state, NOT_EXACT)).toBe(false);
    fillSlotTypes(old.frame.words, slot, STACK_MISC);
    fillSlotTypes(env.frame.words, slot, STACK_ZERO);
    expect(statesEqual(env, old, env.state, NOT_EXACT)).toBe(true);
    fillSlotTypes(old.frame.words, slot, STACK_SPILL);
    expect(statesEqual(env, old, env.state, NOT_EXACT)).toBe(false);
  });

  it('never lets a speculative path stand for a real one', () => {
    const env = running();
    const old = env.pool.copyOf(env.state);
    old.speculative = true;
    expect(statesEqual(env, old, env.state, NOT_EXACT)).toBe(false);
    env.state.speculative = true;
    expect(statesEqual(env, old, env.state, NOT_EXACT)).toBe(true);
  });
});

describe('read marks', () => {
  it('go up the chain of checkpoints to the last write', () => {
    const env = running();
    const bucket = env.checkpoints.bucket(0, -1);
    markUnknown(env, env.regs, regAt(2));
    keepState(env, bucket, 0, env.state);
    const first = env.state.parent!;
    checkRegArg(env, 2, 'dst');
    keepState(env, bucket, 0, env.state);
    const second = env.state.parent!;
    keepState(env, bucket, 0, env.state);
    const third = env.state.parent!;
    markRegRead(env, env.regs, regAt(2), REG_LIVE_READ64);
    const read = (state: VerifierState) => state.frame.read64Regs;
    expect(read(third)).toBe(1 << 2);
    expect(read(second)).toBe(1 << 2);
    expect(second.frame.writtenRegs).toBe(1 << 2);
    expect(read(first)).toBe(0);
    expect(env.longestMarkReadWalk).toBe(2);
  });

  it('of the whole register replace those of its lower half', () => {
    const env = running();
    keepState(env, 0, 0, env.state);
    const parent = env.state.parent!;
    const { frame } = parent;
    markRegRead(env, env.regs, regAt(3), REG_LIVE_READ32);
    expect([frame.readRegs, frame.read64Regs]).toEqual([1 << 3, 0]);
    markRegRead(env, env.regs, regAt(3), REG_LIVE_READ64);
    expect([frame.readRegs, frame.read64Regs]).toEqual([1 << 3, 1 << 3]);
    markRegRead(env, env.regs, regAt(3), REG_LIVE_READ32);
    expect([frame.readRegs, frame.read64Regs]).toEqual([1 << 3, 1 << 3]);
  });

  it('of slots stop where each was written, and where the stack did not reach yet', () => {
    const env = running();
    env.frame.growStack(8);
    keepState(env, 0, 0, env.state);
    const first = env.state.parent!.frame;
    env.frame.growStack(40 * 8);
    env.frame.noteSlotWritten(0);
    keepState(env, 0, 0, env.state);
    const second = env.state.parent!.frame;
    keepState(env, 0, 0, env.state);
    const third = env.state.parent!.frame;
    env.frame.noteSlotWritten(1);
    markSlotsRead(env, env.frame, 0b111, 1 << 3, 0);
    expect([third.readSlotsLow, third.readSlotsHigh]).toEqual([0b101, 1 << 3]);
    expect([second.readSlotsLow, second.readSlotsHigh]).toEqual([0b101, 1 << 3]);
    expect([first.readSlotsLow, first.readSlotsHigh]).toEqual([0, 0]);
    expect(env.longestMarkReadWalk).toBe(2);
  });

  it('follow a register into the frame of a callee', () => {
    const env = running();
    markUnknown(env, env.regs, regAt(1));
    keepState(env, 0, 0, env.state);
    const parent = env.state.parent!;
    const callee = new FuncState();
    initFunc(env, callee, 0, 1, 0);
    callee.words.copyWithin(0, 0, 0);
    callee.words.set(env.regs.subarray(regAt(1), regAt(2)), regAt(1));
    env.state.frames[1] = callee;
    env.state.curframe = 1;
    markRegRead(env, callee.words, regAt(1), REG_LIVE_READ64);
    expect(parent.frames[0]!.read64Regs).toBe(1 << 1);
  });
});

describe('the store of checkpoints', () => {
  it('hashes instruction and call site as the kernel does', () => {
    const states = new Checkpoints(7, new StatePool());
    expect(states.bucket(3, -1)).toBe((0xffff_ffff - 3) % 7);
    expect(states.bucket(5, 2)).toBe((5 ^ 2) % 7);
  });

  it('uses freed states again', () => {
    const env = running();
    env.regs[regAt(0) + ID] = 77;
    const states = new Checkpoints(1, new StatePool());
    const one = states.add(0, env.state);
    states.free(one);
    expect(() => states.at(one.checkpoint)).toThrow('no state');
    env.regs[regAt(0) + ID] = 78;
    const two = states.add(0, env.state);
    expect(two).toBe(one);
    expect(two.frame.words[regAt(0) + ID]).toBe(78);
  });
});
