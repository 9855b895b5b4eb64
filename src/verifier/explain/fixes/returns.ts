import {
  BPF_EXIT,
  BPF_JLE,
  BPF_JMP,
  BPF_JMP32,
  BPF_JSGE,
  BPF_JSLE,
  BPF_MOV,
  classOf,
} from '../../../isa/index.ts';
import { before, type Candidate, instead, type Maker } from './candidate.ts';
import { argument, type Failure, functionStart, historyOf } from './failure.ts';
import { type Insn, jumpImm, movImm } from './insns.ts';
import { leaveValue, passValue } from './leave.ts';
import { type Source, withoutComments } from './source.ts';

/** A value the type does not allow is returned: another constant, or a limit before the exit. */
export const returnRanges: Maker = (failure, source) => {
  const { insn, state, code } = failure;
  if (!state) return [];
  const [min, max] = [argument(failure, 3), argument(failure, 4)];
  const { value } = passValue(failure);
  const legal = value >= min && value <= max ? value : Math.max(min, Math.min(0, max));
  const made = historyOf(failure, 0).at(-1);
  const isConstant = made?.kind === 'made' && (code.op[made.insn]! & 0xf7) >> 4 === BPF_MOV >> 4;
  const candidates: Candidate[] = [];
  if (made && isConstant && (classOf(code.op[made.insn]!) & 4) === 4) {
    candidates.push({
      kind: 'return-value',
      title: `Return ${legal} (${min} to ${max} are allowed).`,
      at: made.insn,
      patch: instead(made.insn, [movImm(0, legal)]),
      source: constantSource(failure, source, legal),
      removes: true,
    });
  }
  for (const wide of [true, false]) {
    const insns = clampInsns(min, max, legal, wide);
    candidates.push({
      kind: 'return-value',
      title: `Return ${legal} where the result is not ${min === max ? min : `${min} to ${max}`}.`,
      at: insn,
      patch: before(insn, insns),
      source: computedSource(failure, source, min, max),
    });
  }
  return candidates;
};

/** R0 becomes `legal` if it is out of range. */
function clampInsns(min: number, max: number, legal: number, wide: boolean): Insn[] {
  const cast = (one: Insn): Insn => (wide ? one : { ...one, op: (one.op & 0xf8) | BPF_JMP32 });
  if (min === 0) return [cast(jumpImm(BPF_JLE, 0, max, 1)), movImm(0, legal)];
  return [
    cast(jumpImm(BPF_JSGE, 0, min, 1)),
    movImm(0, legal),
    cast(jumpImm(BPF_JSLE, 0, max, 1)),
    movImm(0, legal),
  ];
}

/** The return statement whose line the path came by last. */
function returnPlace(
  { path }: Failure,
  source: Source,
): { insn: number; value: string } | undefined {
  for (let i = path.length - 1; i >= Math.max(0, path.length - 12); i--) {
    const insn = path.insns[i]!;
    const text = withoutComments(source.at(insn)?.text ?? '');
    const value = /^return\s+(.+);$/.exec(text)?.[1];
    if (value) return { insn, value };
  }
  return undefined;
}

function constantSource(failure: Failure, source: Source, legal: number) {
  const place = returnPlace(failure, source);
  const isConstant = place && /^-?(\d+|[A-Z_][A-Z0-9_]*)$/.test(place.value);
  return isConstant ? source.instead(place.insn, [`return ${legal};`]) : undefined;
}

function computedSource(failure: Failure, source: Source, min: number, max: number) {
  const place = returnPlace(failure, source);
  if (!place) return undefined;
  const { insn, value } = place;
  if (min === max) return source.instead(insn, [`return ${min};`]);
  if (min === 0 && max === 1) return source.instead(insn, [`return (${value}) != 0;`]);
  if (min === 0 && (max & (max + 1)) === 0) {
    return source.instead(insn, [`return (${value}) & ${max};`]);
  }
  return undefined;
}

/** What is returned is no number, or nothing: a legal value is set before the exit. */
export const returnValues: Maker = (failure) => {
  const { insn, path } = failure;
  const { value } = leaveValue(failure, failure.state);
  const set = [movImm(0, value)];
  const from = path.insns[path.length - 2];
  const title = `Return ${value} on this path.`;
  const candidates: Candidate[] = [];
  if (from !== undefined) {
    candidates.push({
      kind: 'return-value',
      title,
      at: insn,
      patch: { detours: [{ from, to: insn, insns: set }] },
    });
  }
  return [
    ...candidates,
    { kind: 'return-value', title: `Return ${value}.`, at: insn, patch: before(insn, set) },
  ];
};

/** A register is read that nothing was written to. */
export const unsetRegisters: Maker = (failure, source) => {
  const { insn, code, path, state } = failure;
  const register = argument(failure, 0);
  if (register === 0 && code.op[insn] === (BPF_JMP | BPF_EXIT))
    return returnValues(failure, source);
  if (!state || register > 9) return [];
  const from = path.insns[path.length - 2];
  const set = [movImm(register, 0)];
  const start = functionStart(failure, state.current);
  const kind = 'initialise';
  const title = `Give the value in R${register} a start: 0.`;
  return [
    ...(register > 5 || register === 0
      ? [
          {
            kind,
            title,
            at: start,
            patch: { insertions: [{ at: start, insns: set, jumps: 'skip' as const }] },
          },
        ]
      : []),
    ...(from === undefined
      ? []
      : [{ kind, title, at: insn, patch: { detours: [{ from, to: insn, insns: set }] } }]),
    { kind, title, at: insn, patch: before(insn, set) },
  ];
};
