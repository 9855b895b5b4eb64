/** What is wrong by itself is left out: the last thing to offer, and told as what it is. */
import {
  BPF_ALU,
  BPF_ALU64,
  BPF_CALL,
  BPF_EXIT,
  BPF_JA,
  BPF_JMP,
  BPF_LDX,
  BPF_ST,
  BPF_STX,
  classOf,
  type Code,
  successors,
} from '../../../isa/index.ts';
import { type Candidate, instead, type Maker } from './candidate.ts';
import type { Failure } from './failure.ts';
import { exitInsn, type Insn, movImm, movReg } from './insns.ts';
import { passValue } from './leave.ts';
import { functionStarts } from './patch.ts';

/** The instruction is taken out; what it would have loaded or returned is 0. */
export const leavesOut =
  (what: string): Maker =>
  ({ insn, code }) => {
    const insns = nothingInstead(code, insn);
    if (!insns) return [];
    const title = `Leave out ${what}.`;
    return [{ kind: 'remove', title, at: insn, patch: instead(insn, insns), removes: true }];
  };

function nothingInstead(code: Code, insn: number): Insn[] | undefined {
  const op = code.op[insn]!;
  const dst = code.dst[insn]!;
  switch (classOf(op)) {
    case BPF_LDX:
      return [movImm(dst, 0)];
    case BPF_ST:
    case BPF_STX:
      return [];
    case BPF_ALU:
    case BPF_ALU64:
      return [movReg(dst, dst)];
    default:
      return op === (BPF_JMP | BPF_CALL) ? [movImm(0, 0)] : undefined;
  }
}

/** A function that runs off its end gets a return. */
export const missingReturns: Maker = (failure) => {
  const { code, input } = failure;
  const starts = functionStarts(code, input);
  const insns = [movImm(0, passValue(failure).value), exitInsn];
  const ends = [...starts.slice(1), code.length].filter((end) => !endsWell(code, end - 1));
  return ends.map((end) => ({
    kind: 'add-return',
    title: 'Let the function end with a return.',
    at: end - 1,
    patch: { tails: [{ end, insns }] },
    removes: true,
  }));
};

const endsWell = ({ op }: Code, insn: number): boolean =>
  op[insn] === (BPF_JMP | BPF_EXIT) || op[insn] === (BPF_JMP | BPF_JA);

/** Instructions that no path reaches are taken out. */
export const deadCode: Maker = ({ code, input }) => {
  const reached = new Set<number>();
  const waiting = functionStarts(code, input);
  while (waiting.length > 0) {
    const at = waiting.pop()!;
    if (at >= code.length || reached.has(at)) continue;
    reached.add(at);
    waiting.push(...successors(code, at));
  }
  const isWide = (at: number) => code.op[at - 1] === 0x18 && reached.has(at - 1);
  const dead = Array.from({ length: code.length }, (_, at) => at).filter(
    (at) => !reached.has(at) && !isWide(at),
  );
  if (dead.length === 0) return [];
  const insertions = dead.flatMap((at) => instead(at, []).insertions!);
  return [
    {
      kind: 'remove',
      title: 'Leave out the code that nothing leads to.',
      at: dead[0]!,
      patch: { insertions },
      removes: true,
    },
  ];
};

/** A map whose values have room for what is accessed. */
export function largerValues(failure: Failure, index: number, needed: number): Candidate[] {
  const { input, env, insn } = failure;
  const map = env.maps[index];
  const place = map ? input.maps.indexOf(map) : -1;
  // Sections of data are as large as the variables in them.
  if (!map || place < 0 || map.name.includes('.') || needed <= map.valueSize) return [];
  const maps = input.maps.with(place, { ...map, valueSize: Math.ceil(needed / 8) * 8 });
  const title =
    `Make the values of map ${map.name} ${needed} bytes large: they have ${map.valueSize}. ` +
    'Or access them with the type they have.';
  return [{ kind: 'larger-value', title, at: insn, change: { maps } }];
}

/** A call that has no partner (a second release, an unlock of nothing) is left out. */
export const callRemovals: Maker = ({ insn, code }, source) => {
  if (code.op[insn] !== (BPF_JMP | BPF_CALL)) return [];
  const text = source.at(insn)?.text.trim() ?? '';
  const isWhole = /^\w+\(.*\);$/.test(text);
  return [
    {
      kind: 'remove',
      title: 'Leave the call out: there is nothing for it to do on this path.',
      at: insn,
      patch: instead(insn, [movImm(0, 0)]),
      removes: true,
      source: isWhole ? source.instead(insn, ['']) : undefined,
    },
  ];
};
