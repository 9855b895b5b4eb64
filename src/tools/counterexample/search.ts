import { lineOf } from '../../object/index.ts';
import type { Explanation, LineInfo, VerifierInput } from '../../verifier/index.ts';
import { dictionaryOf } from './dictionary.ts';
import { AS_LOADED, MapKeeper } from './maps.ts';
import { Mutator } from './mutate.ts';
import { templates } from './packets.ts';
import { Random } from './random.ts';
import { remedyFor, showsInRuns } from './remedy.ts';
import type { Counterexample, FoundFault, RunInput, SearchOptions, Subject } from './types.ts';

/** Inputs that are kept to be changed further. */
const MOST_KEPT = 256;
/** Runs between looks at the clock. */
const BETWEEN_LOOKS = 64;
/** Bytes of a packet that are cleared where they do not matter. */
const SIMPLE_FROM = 14;
const SIMPLE_TO = 256;
/** Bytes of a context that inputs may set. */
const CONTEXT_SIZE = 192;

/** A fault as the machine throws it. */
interface Fault extends Error {
  readonly insn: number;
}

const isFault = (error: unknown): error is Fault =>
  error instanceof Error && error.name === 'ProgramFault';

/**
 * Looks for an input with which a rejected program really goes wrong. Steered: packets are cut at
 * the lengths and filled with the numbers that the program compares with, inputs that come further
 * on the way to the rejected instruction are changed further. The same seed finds the same. What is
 * found is run once more on a fresh machine, and told only if it goes wrong there, too.
 *
 * @param fresh Makes a machine with the program loaded unverified.
 */
export async function findCounterexample(
  fresh: () => Promise<Subject>,
  input: VerifierInput,
  explanation: Explanation,
  options: SearchOptions = {},
): Promise<Counterexample> {
  if (!showsInRuns(explanation)) {
    return { kind: 'cannot-run', why: 'a run does not show this kind of mistake' };
  }
  const subject = await fresh();
  try {
    const search = new Search(subject, input, explanation, options);
    for (const candidate of search.candidates()) {
      const found = search.simplified(candidate);
      const again = await fresh();
      try {
        const fault = search.outcome(again, new MapKeeper(again.maps), found);
        if (fault) return { kind: 'real', input: found, fault, tried: search.tried };
      } finally {
        again.close();
      }
    }
    const { tried, reached } = search;
    const remedy = reached ? remedyFor(explanation) : '';
    return { kind: 'not-found', tried, reached, remedy };
  } finally {
    subject.close();
  }
}

/** One search. */
class Search {
  tried = 0;
  reached = false;
  readonly #subject: Subject;
  readonly #keeper: MapKeeper;
  readonly #lines: readonly LineInfo[];
  readonly #target: number;
  readonly #random: Random;
  readonly #mutator: Mutator;
  readonly #runs: number;
  readonly #deadline: number;
  readonly #kept: RunInput[] = [];
  readonly #seen = new Set<number>();
  #before: Float64Array;

  constructor(
    subject: Subject,
    { insns, lineInfo }: VerifierInput,
    { at }: Explanation,
    { seed = 1, runs = 20_000, time = 2000 }: SearchOptions,
  ) {
    this.#subject = subject;
    this.#lines = lineInfo;
    this.#target = at.insn;
    this.#random = new Random(seed);
    this.#mutator = new Mutator(dictionaryOf(insns), subject.maps, this.#random);
    this.#keeper = new MapKeeper(subject.maps);
    this.#runs = runs;
    this.#deadline = performance.now() + time;
    this.#before = subject.counts();
  }

  /** Inputs that went wrong, those at the rejected instruction first. */
  *candidates(): Generator<RunInput> {
    let elsewhere: RunInput | undefined;
    while (this.#goesOn()) {
      const input = this.#next();
      const fault = this.outcome(this.#subject, this.#keeper, input);
      this.tried++;
      this.#keep(input);
      if (fault?.there) yield input;
      else if (fault) elsewhere ??= input;
    }
    if (elsewhere) yield elsewhere;
  }

  #goesOn(): boolean {
    if (this.tried >= this.#runs) return false;
    return this.tried % BETWEEN_LOOKS !== 0 || performance.now() < this.#deadline;
  }

  /** A template, or a change of something kept; what came late came further. */
  #next(): RunInput {
    const template = templates[this.tried];
    if (template) {
      return { packet: template, context: new Uint8Array(CONTEXT_SIZE), maps: AS_LOADED };
    }
    const kept = this.#kept;
    const late = Math.max(this.#random.below(kept.length), this.#random.below(kept.length));
    return this.#mutator.mutate(kept[late]!);
  }

  /** Runs an input; what went wrong, if something did. */
  outcome(subject: Subject, keeper: MapKeeper, input: RunInput): FoundFault | undefined {
    keeper.set(input.maps);
    try {
      subject.run(input.packet, input.context);
      return undefined;
    } catch (error) {
      if (!isFault(error)) throw error;
      const line = lineOf(this.#lines, error.insn);
      const there = this.#isThere(error.insn, line);
      // The message goes on with the place.
      const what = error.message.replace(/ at insn \d+ \(.*$/s, '');
      return { insn: error.insn, line, what, there };
    }
  }

  /** The same with as little as possible in maps, context and packet that goes wrong alike. */
  simplified(found: RunInput): RunInput {
    const fault = this.outcome(this.#subject, this.#keeper, found);
    let best = found;
    const attempt = (input: RunInput) => {
      const now = this.outcome(this.#subject, this.#keeper, input);
      if (fault && now?.insn === fault.insn) best = input;
    };
    attempt({ ...best, maps: AS_LOADED });
    for (const entry of best.maps.entries) {
      const entries = best.maps.entries.filter((one) => one !== entry);
      attempt({ ...best, maps: { name: best.maps.name, entries } });
    }
    attempt({ ...best, context: new Uint8Array(CONTEXT_SIZE) });
    for (let at = SIMPLE_FROM; at < Math.min(best.packet.length, SIMPLE_TO); at++) {
      if (best.packet[at] !== 0) attempt({ ...best, packet: best.packet.with(at, 0) });
    }
    return best;
  }

  /** The rejected instruction, or another one of the same line. */
  #isThere(insn: number, line: LineInfo | undefined): boolean {
    if (insn === this.#target) return true;
    const rejected = lineOf(this.#lines, this.#target);
    return line !== undefined && rejected?.line === line.line && rejected.file === line.file;
  }

  /** Keeps an input that executed something new, or something more often than before. */
  #keep(input: RunInput): void {
    const counts = this.#subject.counts();
    let isNew = false;
    for (let i = 0; i < counts.length; i++) {
      const times = counts[i]! - this.#before[i]!;
      if (times <= 0) continue;
      if (i === this.#target) this.reached = true;
      const mark = i * 32 + Math.min(31, Math.floor(Math.log2(times)) + 1);
      if (this.#seen.has(mark)) continue;
      this.#seen.add(mark);
      isNew = true;
    }
    this.#before = counts;
    if (!isNew && this.#kept.length >= templates.length) return;
    this.#kept.push(input);
    if (this.#kept.length > MOST_KEPT) this.#kept.splice(templates.length, 1);
  }
}
