import type { VerifierObserver } from './types.ts';

/** One observer that tells both; each may be missing. */
export function composeObservers(
  first: VerifierObserver | undefined,
  second: VerifierObserver | undefined,
): VerifierObserver | undefined {
  if (!first) return second;
  if (!second) return first;
  return {
    start: (env) => {
      first.start?.(env);
      second.start?.(env);
    },
    message: (message) => {
      first.message(message);
      second.message(message);
    },
    state: (frame, all) => {
      // The log forgets what was touched when it showed it.
      second.state?.(frame, all);
      first.state?.(frame, all);
    },
    functionStart: () => {
      first.functionStart?.();
      second.functionStart?.();
    },
    insn: () => {
      second.insn?.();
      first.insn?.();
    },
    insnState: () => {
      second.insnState?.();
      first.insnState?.();
    },
    line: (insn, prefix) => {
      first.line?.(insn, prefix);
      second.line?.(insn, prefix);
    },
    resumed: (from, to) => {
      second.resumed?.(from, to);
      first.resumed?.(from, to);
    },
    pruned: (from, to, resumed) => {
      first.pruned?.(from, to, resumed);
      second.pruned?.(from, to, resumed);
    },
    ...composeBranches(first, second),
    ...composePruning(first, second),
    backtracking: (message, insn) => {
      first.backtracking?.(message, insn);
      second.backtracking?.(message, insn);
    },
    otherState: (message, frame) => {
      first.otherState?.(message, frame);
      second.otherState?.(message, frame);
    },
    rejected: (insn) => first.rejected?.(insn) === true || second.rejected?.(insn) === true,
    functionDone: (ok) => {
      first.functionDone?.(ok);
      second.functionDone?.(ok);
    },
  };
}

/** Made only if somebody listens: these come more often than instructions. */
function composePruning(
  first: VerifierObserver,
  second: VerifierObserver,
): Pick<VerifierObserver, 'kept' | 'missed' | 'covered' | 'marked'> {
  if (!first.missed && !second.missed) return {};
  return {
    kept: (insn) => {
      first.kept?.(insn);
      second.kept?.(insn);
    },
    missed: (old) => {
      first.missed?.(old);
      second.missed?.(old);
    },
    covered: (old) => {
      first.covered?.(old);
      second.covered?.(old);
    },
    marked: (checkpoint) => {
      first.marked?.(checkpoint);
      second.marked?.(checkpoint);
    },
  };
}

/** Branches carry one number: it finds the two marks again. */
function composeBranches(
  first: VerifierObserver,
  second: VerifierObserver,
): Pick<VerifierObserver, 'pushed' | 'popped'> {
  const marks: (readonly [number, number])[] = [];
  return {
    pushed: () => marks.push([first.pushed?.() ?? 0, second.pushed?.() ?? 0]) - 1,
    popped: (mark) => {
      const [one, two] = marks[mark]!;
      marks.length = mark;
      first.popped?.(one);
      second.popped?.(two);
    },
  };
}
