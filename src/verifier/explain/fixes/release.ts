import { BPF_ADD, BPF_CALL, BPF_DW, BPF_JEQ, BPF_JMP } from '../../../isa/index.ts';
import { PTR_MAYBE_NULL } from '../../state/layout.ts';
import type { SourceFix } from '../types.ts';
import { before, behind, type Candidate, instead, type Maker } from './candidate.ts';
import { argument, type Failure } from './failure.ts';
import { aluImm, callHelper, type Insn, jumpImm, load, movImm, movReg, store } from './insns.ts';
import { fetch, functionAt } from './leave.ts';
import type { Patch } from './patch.ts';
import { callKfunc, type Release, releaseOf } from './release-calls.ts';
import { freeStack, savedAround } from './scratch.ts';
import { heldBy, holderOf, registerIn, type Snapshot } from './snapshot.ts';
import { argumentsOf, assignedName, ifThen, type Source, withoutComments } from './source.ts';

/** Places on the way to the exit that are tried. */
const MOST_PLACES = 10;
const SPIN_LOCK = 93;
const SPIN_UNLOCK = 94;

/** Gives back what was acquired, on the way to the exit that leaks it. */
export const releases: Maker = (failure, source) => {
  const acquired = argument(failure, 1);
  const id = argument(failure, 0);
  const release = releaseOf(failure, acquired);
  const { path } = failure;
  const since = path.insns.lastIndexOf(acquired);
  if (!release || since < 0) return [];
  const steps = placesBack(failure, since);
  const states = failure.statesAt([since, ...steps]);
  const candidates: Candidate[] = [];
  for (const step of steps) {
    const state = states.get(step);
    const made = state && releaseAt(failure, step, state, states.get(since), id, release, acquired);
    if (!made) continue;
    candidates.push({
      kind: 'release',
      title: `Call ${release.name}() before this path leaves.`,
      at: path.insns[step]!,
      patch: made.patch,
      shown: made.shown,
      source: releaseSource(failure, source, acquired, since, release, made.mayBeNull),
    });
  }
  return candidates;
};

/** Steps to release before: the exit, then where branches were taken, back to the acquisition. */
function placesBack({ path, code }: Failure, since: number): number[] {
  const last = path.length - 1;
  const steps = [last];
  for (let i = last - 1; i > since + 1 && steps.length < MOST_PLACES; i--) {
    const from = path.insns[i - 1]!;
    const isJump = (code.op[from]! & 7) === 5 || (code.op[from]! & 7) === 6;
    if (isJump && code.op[from] !== (BPF_JMP | BPF_CALL)) steps.push(i);
  }
  if (since + 1 < last) steps.push(since + 1);
  return [...new Set(steps)];
}

interface ReleasePlace {
  readonly patch: Patch;
  readonly shown: readonly Insn[];
  /** Whether something was acquired is not known there. */
  readonly mayBeNull: boolean;
}

/** The release before one step of the path, on that path only. */
function releaseAt(
  failure: Failure,
  step: number,
  state: Snapshot,
  acquiring: Snapshot | undefined,
  id: number,
  release: Release,
  acquired: number,
): ReleasePlace | undefined {
  const { path } = failure;
  const to = path.insns[step]!;
  const saved = savedAround(failure, to, state);
  if (!saved) return undefined;
  let give: Insn[];
  let mayBeNull = false;
  if (release.onStack) {
    const off = acquiring && objectOffset(failure, acquired, acquiring);
    if (off === undefined || state.current !== acquiring!.current) return undefined;
    give = [movReg(1, 10), aluImm(BPF_ADD, 1, off), ...release.insns];
  } else {
    const holder = holderOf(state, ({ reference }) => reference === id);
    if (!holder) return undefined;
    mayBeNull = (heldBy(state, holder).type & PTR_MAYBE_NULL) !== 0;
    const skip = mayBeNull ? [jumpImm(BPF_JEQ, 1, 0, release.insns.length)] : [];
    give = [fetch(1, holder), ...skip, ...release.insns];
  }
  const insns = [...saved.save, ...give, ...saved.restore];
  const patch = { detours: [{ from: path.insns[step - 1]!, to, insns }] };
  return { patch, shown: give, mayBeNull };
}

/** Offset of the stack object that the call at `insn` set up. */
function objectOffset({ code }: Failure, insn: number, state: Snapshot): number | undefined {
  const register = code.src[insn] === 0 ? 4 : 1;
  const { off, isConstant, value } = registerIn(state, register);
  return isConstant ? off + Number(value) : undefined;
}

function releaseSource(
  failure: Failure,
  source: Source,
  acquired: number,
  since: number,
  release: Release,
  mayBeNull: boolean,
): SourceFix | undefined {
  const text = source.at(acquired)?.text ?? '';
  const onStack = /\((?:.*,\s*)?(&\w+)[,)]/.exec(text)?.[1];
  const name = release.onStack ? onStack : assignedName(text);
  if (!name) return undefined;
  const call = `${release.name}(${name}${release.more});`;
  return beforeReturn(failure, source, since, mayBeNull ? ifThen(name, call) : [call]);
}

/** Lines before the `return` by which the path leaves. */
export function beforeReturn(
  failure: Failure,
  source: Source,
  since: number,
  lines: readonly string[],
): SourceFix | undefined {
  const { path } = failure;
  const start = functionAt(failure, failure.insn);
  for (let i = path.length - 1; i > since; i--) {
    const insn = path.insns[i]!;
    const line = source.at(insn);
    const bare = withoutComments(line?.text ?? '');
    if (!line || bare === '}' || functionAt(failure, insn) !== start) continue;
    if (/^return\b.*;$/.test(bare)) return source.before(insn, lines);
    const short = /^(if\s*\(.*\))\s*(return\b[^;]*;)$/.exec(bare);
    if (short) {
      const body = [...lines, short[2]!].map((one) => `\t${one}`);
      return source.instead(insn, [`${short[1]} {`, ...body, '}']);
    }
    return /^(\}\s*else\s+)?if\s*\(.*\)\s*\{?$/.test(bare)
      ? underIf(source, insn, bare, lines)
      : undefined;
  }
  return undefined;
}

/** The line below `if (…)` is the return, and no code of its own is left of it. */
function underIf(
  source: Source,
  insn: number,
  head: string,
  lines: readonly string[],
): SourceFix | undefined {
  const { file, line } = source.at(insn)!;
  const next = source.text(file, line + 1);
  const bare = withoutComments(next ?? '');
  if (!next || !/^(return\b.*|goto\s+\w+);$/.test(bare)) return undefined;
  const indent = /^\s*/.exec(next)![0];
  const body = lines.map((one) => indent + one);
  if (head.endsWith('{')) return { file, line: line + 1, insert: 'before', lines: body };
  const outer = /^\s*/.exec(source.at(insn)!.text)![0];
  return {
    file,
    line: line + 1,
    insert: 'instead',
    lines: [`${outer}{`, ...body, next, `${outer}}`],
  };
}

/** Ends the section (spin lock, RCU, preemption) that the program leaves open. */
export const sectionEnds: Maker = (failure, source) => {
  const { reason, state, path } = failure;
  if (!state) return [];
  if (reason.code.endsWith('under_lock')) return unlocks(failure, source);
  const name = reason.code.endsWith('under_rcu') ? 'bpf_rcu_read_unlock' : 'bpf_preempt_enable';
  const call = callKfunc(name);
  const last = path.length - 1;
  const saved = savedAround(failure, failure.insn, state);
  if (!call || !saved || last < 1) return [];
  const insns = [...saved.save, call, ...saved.restore];
  return [
    {
      kind: 'end-section',
      title: `Call ${name}() before this path leaves.`,
      at: failure.insn,
      patch: { detours: [{ from: path.insns[last - 1]!, to: failure.insn, insns }] },
      shown: [call],
      source: beforeReturn(failure, source, 0, [`${name}();`]),
    },
  ];
};

/** The lock is kept on the stack where it is taken, and released before the failing instruction. */
function unlocks(failure: Failure, source: Source): Candidate[] {
  const { path, code, insn, state } = failure;
  const isLock = (at: number) =>
    code.op[at] === (BPF_JMP | BPF_CALL) && code.src[at] === 0 && code.imm[at] === SPIN_LOCK;
  const step = path.insns.findLastIndex((at) => isLock(at));
  const off = freeStack(failure, insn, 8);
  const sameFrame = path.frames[step] === path.frames[path.length - 1];
  const saved = savedAround(failure, insn, state!);
  if (step < 0 || off === undefined || !saved || !sameFrame) return [];
  const keep = before(path.insns[step]!, [store(BPF_DW, 10, off, 1)]).insertions!;
  const unlock = [load(BPF_DW, 1, 10, off), callHelper(SPIN_UNLOCK)];
  const lock = [load(BPF_DW, 1, 10, off), callHelper(SPIN_LOCK)];
  const text = source.at(path.insns[step]!)?.text ?? '';
  const given = argumentsOf(text, 'bpf_spin_lock')?.[0];
  const detour = {
    from: path.insns[path.length - 2]!,
    to: insn,
    insns: [...saved.save, ...unlock, ...saved.restore],
  };
  const release: Candidate = {
    kind: 'unlock',
    title: 'Call bpf_spin_unlock() before this path goes on.',
    at: insn,
    patch: { insertions: keep, detours: [detour] },
    shown: unlock,
    source: given
      ? failure.reason.code === 'flow.exit_under_lock'
        ? beforeReturn(failure, source, step, [`bpf_spin_unlock(${given});`])
        : undefined
      : undefined,
  };
  if (code.op[insn] !== (BPF_JMP | BPF_CALL)) return [release];
  return [aroundCall(failure, source, keep, unlock, lock, off, given), release];
}

/** Releases the lock for the time of a call. */
function aroundCall(
  failure: Failure,
  source: Source,
  keep: NonNullable<ReturnType<typeof before>['insertions']>,
  unlock: readonly Insn[],
  lock: readonly Insn[],
  off: number,
  given: string | undefined,
): Candidate {
  const { insn, state } = failure;
  const given5 = [1, 2, 3, 4, 5].filter((n) => registerIn(state!, n).base !== 0);
  const put = given5.map((n, i) => store(BPF_DW, 10, off + 8 * (i + 1), n));
  const get = given5.map((n, i) => load(BPF_DW, n, 10, off + 8 * (i + 1)));
  const again = [store(BPF_DW, 10, off + 8, 0), ...lock, load(BPF_DW, 0, 10, off + 8)];
  const line = source.at(insn);
  const text = line?.text.trim() ?? '';
  const isWhole = text.endsWith(';') && !/^(return|if|for|while)\b/.test(text);
  return {
    kind: 'unlock',
    title: 'Release the lock for the call.',
    at: insn,
    patch: {
      insertions: [
        ...keep,
        ...before(insn, [...put, ...unlock, ...get]).insertions!,
        ...behind(insn, again).insertions!,
      ],
    },
    shown: [...unlock, ...lock],
    source:
      given && isWhole
        ? source.instead(insn, [`bpf_spin_unlock(${given});`, text, `bpf_spin_lock(${given});`])
        : undefined,
  };
}

/** A call that has no partner (a second release, an unlock of nothing) is left out. */
export const callRemovals: Maker = ({ insn, code }, source) => {
  if (code.op[insn] !== (BPF_JMP | BPF_CALL)) return [];
  const text = source.at(insn)?.text.trim() ?? '';
  const isWhole = /^\w+\(.*\);$/.test(text);
  return [
    {
      kind: 'remove',
      title: 'Leave the call out: there is nothing for it to do on this path.',
      at: insn,
      patch: instead(insn, [movImm(0, 0)]),
      removes: true,
      source: isWhole ? source.instead(insn, ['']) : undefined,
    },
  ];
};
