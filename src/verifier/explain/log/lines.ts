/** A line of a log, as data. Lines of precision tracking and the like are left out. */
export type LogLine =
  | {
      readonly kind: 'source';
      readonly text: string;
      /** '' in logs before Linux 6.9, which do not tell. */
      readonly file: string;
      readonly line: number;
    }
  | {
      readonly kind: 'insn';
      readonly insn: number;
      readonly op: number;
      readonly text: string;
      /** What the instruction did to the registers. */
      readonly state: State | undefined;
      /** The branch was left, and the walk went on here. */
      readonly next: State | undefined;
    }
  | { readonly kind: 'state'; readonly from: number | undefined; readonly state: State }
  /** Another function is walked. */
  | { readonly kind: 'begins' }
  | { readonly kind: 'called' }
  | { readonly kind: 'returned' }
  | { readonly kind: 'processed'; readonly count: number }
  | { readonly kind: 'words'; readonly text: string };

/** Registers as a log line shows them. */
export interface State {
  readonly frame: number | undefined;
  /** 'R1_w=ctx() R10=fp0' */
  readonly text: string;
}

/** Instructions a log can be about. */
const MAX_INSN = 1_000_000;

const SOURCE = /^;\s?(.*?)(?: @ (\S+):(\d+))?$/;
const INSN = /^(\d+): \(([0-9a-f]{2})\) (.*)$/;
const AFTER = /\s*; ((?:frame\d+: ?)?(?:R\d+(?:_\w+)?=|fp-\d+(?:_\w+)?=|refs=).*)$/;
const WENT_ON = /^(.*? goto pc[+-]\d+)\s+(?:\d+): (.*)$/;
const FROM = /^from (\d+) to (\d+)(?: \(speculative execution\))?: ?(.*)$/;
const STATE = /^(?:\d+: )?((?:frame\d+: ?)?(?:R\d+(?:_\w+)?=|fp-\d+(?:_\w+)?=).*)$/;
const PROCESSED = /^processed (\d+) insns/;
/** Precision, statistics and other notes that tell nothing of a rejection. */
const NOISE = [
  /^(?:last_idx |regs=|parent (?:didn't|already) |mark_precise|propagating |arg tracking)/,
  /^frame ?\d+: (?:regs=|propagating|last_idx|parent)/,
  /^(?:verification time |stack depth |mark_read |max_states|func#\d+ @|Live regs)/,
  /^(?:\d+: (?:safe)?$|Subprog \d+:)/,
];

/** Reads one line; undefined for what says nothing. */
export function readLine(line: string): LogLine | undefined {
  if (line === '' || NOISE.some((one) => one.test(line))) return undefined;
  return readInsn(line) ?? readState(line) ?? readOther(line);
}

function readInsn(line: string): LogLine | undefined {
  const match = INSN.exec(line);
  if (!match || Number(match[1]) >= MAX_INSN) return undefined;
  const after = AFTER.exec(match[3]!)?.[1];
  const text = match[3]!.replace(AFTER, '').trimEnd();
  const on = WENT_ON.exec(text);
  return {
    kind: 'insn',
    insn: Number(match[1]),
    op: Number.parseInt(match[2]!, 16),
    text: on ? on[1]! : text,
    state: after === undefined ? undefined : stateOf(after),
    next: on ? stateOf(on[2]!) : undefined,
  };
}

function readState(line: string): LogLine | undefined {
  const from = FROM.exec(line);
  if (from) return { kind: 'state', from: Number(from[1]), state: stateOf(from[3]!) };
  const state = STATE.exec(line)?.[1];
  return state === undefined
    ? undefined
    : { kind: 'state', from: undefined, state: stateOf(state) };
}

function readOther(line: string): LogLine | undefined {
  const source = SOURCE.exec(line);
  if (source) {
    const [, text, file, number] = source;
    return { kind: 'source', text: text!, file: file ?? '', line: Number(number ?? 0) };
  }
  const count = PROCESSED.exec(line)?.[1];
  if (count !== undefined) return { kind: 'processed', count: Number(count) };
  if (/^Validating \S+\(\) func#\d+\.\.\.$/.test(line)) return { kind: 'begins' };
  if (line === 'callee:') return { kind: 'called' };
  if (line === 'returning from callee:') return { kind: 'returned' };
  return line === 'caller:' || /^to caller at \d+:$/.test(line)
    ? undefined
    : { kind: 'words', text: line };
}

function stateOf(text: string): State {
  const match = /^(?:frame(\d+): ?)?(.*)$/.exec(text.trim())!;
  return { frame: match[1] === undefined ? undefined : Number(match[1]), text: match[2]! };
}
