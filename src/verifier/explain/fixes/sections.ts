/** Sections that are left open, or in which something is called that may not be: locks, RCU. */
import { BPF_CALL, BPF_DW, BPF_JMP, BPF_PSEUDO_KFUNC_CALL } from '../../../isa/index.ts';
import { before, behind, type Candidate, type Maker } from './candidate.ts';
import type { Failure } from './failure.ts';
import { callHelper, type Insn, load, store } from './insns.ts';
import type { Patch } from './patch.ts';
import { beforeReturn, placesBack } from './release.ts';
import { callKfunc } from './release-calls.ts';
import { freeStack, savedAround } from './scratch.ts';
import { registerIn } from './snapshot.ts';
import { argumentsOf, type Source } from './source.ts';

const SPIN_LOCK = 93;
const SPIN_UNLOCK = 94;

/** Ends the section (spin lock, RCU, preemption) that the program leaves open. */
export const sectionEnds: Maker = (failure, source) => {
  const { reason, state } = failure;
  if (!state) return [];
  if (reason.code.endsWith('under_rcu')) return kfuncEnds(failure, source, 'bpf_rcu_read');
  if (reason.code.endsWith('preemption')) return kfuncEnds(failure, source, 'bpf_preempt');
  return unlocks(failure, source);
};

/** The kernel functions that begin and end a section, by what their names begin with. */
const ENDS: Readonly<Record<string, readonly [string, string]>> = {
  bpf_rcu_read: ['bpf_rcu_read_lock', 'bpf_rcu_read_unlock'],
  bpf_preempt: ['bpf_preempt_disable', 'bpf_preempt_enable'],
};

function kfuncEnds(failure: Failure, source: Source, section: string): Candidate[] {
  const { path, code } = failure;
  const [begin, name] = ENDS[section]!;
  const [enter, call] = [callKfunc(begin), callKfunc(name)];
  if (!enter || !call) return [];
  const since = path.insns.findLastIndex(
    (at) =>
      code.op[at] === enter.op &&
      code.src[at] === BPF_PSEUDO_KFUNC_CALL &&
      code.imm[at] === enter.imm,
  );
  return onTheWay(failure, since, [call]).map((patch) => ({
    kind: 'end-section',
    title: `Call ${name}() before this path leaves.`,
    at: failure.insn,
    patch,
    shown: [call],
    source: beforeReturn(failure, source, since, [`${name}();`]),
  }));
}

/** Patches that put instructions between a step and the failing one, the last place first. */
function onTheWay(failure: Failure, since: number, insns: readonly Insn[]): Patch[] {
  const { path } = failure;
  if (since < 0) return [];
  const steps = placesBack(failure, since);
  const states = failure.statesAt(steps);
  return steps.flatMap((step) => {
    const [from, to] = [path.insns[step - 1]!, path.insns[step]!];
    const state = states.get(step);
    const saved = state && savedAround(failure, to, state);
    if (!saved || path.frames[step] !== path.frames[path.length - 1]) return [];
    return [{ detours: [{ from, to, insns: [...saved.save, ...insns, ...saved.restore] }] }];
  });
}

/** The lock is kept on the stack where it is taken, and released before the failing instruction. */
function unlocks(failure: Failure, source: Source): Candidate[] {
  const { path, code, insn, reason } = failure;
  const isLock = (at: number) =>
    code.op[at] === (BPF_JMP | BPF_CALL) && code.src[at] === 0 && code.imm[at] === SPIN_LOCK;
  const step = path.insns.findLastIndex((at, i) => i < path.length - 1 && isLock(at));
  const off = freeStack(failure, insn, 8);
  if (step < 0 || off === undefined) return [];
  if (path.frames[step] !== path.frames[path.length - 1]) return [];
  const kept: Kept = {
    off,
    keep: before(path.insns[step]!, [store(BPF_DW, 10, off, 1)]),
    unlock: [load(BPF_DW, 1, 10, off), callHelper(SPIN_UNLOCK)],
    lock: [load(BPF_DW, 1, 10, off), callHelper(SPIN_LOCK)],
    name: argumentsOf(source.at(path.insns[step]!)?.text ?? '', 'bpf_spin_lock')?.[0],
  };
  if (reason.code === 'lock.different') return [rightLock(failure, kept)];
  const isExit = reason.code === 'flow.exit_under_lock';
  const ends = onTheWay(failure, step, kept.unlock).map((patch) => ({
    kind: 'unlock',
    title: 'Call bpf_spin_unlock() before this path goes on.',
    at: insn,
    patch: { ...patch, insertions: kept.keep.insertions! },
    shown: kept.unlock,
    source:
      kept.name && isExit
        ? beforeReturn(failure, source, step, [`bpf_spin_unlock(${kept.name});`])
        : undefined,
  }));
  return code.op[insn] === (BPF_JMP | BPF_CALL)
    ? [aroundCall(failure, source, kept), ...ends]
    : ends;
}

/** A lock that is kept on the stack. */
interface Kept {
  readonly off: number;
  readonly keep: Patch;
  readonly unlock: readonly Insn[];
  readonly lock: readonly Insn[];
  /** The lock in C. */
  readonly name: string | undefined;
}

function rightLock({ insn }: Failure, { off, keep }: Kept): Candidate {
  const right = [load(BPF_DW, 1, 10, off)];
  return {
    kind: 'unlock',
    title: 'Release the lock that was taken.',
    at: insn,
    patch: { insertions: [...keep.insertions!, ...before(insn, right).insertions!] },
    shown: right,
  };
}

/** Releases the lock for the time of a call. */
function aroundCall(failure: Failure, source: Source, kept: Kept): Candidate {
  const { insn, state } = failure;
  const { off, keep, unlock, lock, name } = kept;
  const given = [1, 2, 3, 4, 5].filter((n) => registerIn(state!, n).base !== 0);
  const put = given.map((n, i) => store(BPF_DW, 10, off + 8 * (i + 1), n));
  const get = given.map((n, i) => load(BPF_DW, n, 10, off + 8 * (i + 1)));
  const again = [store(BPF_DW, 10, off + 8, 0), ...lock, load(BPF_DW, 0, 10, off + 8)];
  const text = source.at(insn)?.text.trim() ?? '';
  const isWhole = text.endsWith(';') && !/^(return|if|for|while)\b/.test(text);
  return {
    kind: 'unlock',
    title: 'Release the lock for the call.',
    at: insn,
    patch: {
      insertions: [
        ...keep.insertions!,
        ...before(insn, [...put, ...unlock, ...get]).insertions!,
        ...behind(insn, again).insertions!,
      ],
    },
    shown: [...unlock, ...lock],
    source:
      name && isWhole
        ? source.instead(insn, [`bpf_spin_unlock(${name});`, text, `bpf_spin_lock(${name});`])
        : undefined,
  };
}
