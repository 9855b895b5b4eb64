import {
  BPF_ALU,
  BPF_ALU64,
  BPF_LD,
  BPF_LDX,
  BPF_MOV,
  BPF_STX,
  BPF_X,
  type Code,
  kernelText,
  CALL,
  EXIT,
  BPF_ATOMIC,
  BPF_FETCH,
  classOf,
  isConditional,
} from '../isa/index.ts';
import { sourceLineAt } from '../engine/index.ts';
import type { SourceLine } from '../object/types.ts';
import type { RecordedRun, Step } from './recorder.ts';

/** Why a run returned what it returned: where the value comes from, and the way there. */
export interface Decision {
  readonly program: string;
  /** Instructions the run took. */
  readonly executed: number;
  /** The instruction that made the return value. */
  readonly value: Place | undefined;
  /** The last lines before it that chose a way, oldest first. */
  readonly way: readonly PassedLine[];
}

/** An instruction and the line of the source it comes from. */
export interface Place {
  readonly insn: number;
  /** As the kernel prints it. */
  readonly text: string;
  readonly line: SourceLine | undefined;
}

export interface PassedLine {
  readonly line: SourceLine;
  /** Whether the last conditional jump of the line was taken. */
  readonly jumped: boolean;
}

/** Lines of the way that are told. */
const LINES = 6;
const OPERATION = 0xf0;

/** Finds out why a run ended as it did, from the steps it took last. */
export function decisionOf(run: RecordedRun): Decision {
  const { program, executed, steps } = run;
  const at = valueStep(program.code, steps);
  const insn = steps[at]?.insn;
  return {
    program: program.image.name,
    executed,
    value:
      insn === undefined
        ? undefined
        : { insn, text: kernelText(program.code, insn), line: sourceLineAt(program.image, insn) },
    way: wayTo(run, at < 0 ? steps.length : at),
  };
}

/** Walks back to the step that made what is in r0 at the end, through copies and returns. */
function valueStep(code: Code, steps: readonly Step[]): number {
  let register = 0;
  let frame = 0;
  for (let i = steps.length - 1; i >= 0; i--) {
    const step = steps[i]!;
    if (step.frame === frame + 1 && code.op[step.insn] === EXIT && register === 0) frame++;
    if (step.frame !== frame || !writes(code, step.insn, register)) continue;
    const source = copiedFrom(code, step.insn);
    if (source < 0) return i;
    register = source;
    if (register === 10 || (register > 0 && register < 6 && beginsWith(steps, i, frame))) return i;
  }
  return -1;
}

/** True if nothing of this frame comes before step `i`: the register is an argument. */
const beginsWith = (steps: readonly Step[], i: number, frame: number): boolean =>
  i === 0 || steps[i - 1]!.frame !== frame;

/** The register whose value an instruction copies as it is, or -1. */
function copiedFrom(code: Code, insn: number): number {
  const op = code.op[insn]!;
  const kind = classOf(op);
  const moves = (kind === BPF_ALU64 || kind === BPF_ALU) && (op & OPERATION) === BPF_MOV;
  return moves && (op & BPF_X) !== 0 && code.off[insn] === 0 ? code.src[insn]! : -1;
}

function writes(code: Code, insn: number, register: number): boolean {
  const op = code.op[insn]!;
  if (op === CALL) return register === 0;
  switch (classOf(op)) {
    case BPF_ALU:
    case BPF_ALU64:
    case BPF_LDX:
      return code.dst[insn] === register;
    case BPF_LD:
      return (op & 0xe0) === 0 ? code.dst[insn] === register : register === 0;
    case BPF_STX:
      return (
        (op & 0xe0) === BPF_ATOMIC &&
        (code.imm[insn]! & BPF_FETCH) !== 0 &&
        code.src[insn] === register
      );
    default:
      return false;
  }
}

/** The last lines before step `end` that had to choose a way, each once in a row. */
function wayTo({ program, steps }: RecordedRun, end: number): PassedLine[] {
  const way: PassedLine[] = [];
  for (let i = end - 1; i >= 0 && way.length < LINES; i--) {
    const { insn } = steps[i]!;
    if (!isConditional(program.code.op[insn]!)) continue;
    const line = sourceLineAt(program.image, insn);
    const after = way[0]?.line;
    if (!line || line.line === 0 || (after?.line === line.line && after.file === line.file))
      continue;
    way.unshift({ line, jumped: steps[i + 1]?.insn !== insn + 1 });
  }
  return way;
}
