/** Why one verification costs more than another: where their pruning first differs, and by line. */
import { lineOf } from '../../object/index.ts';
import {
  type CostProfile,
  type KernelProfile,
  profileCost,
  type VerifierInput,
  type VerifierObserver,
  verify,
} from '../../verifier/index.ts';
import type { CiPlace } from './types.ts';

/** A program on a kernel: one side of a comparison. */
export interface Side {
  readonly input: VerifierInput;
  readonly profile: KernelProfile;
}

/**
 * What became of a state: 'kept' to be compared with later ones, 'missed' by one kept before, or
 * 'covered', which ends its path.
 */
export type DecisionKind = 'kept' | 'missed' | 'covered';

/** What the verifier did with a state at a place that it remembers states of. */
export interface Decision {
  readonly kind: DecisionKind;
  readonly insn: number;
  /** Instructions processed before. */
  readonly processed: number;
  readonly source: CiPlace | undefined;
}

/** The first decision that is another one; undefined on a side that has no more. */
export interface Divergence {
  /** Decisions before it that are the same. */
  readonly same: number;
  readonly old: Decision | undefined;
  readonly now: Decision | undefined;
  /** What keeps states apart where `now` is, over all its comparisons: 'range R6: 0 / 1'. */
  readonly because: readonly string[];
}

/** Lines of one text, and what they cost on both sides: instructions processed. */
export interface LineDelta {
  readonly source: CiPlace | undefined;
  readonly insn: number;
  readonly old: number;
  readonly now: number;
}

/** The answer of `explainRegression`. Plain data. */
export interface Regression {
  readonly old: CostProfile;
  readonly now: CostProfile;
  readonly first: Divergence | undefined;
  /** Lines whose cost changed, the greatest growth first. */
  readonly lines: readonly LineDelta[];
  /** Decisions beyond the first `MOST_DECISIONS` of a side were not compared. */
  readonly cut: boolean;
}

const KINDS: readonly DecisionKind[] = ['kept', 'missed', 'covered'];
/** What is remembered of a side: enough for a million instructions. */
const MOST_DECISIONS = 2_000_000;

/**
 * Verifies both and says where they part. Places are held against each other by the text of their
 * source line, so that lines added above do not matter; without line info by instruction.
 *
 * @example
 * const { first, lines } = explainRegression({ input: old, profile }, { input: now, profile });
 * console.info(first?.now?.source?.text, lines[0]?.now);
 */
export function explainRegression(old: Side, now: Side): Regression {
  const costs = [old, now].map(({ input, profile }) => profileCost(input, profile));
  const [before, after] = [decisionsOf(old), decisionsOf(now)];
  const first = divergence(before, after, costs[1]!);
  return {
    old: costs[0]!,
    now: costs[1]!,
    first,
    lines: lineDeltas(costs[0]!, costs[1]!),
    cut: [before, after].some(({ places }) => places.length >= MOST_DECISIONS),
  };
}

/** The decisions of a verification, in their order: kind and instruction, and when. */
interface Decisions {
  readonly side: Side;
  readonly places: readonly number[];
  readonly processed: readonly number[];
}

function decisionsOf(side: Side): Decisions {
  const places: number[] = [];
  const processed: number[] = [];
  let walked = 0;
  let at = () => 0;
  const note = (kind: DecisionKind, insn: number) => {
    if (places.length >= MOST_DECISIONS) return;
    places.push(insn * KINDS.length + KINDS.indexOf(kind));
    processed.push(walked);
  };
  const observer: VerifierObserver = {
    start: (env) => {
      at = () => env.insnIdx;
    },
    message: () => {},
    insn: () => {
      walked++;
    },
    kept: (insn) => note('kept', insn),
    missed: () => note('missed', at()),
    covered: () => note('covered', at()),
  };
  verify(side.input, side.profile, { logLevel: 0, observer });
  return { side, places, processed };
}

function divergence(old: Decisions, now: Decisions, cost: CostProfile): Divergence | undefined {
  const [a, b] = [sameKeys(old.side.input), sameKeys(now.side.input)];
  const key = (keys: (insn: number) => string, place: number | undefined) =>
    place === undefined ? '' : `${place % KINDS.length} ${keys(Math.floor(place / KINDS.length))}`;
  const most = Math.max(old.places.length, now.places.length);
  for (let i = 0; i < most; i++) {
    if (key(a, old.places[i]) === key(b, now.places[i])) continue;
    const found = decisionAt(now, i);
    return { same: i, old: decisionAt(old, i), now: found, because: missesAt(cost, found) };
  }
  return undefined;
}

function decisionAt({ side, places, processed }: Decisions, i: number): Decision | undefined {
  const place = places[i];
  if (place === undefined) return undefined;
  const insn = Math.floor(place / KINDS.length);
  const kind = KINDS[place % KINDS.length]!;
  return { kind, insn, processed: processed[i]!, source: sourceAt(side.input, insn) };
}

function missesAt({ misses }: CostProfile, at: Decision | undefined): string[] {
  if (!at) return [];
  const here = misses.filter((miss) =>
    at.source ? miss.at.line?.line === at.source.line : miss.at.insn === at.insn,
  );
  return here.map(({ kind, place, old, current }) =>
    `${kind} ${place}${old === current ? '' : `: ${old} / ${current}`}`.trim(),
  );
}

function sourceAt({ lineInfo }: VerifierInput, insn: number): CiPlace | undefined {
  const found = lineOf(lineInfo, insn);
  return found && { file: found.file, line: found.line, text: found.text.trim() };
}

/** Names an instruction by its line's text and how far behind the line's start it is. */
function sameKeys(input: VerifierInput): (insn: number) => string {
  const known: string[] = [];
  return (insn) => {
    known[insn] ??= keyAt(input, insn);
    return known[insn];
  };
}

function keyAt({ lineInfo }: VerifierInput, insn: number): string {
  const found = lineOf(lineInfo, insn);
  return found ? `${baseName(found.file)} ${found.text.trim()}` : `#${insn}`;
}

const baseName = (path: string): string => path.split('/').at(-1)!;

function lineDeltas(old: CostProfile, now: CostProfile): LineDelta[] {
  const deltas = new Map<string, LineDelta>();
  const add = ({ lines }: CostProfile, side: 'old' | 'now') => {
    for (const { at, processed } of lines) {
      const { line } = at;
      const key = line ? `${baseName(line.file)} ${line.text.trim()}` : `#${at.insn}`;
      const source = line && { file: line.file, line: line.line, text: line.text.trim() };
      const before = deltas.get(key) ?? { source, insn: at.insn, old: 0, now: 0 };
      deltas.set(key, { ...before, [side]: before[side] + processed });
    }
  };
  // The newer first: its line numbers are those people look at.
  add(now, 'now');
  add(old, 'old');
  return [...deltas.values()]
    .filter((one) => one.old !== one.now)
    .sort((a, b) => b.now - b.old - (a.now - a.old));
}
