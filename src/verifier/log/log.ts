import { gates } from '../gates.ts';
import {
  BPF_PSEUDO_BTF_ID,
  BPF_PSEUDO_KFUNC_CALL,
  BPF_PSEUDO_MAP_FD,
  BPF_PSEUDO_MAP_IDX,
  BPF_PSEUDO_MAP_IDX_VALUE,
  BPF_PSEUDO_MAP_VALUE,
  type Code,
  kernelText,
  LD_IMM64,
} from '../../isa/index.ts';
import { bpfHelperName } from '../../abi/index.ts';
import { lineOf } from '../../object/index.ts';
import { calledBtf } from '../btf/modules.ts';
import type { VerifierEnv } from '../env.ts';
import type { Message } from '../messages/message.ts';
import type { FuncState } from '../state/state.ts';
import type { LineInfo, VerifierObserver } from '../types.ts';
import { LogBuffer } from './buffer.ts';
import { BPF_LOG_LEVEL, BPF_LOG_LEVEL2 } from './levels.ts';
import { frameText } from './print-state.ts';
import { olderFrameText } from './print-state-older.ts';

/** Column where what an instruction did starts, and the tab width beyond it. */
const STATE_COLUMN = 40;
const STATE_TAB = 8;

/** Messages after which the kernel forgets the line feed. */
const OPEN_LINES: ReadonlySet<string> = new Set([
  'stack.variable_write_over_spill',
  'context.may_be_error',
  'kfunc.two_buffer_sizes',
]);

const SPECULATIVE = ' (speculative execution)';

/**
 * Writes the kernel's log from the walk's events, byte for byte as Linux 6.12 does at the same
 * level: 1 shows the path that was rejected, 2 every path, 4 only words and statistics.
 */
export class LogObserver implements VerifierObserver {
  readonly level: number;
  readonly buffer = new LogBuffer();
  #env!: VerifierEnv;
  #line: LineInfo | undefined;
  /** End of the log after the last instruction was printed, and how long that print was. */
  #insnEnd = 0;
  #insnLength = 0;

  constructor(level: number) {
    this.level = level;
  }

  start(env: VerifierEnv): void {
    this.#env = env;
  }

  message(message: Message): void {
    if (this.level === 0) return;
    this.buffer.add(OPEN_LINES.has(message.code) ? message.text : `${message.text}\n`);
  }

  state(frame: number, all: boolean): void {
    if (this.level === 0) return;
    const env = this.#env;
    this.buffer.addPieces(`${shownFrame(env, env.state.frameAt(frame), all)}\n`);
    if (!all) env.scratchAll(false);
  }

  backtracking(message: Message, insn: number): void {
    if (this.level === 0) return;
    this.buffer.add(message.text);
    this.buffer.add(`${this.#insnText(insn)}\n`);
  }

  otherState(message: Message, frame: FuncState): void {
    if (this.level === 0) return;
    this.buffer.add(message.text);
    this.buffer.addPieces(`${shownFrame(this.#env, frame, true)}\n`);
  }

  functionStart(): void {
    this.#line = undefined;
  }

  functionDone(ok: boolean): void {
    if (ok && !(this.level & BPF_LOG_LEVEL2)) this.buffer.reset(0);
  }

  pushed(): number {
    return this.buffer.end;
  }

  popped(mark: number): void {
    if (this.level !== 0 && !(this.level & BPF_LOG_LEVEL2)) this.buffer.reset(mark);
  }

  pruned(from: number, to: number, resumed: boolean): void {
    if (!(this.level & BPF_LOG_LEVEL)) return;
    const speculative = this.#env.state.speculative ? SPECULATIVE : '';
    this.buffer.add(resumed ? `\nfrom ${from} to ${to}${speculative}: safe\n` : `${to}: safe\n`);
  }

  resumed(from: number, to: number): void {
    if (!(this.level & BPF_LOG_LEVEL2)) return;
    const env = this.#env;
    this.buffer.add(`\nfrom ${from} to ${to}${env.state.speculative ? SPECULATIVE : ''}:`);
    this.state(env.state.curframe, true);
  }

  insn(): void {
    if (!(this.level & BPF_LOG_LEVEL)) return;
    const env = this.#env;
    if (env.scratchedRegs || env.scratchedSlotsLow || env.scratchedSlotsHigh) this.insnState();
    this.line(env.insnIdx, '; ');
    const before = this.buffer.end;
    this.buffer.add(`${env.insnIdx}: ${this.#insnText(env.insnIdx)}\n`);
    this.#insnEnd = this.buffer.end;
    this.#insnLength = this.#insnEnd - before;
  }

  insnState(): void {
    if (!(this.level & BPF_LOG_LEVEL)) return;
    const env = this.#env;
    if (this.#insnEnd !== 0 && this.#insnEnd === this.buffer.end) {
      this.buffer.reset(this.#insnEnd - 1);
      this.buffer.add(`${' '.repeat(padding(this.#insnLength))};`);
    } else {
      this.buffer.add(`${env.insnIdx}:`);
    }
    this.state(env.state.curframe, false);
  }

  line(insn: number, prefix: string): void {
    if (this.level === 0) return;
    const line = lineOf(this.#env.input.lineInfo, insn);
    if (!line || line === this.#line) return;
    const { namedLines } = gates;
    const isSame = line.file === this.#line?.file && line.line === this.#line.line;
    if (isSame && namedLines) return;
    this.buffer.add(prefix);
    this.buffer.add(line.text.trimStart());
    const name = line.file.slice(line.file.lastIndexOf('/') + 1);
    this.buffer.add(namedLines ? ` @ ${name}:${line.line}\n` : '\n');
    this.#line = line;
  }

  #insnText(insn: number): string {
    const env = this.#env;
    const text = kernelText(env.code, insn, {
      helper: bpfHelperName,
      callee: (code, i) => calleeText(env, code, i),
      constant: (code, i) => constantText(env, code, i),
    });
    const branch = env.staticBranches?.get(insn);
    return branch ? `${text} ; static branch of '${env.input.maps[branch.map]!.name}'` : text;
  }
}

/** A frame in the words of the kernel whose rules count. */
function shownFrame(env: VerifierEnv, frame: FuncState, all: boolean): string {
  return gates.shortLog ? frameText(env, frame, all) : olderFrameText(env, frame, all);
}

/** Blanks between an instruction's text and what it did. */
function padding(length: number): number {
  const column = Math.max(length + STATE_TAB / 2, STATE_COLUMN);
  return Math.ceil(column / STATE_TAB) * STATE_TAB - length - 1;
}

/**
 * Addresses in Linux's log differ from boot to boot; ours tell which map or variable it is.
 * They are hidden from loaders that may not see kernel addresses, as in Linux.
 */
function constantText(env: VerifierEnv, code: Code, i: number): string | undefined {
  if (code.op[i] !== LD_IMM64) return undefined;
  const object = BigInt(env.aux.loadObject[i] ?? 0) & 0xffffn;
  const value = BigInt((env.aux.loadValue[i] ?? 0) >>> 0);
  let address: bigint;
  switch (code.src[i]) {
    case BPF_PSEUDO_MAP_FD:
    case BPF_PSEUDO_MAP_IDX:
      address = 0xffff_8881_0000_0000n + (object << 12n);
      break;
    case BPF_PSEUDO_MAP_VALUE:
    case BPF_PSEUDO_MAP_IDX_VALUE:
      address = 0xffff_c900_0000_0000n + (object << 24n) + value;
      break;
    case BPF_PSEUDO_BTF_ID:
      address = 0xffff_ffff_8200_0000n + value;
      break;
    default:
      return undefined;
  }
  return `0x${(env.allowPtrLeaks ? address : 0n).toString(16)}`;
}

/** Name of a called kernel function; bpf-to-bpf calls show their distance. */
export function calleeText(env: VerifierEnv, code: Code, i: number): string | undefined {
  if (code.src[i] !== BPF_PSEUDO_KFUNC_CALL) return undefined;
  try {
    return calledBtf(env, code.off[i]!)?.type(code.imm[i]!).name;
  } catch {
    return undefined;
  }
}
