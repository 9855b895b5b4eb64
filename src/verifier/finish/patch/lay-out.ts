import {
  BPF_LDX,
  BPF_MEM,
  BPF_PSEUDO_FUNC,
  BPF_PSEUDO_MAP_FD,
  BPF_PSEUDO_MAP_VALUE,
  BPF_ST,
  BPF_STX,
  classOf,
  Code,
  encodeCode,
} from '../../../isa/index.ts';
import type { LineInfo, Xlated, XlatedSubprogram } from '../../types.ts';
import type { Draft } from './draft.ts';
import type { Insn } from './insn.ts';
import { BPF_PROBE_MEM, BPF_PROBE_MEM32 } from './probe.ts';

const MODE_BITS = 0xe0;

/**
 * Numbers in the place of names, as BPF_OBJ_GET_INFO_BY_FD shows them (bpf_insn_prepare_dump): maps by
 * id instead of address, loads that may fault as the loads they were.
 */
export function layOut(draft: Draft): Xlated {
  const { insns } = draft;
  const index = new Map(insns.map((insn, i) => [insn, i]));
  const subprograms = subprogramsOf(draft, index);
  const numbers = new Map(subprograms.map(({ subprog }, i) => [subprog, i]));
  const starts = new Map(subprograms.map(({ subprog, start }) => [subprog, start]));
  const code = new Code(insns.length);
  const calls = new Map<number, string>();
  const addresses = new Map<number, string>();
  const lines: LineInfo[] = [];
  for (const [i, insn] of insns.entries()) {
    const { off, imm } = distances(draft, insn, i, index);
    code.set(i, shownOp(insn.op), insn.dst, insn.src, off, imm);
    if (insn.symbol !== undefined) calls.set(i, insn.symbol);
    if (insn.subprog >= 0) {
      code.off[i] = starts.get(insn.subprog)! - i - 1;
      code.imm[i] = numbers.get(insn.subprog)!;
    }
    if (insn.line) lines.push({ ...insn.line, insn: i });
  }
  for (const [i, { address }] of insns.entries()) {
    if (!address) continue;
    if (address.kind === 'kernel') {
      code.src[i] = code.imm[i] = code.imm[i + 1] = 0;
      addresses.set(i, address.name);
    } else if (address.kind === 'map') {
      code.src[i] = address.value ? BPF_PSEUDO_MAP_VALUE : BPF_PSEUDO_MAP_FD;
      code.imm[i] = address.map + 1;
      code.imm[i + 1] = address.value ? address.offset : 0;
    } else {
      code.src[i] = BPF_PSEUDO_FUNC;
      code.imm[i] = starts.get(address.subprog)! - i - 1;
      code.imm[i + 1] = numbers.get(address.subprog)!;
    }
  }
  return {
    insns: encodeCode(code),
    origin: Int32Array.from(insns, ({ origin }) => origin),
    subprograms: subprograms.map(({ start, name }): XlatedSubprogram => ({ start, name })),
    lines,
    maps: draft.env.maps,
    calls,
    addresses,
  };
}

interface Placed extends XlatedSubprogram {
  /** Index in `env.subprogs`. */
  readonly subprog: number;
}

/** Those that are left, in order. */
function subprogramsOf({ env, starts }: Draft, index: ReadonlyMap<Insn, number>): Placed[] {
  const placed = starts.flatMap((insn, subprog) =>
    insn ? [{ subprog, start: index.get(insn)!, name: env.subprogs[subprog]?.name ?? '' }] : [],
  );
  return placed.sort((a, b) => a.start - b.start);
}

function distances(
  draft: Draft,
  insn: Insn,
  at: number,
  index: ReadonlyMap<Insn, number>,
): { readonly off: number; readonly imm: number } {
  const target = insn.jumps ? draft.target(insn) : undefined;
  if (!target) return insn;
  const distance = index.get(target)! - at - 1;
  return insn.jumpsFar ? { off: insn.off, imm: distance } : { off: distance, imm: insn.imm };
}

/** Modes that only tell the compiler what to do about faults are not shown. */
function shownOp(op: number): number {
  const mode = op & MODE_BITS;
  const cls = classOf(op);
  const faults =
    (cls === BPF_LDX && mode === BPF_PROBE_MEM) ||
    ((cls === BPF_LDX || cls === BPF_STX || cls === BPF_ST) && mode === BPF_PROBE_MEM32);
  return faults ? (op & ~MODE_BITS) | BPF_MEM : op;
}
