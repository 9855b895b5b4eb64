import type { KernelProfile } from '../../../abi/index.ts';
import type { Message } from '../../messages/message.ts';
import { causeOf } from '../causes.ts';
import { explanationOf, stepsOf, wantedPlaces, withEnds } from '../explain.ts';
import { callsOnTheWay } from '../lineage.ts';
import type { PathRecorder } from '../trace.ts';
import type { ExplainedInsn, Explanation } from '../types.ts';
import { cleanLog } from './clean.ts';
import { type LogLine, readLine } from './lines.ts';
import { loaderWords } from './loader.ts';
import { rebuild, type RebuiltWalk } from './rebuild.ts';

/** What a log says. */
export interface ExplainedLog {
  /** 'rejected' by the verifier, 'accepted', 'not loaded' for other reasons, or 'unknown'. */
  readonly verdict: 'rejected' | 'accepted' | 'not loaded' | 'unknown';
  /** Undefined for accepted programs and where nothing was recognised. */
  readonly explanation: Explanation | undefined;
  /** Instructions the verifier looked at, if the log tells. */
  readonly processed: number | undefined;
  /** What the log lacks, and so the explanation. */
  readonly notes: readonly string[];
}

/** Larger logs are cut at their front: the reason stands at the end. */
const MAX_TEXT = 32 << 20;

/**
 * Explains a log of a kernel's verifier (5.x to 7.x) as people paste it: with what loaders and the
 * journal put around it, cut at either end, with or without the state of registers. The program
 * itself is not needed. The instructions are read back from the log, and the same rules as for an
 * object tell cause and history; what the log does not show cannot be told.
 *
 * @example
 * const { explanation, notes } = explainLog(text, await loadKernelProfile());
 * if (explanation) console.info(explanationText(explanation));
 */
export function explainLog(text: string, profile: KernelProfile): ExplainedLog {
  const { lines, around } = cleanLog(text.slice(-MAX_TEXT));
  const read = lines.flatMap((line): LogLine[] => {
    const one = readLine(line);
    return one ? [one] : [];
  });
  const walk = rebuild(read, profile);
  const notes = notesOf(walk);
  const { processed } = walk;
  const message = reasonOf(walk);
  if (message) {
    return { verdict: 'rejected', explanation: explained(message, walk), processed, notes };
  }
  const said = [...around, ...walk.words.map((one) => one.text)];
  if (walk.path.length === 0 && processed === undefined) return withoutWalk(said);
  if (processed !== undefined && said.every((one) => !FAILED.test(one))) {
    return { verdict: 'accepted', explanation: undefined, processed, notes: [] };
  }
  return { verdict: 'unknown', explanation: undefined, processed, notes };
}

/** Code of words that no table has. */
const UNKNOWN = 'log.unknown';
const FAILED = /fail|error|denied|invalid|not permitted/i;

/** The words that rejected it: the last the kernel said, as far as they are known. */
function reasonOf({ words, path }: RebuiltWalk): Message | undefined {
  const known = words.findLast(({ message }) => message !== undefined)?.message;
  if (known || path.length === 0) return known;
  const text = words.find((one) => !/^(?:libbpf|Error|ERROR)\b/.test(one.text))?.text;
  return text === undefined ? undefined : { code: UNKNOWN, text, args: [] };
}

function explained(message: Message, walk: RebuiltWalk): Explanation {
  const { path } = walk;
  const cause = soundCause(message, path);
  const steps = stepsOf(cause, path);
  const calls = callsOnTheWay(path, cause.since ? [] : steps);
  const texts = new Map<number, string>();
  for (const [serial, place] of wantedPlaces(cause.subject, [...steps, ...calls], path)) {
    texts.set(serial, walk.valueOf(place, serial - 1));
  }
  const insn = path.insns[path.length - 1] ?? -1;
  const history = withEnds(steps, calls, path, texts);
  const explanation = explanationOf({ insn }, message, cause, history, path, { texts });
  const asLogged = <T extends ExplainedInsn>(one: T): T => ({
    ...one,
    text: walk.texts.get(one.insn) ?? '',
  });
  return {
    ...explanation,
    at: asLogged(explanation.at),
    blame: asLogged(explanation.blame),
    steps: explanation.steps.map(asLogged),
  };
}

/** A line that was cut or changed on its way may have letters where numbers belong. */
function soundCause(message: Message, path: PathRecorder) {
  const cause = causeOf({ message, env: path.env, path });
  const { subject, since, at, blame, problem } = cause;
  const numbers = [subject?.register, subject?.slot, since?.insn, at, blame];
  const areWhole = numbers.every((one) => one === undefined || Number.isInteger(one));
  if (areWhole && !/\b(?:NaN|undefined)\b/.test(problem)) return cause;
  const plain = { code: UNKNOWN, text: message.text, args: [] };
  return { ...causeOf({ message: plain, env: path.env, path }), id: cause.id };
}

function notesOf({ path, processed, hasStates }: RebuiltWalk): string[] {
  const notes: string[] = [];
  if (path.length === 0) return notes;
  if (!hasStates) {
    notes.push('The log has no states of registers: load with log level 1 or 2 for the values.');
  }
  if (path.insns[0] !== 0) notes.push('The beginning of the log is missing, and older history.');
  if (processed === undefined) notes.push('The end of the log is missing.');
  return notes;
}

/** Nothing of the verifier stands there: it is the loader that complains, or something else. */
function withoutWalk(lines: readonly string[]): ExplainedLog {
  const found = loaderWords(lines);
  if (!found) {
    const notes = ['There are no words of a BPF verifier or loader in this text.'];
    return { verdict: 'unknown', explanation: undefined, processed: undefined, notes };
  }
  const { cause, code, problem, advice } = found.words;
  const at: ExplainedInsn = { insn: 0, text: '', line: undefined };
  const explanation: Explanation = {
    cause,
    code,
    kernel: found.line,
    problem,
    at,
    blame: at,
    subject: undefined,
    steps: [],
    advice,
  };
  return { verdict: 'not loaded', explanation, processed: undefined, notes: [] };
}
