import { enums, type KernelProfile } from '../../../abi/index.ts';
import {
  BPF_ADD,
  BPF_ALU64,
  BPF_CALL,
  BPF_JMP,
  BPF_LDX,
  BPF_ST,
  BPF_STX,
  BPF_SUB,
  BPF_X,
  classOf,
  Code,
  encodeCode,
} from '../../../isa/index.ts';
import { VerifierEnv } from '../../env.ts';
import type { Message } from '../../messages/message.ts';
import {
  MAX_REGS,
  MAX_STACK,
  REG_SIZE,
  REG_WORDS,
  regAt,
  SCALAR_VALUE,
  setSlotType,
  slotAt,
  STACK_BASE,
  STACK_SPILL,
  TYPE,
} from '../../state/layout.ts';
import type { LineInfo } from '../../types.ts';
import { ADDS_NUMBER, PathRecorder, type Place } from '../trace.ts';
import { fieldsOf } from './insn-text.ts';
import type { LogLine, State } from './lines.ts';
import { recognise } from './recognise.ts';
import { fillRecord, readValues, typeOf } from './values.ts';

/** A walk as far as its log tells it. */
export interface RebuiltWalk {
  readonly path: PathRecorder;
  /** Text of each instruction as the log has it. */
  readonly texts: ReadonlyMap<number, string>;
  /** Lines that look like words of the verifier, recognised or not, in order. */
  readonly words: readonly { readonly text: string; readonly message: Message | undefined }[];
  /** Instructions processed; undefined if the log's end is missing. */
  readonly processed: number | undefined;
  readonly hasStates: boolean;
  /** What a place held after a step. */
  valueOf(place: Place, step: number): string;
}

type InsnLine = Extract<LogLine, { kind: 'insn' }>;
type Values = Map<string, string>;

/** JA +0: what stands where the log says nothing. */
const UNKNOWN_OP = 0x05;
const MAX_FRAMES = 8;
/** Lines behind the last instruction that are looked at. */
const MAX_WORDS = 2000;

/** Puts the walk together again from the lines of a log. */
export function rebuild(lines: readonly LogLine[], profile: KernelProfile): RebuiltWalk {
  const walk = new Rebuilder();
  for (const line of lines) walk.read(line);
  return walk.finish(profile);
}

class Rebuilder {
  readonly #path = new PathRecorder();
  /** Of each step: the values it changed, by frame and name. */
  readonly #changes: Values[] = [];
  readonly #insns = new Map<number, InsnLine>();
  readonly #lines = new Map<number, LineInfo>();
  /** Words since the last instruction: the others are of paths that went well. */
  readonly #words: string[] = [];
  /** What is known now, by frame. */
  #now: Values[] = [new Map()];
  #frame = 0;
  #source: Extract<LogLine, { kind: 'source' }> | undefined;
  #processed: number | undefined;
  #hasStates = false;

  read(line: LogLine): void {
    switch (line.kind) {
      case 'source':
        this.#source = line;
        break;
      case 'insn':
        this.#insn(line);
        break;
      case 'state':
        if (line.from !== undefined) this.#resume(line.from);
        this.#show(line.state);
        break;
      case 'begins':
        this.#cutTo(0);
        break;
      case 'called':
        this.#enter(Math.min(this.#frame + 1, MAX_FRAMES - 1));
        break;
      case 'returned':
        this.#enter(Math.max(this.#frame - 1, 0));
        break;
      case 'processed':
        this.#processed = line.count;
        break;
      case 'words':
        if (this.#words.length < MAX_WORDS) this.#words.push(line.text);
        break;
    }
  }

  #insn(line: InsnLine): void {
    this.#words.length = 0;
    this.#forget();
    if (line.state?.frame !== undefined) this.#enter(line.state.frame);
    const { insn } = line;
    this.#insns.set(insn, line);
    if (this.#source) {
      const { file, line: number, text } = this.#source;
      this.#lines.set(insn, { insn, file, line: number, column: 0, text });
    }
    const path = this.#path;
    path.insns.push(insn);
    path.serials.push(path.insns.length);
    path.frames.push(this.#frame);
    path.slots.push(this.#slotOf(line));
    this.#changes.push(new Map());
    if (line.state) this.#show(line.state);
    if (line.next) this.#show(line.next);
  }

  /** A call that is behind us leaves r1 to r5 without a value. */
  #forget(): void {
    const before = this.#insns.get(this.#path.insns.at(-1) ?? -1);
    if (before?.op !== (BPF_JMP | BPF_CALL) || before.text.startsWith('call pc')) return;
    for (let n = 1; n <= 5; n++) this.#now[this.#frame]!.delete(`R${n}`);
  }

  /** The walk goes on behind an instruction it was at before. */
  #resume(from: number): void {
    const step = this.#path.insns.lastIndexOf(from);
    const frame = this.#path.frames[step] ?? 0;
    this.#cutTo(step + 1);
    this.#enter(frame);
  }

  #cutTo(length: number): void {
    const path = this.#path;
    path.insns.length = path.serials.length = path.frames.length = path.slots.length = length;
    this.#changes.length = length;
    this.#now = [new Map()];
    this.#words.length = 0;
    this.#enter(0);
  }

  #enter(frame: number): void {
    this.#frame = Math.min(frame, MAX_FRAMES - 1);
    while (this.#now.length <= this.#frame) this.#now.push(new Map());
  }

  #show({ frame, text }: State): void {
    if (frame !== undefined) this.#enter(frame);
    for (const [name, value] of readValues(text)) {
      this.#hasStates = true;
      this.#now[this.#frame]!.set(name, value);
      this.#changes.at(-1)?.set(`${this.#frame} ${name}`, value);
    }
  }

  /** The stack slot a load or store goes to, as far as the log tells. */
  #slotOf({ op, text }: InsnLine): number {
    const now = this.#now[this.#frame]!;
    const cls = classOf(op);
    if (cls === BPF_ALU64) return this.#addsNumber(op, text) ? ADDS_NUMBER : -1;
    if (cls !== BPF_LDX && cls !== BPF_ST && cls !== BPF_STX) return -1;
    const match = /\(r(\d+) ?([+-]\d+)?\)/.exec(text);
    if (!match) return -1;
    const base = match[1] === '10' ? 'fp0' : (now.get(`R${match[1]}`) ?? '');
    const stack = /^fp(?:\[(\d+)\])?(-?\d+)$/.exec(base);
    if (!stack) return -1;
    const offset = Number(stack[2]) + Number(match[2] ?? 0);
    if (offset >= 0 || offset < -512) return -1;
    const frame = Number(stack[1] ?? this.#frame);
    return frame * 64 + Math.floor((-offset - 1) / REG_SIZE);
  }

  #addsNumber(op: number, text: string): boolean {
    const operation = op & 0xf0;
    if (!(op & BPF_X) || (operation !== BPF_ADD && operation !== BPF_SUB)) return false;
    const names = [...text.matchAll(/r(\d+)/g)].map(([, n]) => `R${n}`);
    const now = this.#now[this.#frame]!;
    const [dst, src] = names.map((name) => now.get(name));
    if (dst === undefined || src === undefined) return false;
    return typeOf(dst) > SCALAR_VALUE && typeOf(src) === SCALAR_VALUE;
  }

  finish(profile: KernelProfile): RebuiltWalk {
    const path = this.#path;
    const words = this.#words.map((text) => ({ text, message: recognise(text) }));
    const messages = words.flatMap(({ message }) => (message ? [message] : []));
    path.env = this.#environment(profile, messages);
    path.isStarted = true;
    path.counts = new Uint32Array(path.env.length);
    for (const insn of path.insns) path.counts[insn]!++;
    path.messages.push(...messages);
    path.last = this.#now.map(recordsOf);
    this.#correct();
    return {
      path,
      texts: new Map([...this.#insns].map(([insn, { text }]) => [insn, text])),
      words,
      processed: this.#processed,
      hasStates: this.#hasStates,
      valueOf: (place, step) => this.#valueOf(place, step),
    };
  }

  /** Helpers that change packets make numbers of pointers without showing it. */
  #correct(): void {
    const { code, args } = this.#path.messages.at(-1) ?? { code: '', args: [] };
    const words = this.#path.last[this.#frame];
    if (code !== 'mem.invalid_access' || args[1] !== 'scalar' || !words) return;
    const r = regAt(Number(args[0]) & 15);
    if (words[r + TYPE] !== SCALAR_VALUE) fillRecord(words, r, 'scalar()');
  }

  #valueOf({ frame, register, slot }: Place, step: number): string {
    const name = `${frame} ${register < 0 ? `fp-${(slot + 1) * 8}` : `R${register}`}`;
    for (let at = Math.min(step, this.#changes.length - 1); at >= 0; at--) {
      const value = this.#changes[at]!.get(name);
      if (value !== undefined) return value;
    }
    return '';
  }

  #environment(profile: KernelProfile, messages: readonly Message[]): VerifierEnv {
    const named = messages.flatMap(({ args }) => args);
    const insns = [...this.#insns.keys()];
    const length = insns.reduce((most, insn) => Math.max(most, insn + 2), mostNamed(named) + 1);
    const code = new Code(length);
    code.op.fill(UNKNOWN_OP);
    for (const [insn, { op, text }] of this.#insns) {
      const { dst, src, off, imm } = fieldsOf(op, text, profile);
      code.set(insn, op, dst, src, off, imm);
    }
    const input = {
      name: '',
      type: enums.bpf_prog_type.BPF_PROG_TYPE_UNSPEC,
      expectedAttachType: 0,
      attachBtfId: 0,
      license: 'GPL',
      flags: 0,
      insns: encodeCode(code),
      maps: [],
      btf: undefined,
      functionInfo: [],
      lineInfo: [...this.#lines.values()].sort((a, b) => a.insn - b.insn),
    };
    // Only loaders without CAP_PERFMON hear of bytes that were not written.
    const trusted = !messages.some(({ code }) => code.startsWith('stack.uninit_'));
    const capabilities = { bpf: true, perfmon: trusted, netAdmin: true, sysAdmin: trusted };
    return new VerifierEnv(input, profile, {
      capabilities,
      observer: undefined,
      logLevel: 0,
    });
  }
}

/** The highest instruction words name: 'unreachable insn 12'. */
function mostNamed(args: readonly unknown[]): number {
  const numbers = args.filter((one) => Number.isInteger(one) && Number(one) < 100_000) as number[];
  return Math.max(0, ...numbers);
}

/** Records of registers and of pointers and numbers saved on the stack. */
function recordsOf(values: Values): Int32Array {
  const words = new Int32Array(STACK_BASE + (MAX_STACK / REG_SIZE) * REG_WORDS);
  for (const [name, value] of values) {
    const match = /^(R|fp-)(\d+)$/.exec(name);
    const n = Number(match?.[2]);
    if (match?.[1] === 'R' && n < MAX_REGS) fillRecord(words, regAt(n), value);
    else if (match?.[1] === 'fp-' && n > 0 && n <= MAX_STACK) fillSlot(words, n, value);
  }
  return words;
}

/** A slot that shows one character a byte holds no register. */
function fillSlot(words: Int32Array, depth: number, value: string): void {
  if (/^[?m0zdi]{8}$/.test(value)) return;
  const r = slotAt(Math.floor((depth - 1) / REG_SIZE));
  fillRecord(words, r, value);
  for (let i = 0; i < REG_SIZE; i++) setSlotType(words, r, i, STACK_SPILL);
}
