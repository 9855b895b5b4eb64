/** How a program leaves early: what it may return, and what it must give back before. */
import { programTypeName, returnRange } from '../../../abi/index.ts';
import { BPF_DW } from '../../../isa/index.ts';
import type { Failure } from './failure.ts';
import { exitInsn, type Insn, load, movImm, movReg } from './insns.ts';
import { releaseOf } from './release-calls.ts';
import { type Holder, holderOf, type Snapshot } from './snapshot.ts';
import type { Source } from './source.ts';

/** A value that lets things go on as if the program were not there. */
interface Pass {
  readonly value: number;
  /** Its name in C. */
  readonly word?: string;
}

/** By program type: where any value may be returned, or 0 means something harsh. */
const PASSES: Readonly<Record<string, Pass>> = {
  xdp: { value: 2, word: 'XDP_PASS' },
  sched_cls: { value: 0, word: 'TC_ACT_OK' },
  sched_act: { value: 0, word: 'TC_ACT_OK' },
  sk_skb: { value: 1, word: 'SK_PASS' },
  sk_msg: { value: 1, word: 'SK_PASS' },
  sk_lookup: { value: 1, word: 'SK_PASS' },
  sk_reuseport: { value: 1, word: 'SK_PASS' },
  netfilter: { value: 1, word: 'NF_ACCEPT' },
  cgroup_skb: { value: 1 },
  cgroup_sock: { value: 1 },
  cgroup_sock_addr: { value: 1 },
  cgroup_device: { value: 1 },
  cgroup_sysctl: { value: 1 },
  cgroup_sockopt: { value: 1 },
};

/** What the main program may return to let things pass. */
export function passValue({ env, input }: Failure): Pass {
  const known = PASSES[programTypeName(env.programType)];
  const range = returnRange(env.programType, env.expectedAttachType, {
    attachBtf: input.attachBtfId !== 0,
    target: env.attachName,
  });
  if (typeof range === 'string') return known ?? { value: 0 };
  const { min, max } = range;
  if (known && known.value >= min && known.value <= max) return known;
  return { value: min <= 0 && max >= 0 ? 0 : min };
}

/** The value that a return from the running frame gives: the program's, or a function's. */
export function leaveValue(failure: Failure, state: Snapshot | undefined): Pass {
  const frame = state?.frames[state.current];
  return !frame || frame.subprog === 0 ? passValue(failure) : { value: 0 };
}

/**
 * Instructions that leave the running frame in this state: what is held is given back first.
 * Undefined if something is held that cannot be given back from here; reference `except` is none
 * on this way, because its pointer is NULL.
 */
export function leaveInsns(failure: Failure, state: Snapshot, except = 0): Insn[] | undefined {
  const insns: Insn[] = [];
  if (state.isLocked || state.inRcu || state.preemptOff > 0) return undefined;
  if (state.current === 0) {
    for (const { id, insn } of state.references) {
      if (id === except) continue;
      const holder = holderOf(state, ({ reference }) => reference === id);
      const release = releaseOf(failure, insn);
      if (!holder || !release || !isSafeHolder(holder, state)) return undefined;
      insns.push(fetch(1, holder), ...release.insns);
    }
  }
  return [...insns, movImm(0, leaveValue(failure, state).value), exitInsn];
}

/**
 * The same as a statement of C at the line of `insn`; undefined where something is held, or where
 * nothing is known of the function.
 */
export function leaveText(
  failure: Failure,
  source: Source,
  insn: number,
  state: Snapshot | undefined,
  except = 0,
): string | undefined {
  if (state && (state.references.some(({ id }) => id !== except) || state.isLocked || state.inRcu))
    return undefined;
  const start = functionAt(failure, insn);
  const enclosing = source.enclosing(insn, start);
  if (!enclosing) return undefined;
  if (enclosing.returnsNothing) return 'return;';
  const isProgram = enclosing.own && start === 0;
  const { value, word } = isProgram ? passValue(failure) : { value: 0, word: undefined };
  return `return ${word && source.mentions(word) ? word : value};`;
}

/** First instruction of the function that has the instruction. */
export function functionAt({ env }: Failure, insn: number): number {
  return env.subprogs.findLast(({ start }) => start <= insn)?.start ?? 0;
}

/** It survives the calls that release others. */
const isSafeHolder = ({ register }: Holder, { references }: Snapshot): boolean =>
  register < 0 || register > 5 || references.length === 1;

/** Puts what a holder holds into a register. */
export const fetch = (register: number, holder: Holder): Insn =>
  holder.register < 0
    ? load(BPF_DW, register, 10, -(holder.slot + 1) * 8)
    : movReg(register, holder.register);

/** Instructions of a guard: `check` jumps over the leaving if all is well. */
export function guard(check: (skip: number) => Insn, leave: readonly Insn[]): Insn[] {
  return [check(leave.length), ...leave];
}
