/** What instructions read and write, and where they lead: enough to see which values are needed. */
import {
  BPF_ALU,
  BPF_ALU64,
  BPF_ATOMIC,
  BPF_CALL,
  BPF_EXIT,
  BPF_JA,
  BPF_LD,
  BPF_LDX,
  BPF_MOV,
  BPF_ST,
  BPF_STX,
  BPF_X,
  classOf,
  type Code,
  successors,
} from '../../../isa/index.ts';

interface Use {
  readonly reads: boolean;
  readonly writes: boolean;
}

const READS: Use = { reads: true, writes: false };
const WRITES: Use = { reads: false, writes: true };
const NEITHER: Use = { reads: false, writes: false };

/** Whether the instruction at `i` reads register `n`, or overwrites it without reading it. */
function useOf(code: Code, i: number, n: number): Use {
  const op = code.op[i]!;
  const [isDst, isSrc] = [code.dst[i] === n, code.src[i] === n];
  const readsSource = (op & BPF_X) !== 0 && isSrc;
  switch (classOf(op)) {
    case BPF_ALU:
    case BPF_ALU64:
      if (readsSource) return READS;
      return isDst ? ((op & 0xf0) === BPF_MOV ? WRITES : READS) : NEITHER;
    case BPF_LDX:
      return isSrc ? READS : isDst ? WRITES : NEITHER;
    case BPF_LD:
      return isDst ? WRITES : NEITHER;
    case BPF_ST:
      return isDst ? READS : NEITHER;
    case BPF_STX:
      return isDst || isSrc || ((op & 0xe0) === BPF_ATOMIC && n === 0) ? READS : NEITHER;
    default:
      return onJump(op, n, isDst, readsSource);
  }
}

function onJump(op: number, n: number, isDst: boolean, readsSource: boolean): Use {
  const operation = op & 0xf0;
  if (operation === BPF_CALL) return n >= 1 && n <= 5 ? READS : n === 0 ? WRITES : NEITHER;
  if (operation === BPF_EXIT) return n === 0 ? READS : NEITHER;
  if (operation === BPF_JA) return NEITHER;
  return isDst || readsSource ? READS : NEITHER;
}

/** From `insn` on, some path may read register `n` before it is written. */
export function mayBeRead(code: Code, insn: number, n: number): boolean {
  const seen = new Set<number>();
  const waiting = [insn];
  while (waiting.length > 0) {
    const at = waiting.pop()!;
    if (at < 0 || at >= code.length || seen.has(at)) continue;
    seen.add(at);
    const { reads, writes } = useOf(code, at, n);
    if (reads) return true;
    if (!writes) waiting.push(...successors(code, at));
  }
  return false;
}
