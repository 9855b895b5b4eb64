import { BPF_ADD, BPF_CALL, BPF_DW, BPF_JEQ, BPF_JMP } from '../../../isa/index.ts';
import { PTR_MAYBE_NULL } from '../../state/layout.ts';
import type { SourceFix } from '../types.ts';
import { behind, type Candidate, type Maker } from './candidate.ts';
import { argument, type Failure } from './failure.ts';
import { aluImm, type Insn, jumpImm, load, movReg, store } from './insns.ts';
import { fetch, functionAt } from './leave.ts';
import type { Patch } from './patch.ts';
import { type Release, releaseOf } from './release-calls.ts';
import { freeStack, savedAround } from './scratch.ts';
import { heldBy, holderOf, registerIn, type Snapshot } from './snapshot.ts';
import { assignedName, ifThen, type Source, withoutComments } from './source.ts';

/** Places on the way to the exit that are tried. */
const MOST_PLACES = 8;
/** Steps back from the exit at which what was acquired is looked for. */
const MOST_LOOKED_AT = 40;

/** Gives back what was acquired, on the way to the exit that leaks it. */
export const releases: Maker = (failure, source) => {
  const acquired = argument(failure, 1);
  const id = argument(failure, 0);
  const release = releaseOf(failure, acquired);
  const { path } = failure;
  const since = path.insns.lastIndexOf(acquired);
  if (!release || since < 0) return [];
  const steps = placesBack(failure, since);
  const keep = release.onStack ? undefined : freeStack(failure, failure.insn, 8);
  const looked = Array.from({ length: MOST_LOOKED_AT }, (_, i) => path.length - 2 - i);
  const states = failure.statesAt([since, ...steps, ...looked.filter((step) => step > since)]);
  const candidates: Candidate[] = [];
  const seen = lastHeld(failure, states, steps, id);
  for (const step of seen === undefined ? steps : [...steps, seen]) {
    const state = states.get(step);
    const made = state && releaseAt(failure, step, state, states.get(since), id, release, acquired);
    if (!made) {
      if (state && keep !== undefined)
        candidates.push(kept(failure, source, step, state, release, keep));
      continue;
    }
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

/** The last step before which something still holds it. */
function lastHeld(
  { path }: Failure,
  states: ReadonlyMap<number, Snapshot>,
  steps: readonly number[],
  id: number,
): number | undefined {
  const held = [...states].filter(
    ([step, state]) =>
      step < path.length && holderOf(state, ({ reference }) => reference === id) !== undefined,
  );
  const last = Math.max(...held.map(([step]) => step), -1);
  return last < 0 || steps.includes(last) ? undefined : last;
}

/** What was acquired is put on the stack at once, and released from there. */
function kept(
  failure: Failure,
  source: Source,
  step: number,
  state: Snapshot,
  release: Release,
  off: number,
): Candidate {
  const { path } = failure;
  const acquired = argument(failure, 1);
  const to = path.insns[step]!;
  const saved = savedAround(failure, to, state) ?? { save: [], restore: [] };
  const give = [load(BPF_DW, 1, 10, off), ...release.insns];
  const insns = [...saved.save, ...give, ...saved.restore];
  const since = path.insns.lastIndexOf(acquired);
  return {
    kind: 'release',
    title: `Call ${release.name}() before this path leaves.`,
    at: to,
    patch: {
      insertions: behind(acquired, [store(BPF_DW, 10, off, 0)]).insertions!,
      detours: [{ from: path.insns[step - 1]!, to, insns }],
    },
    shown: give,
    source: releaseSource(failure, source, acquired, since, release, false),
  };
}

/** Steps to release before: the exit, then where branches were taken, back to the acquisition. */
export function placesBack({ path, code }: Failure, since: number): number[] {
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
  // Paths on which nothing was acquired may leave by the same return.
  const isChecked = new RegExp(`^if\\s*\\(!${name}\\)`);
  const isKnown = failure.input.lineInfo.some((one) => isChecked.test(one.text.trim()));
  const guarded = mayBeNull || !(isKnown || release.onStack);
  return beforeReturn(failure, source, since, guarded ? ifThen(name, call) : [call]);
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
