import { BPF_CALL, BPF_JEQ, BPF_JMP, BPF_JNE, BPF_LDX, classOf } from '../../../isa/index.ts';
import { PTR_MAYBE_NULL, SCALAR_VALUE } from '../../state/layout.ts';
import { before, behind, type Candidate } from './candidate.ts';
import { type Failure, historyOf } from './failure.ts';
import { goTo, type Insn, jumpImm, movImm } from './insns.ts';
import { guard, leaveInsns, leaveText } from './leave.ts';
import { registerIn, type Snapshot } from './snapshot.ts';
import { assignedName, dereferenced, ifThen, type Source } from './source.ts';

/** `if (!p) return …;` behind the call that returned the pointer, or before its use. */
export function nullChecks(failure: Failure, source: Source, register: number): Candidate[] {
  const { state, insn } = failure;
  if (!state || register > 9) return [];
  const { type, isConstant, value } = registerIn(state, register);
  const isNull = type === SCALAR_VALUE && isConstant && value === 0n;
  if (!(type & PTR_MAYBE_NULL) && !isNull) return [];
  return [
    ...atOrigin(failure, source, register),
    ...atUse(failure, source, state, register),
    ...around(failure, register, insn),
  ];
}

const title = (name: string | undefined) =>
  name ? `Check \`${name}\` for NULL before it is used.` : 'Check the pointer for NULL.';

/** Right behind the call that returned it. */
function atOrigin(failure: Failure, source: Source, register: number): Candidate[] {
  const { code, path } = failure;
  const [made] = historyOf(failure, register);
  if (made?.kind !== 'made' || code.op[made.insn] !== (BPF_JMP | BPF_CALL)) return [];
  if (made.step + 1 >= path.length) return [];
  const state = failure.statesAt([made.step + 1]).get(made.step + 1);
  const reference = state && registerIn(state, 0).reference;
  const leave = state && leaveInsns(failure, state, reference);
  if (!state || !leave) return [];
  const line = source.at(made.insn);
  const name = line && assignedName(line.text);
  const out = leaveText(failure, source, made.insn, state, reference);
  const fix = name && out ? source.after(made.insn, ifThen(`!${name}`, out)) : undefined;
  const insns = guard((skip) => jumpImm(BPF_JNE, 0, 0, skip), leave);
  return [
    {
      kind: 'null-check',
      title: title(name),
      at: made.insn + 1,
      patch: behind(made.insn, insns),
      source: fix ?? usedSource(failure, source, failure.state!, register),
    },
  ];
}

/** Before the instruction that uses it. */
function atUse(failure: Failure, source: Source, state: Snapshot, register: number): Candidate[] {
  const leave = leaveInsns(failure, state, registerIn(state, register).reference);
  if (!leave) return [];
  const insns = guard((skip) => jumpImm(BPF_JNE, register, 0, skip), leave);
  return [
    {
      kind: 'null-check',
      title: title(usedName(failure, source)),
      at: failure.insn,
      patch: before(failure.insn, insns),
      source: usedSource(failure, source, state, register),
    },
  ];
}

function usedName({ insn }: Failure, source: Source): string | undefined {
  const names = dereferenced(source.at(insn)?.text ?? '');
  return names.length === 1 ? names[0] : undefined;
}

function usedSource(failure: Failure, source: Source, state: Snapshot, register: number) {
  const name = usedName(failure, source);
  const { reference } = registerIn(state, register);
  const out = leaveText(failure, source, failure.insn, state, reference);
  return name && out ? source.before(failure.insn, ifThen(`!${name}`, out)) : undefined;
}

/** The use is left out where the pointer is NULL: when the program may not leave here. */
function around({ code }: Failure, register: number, insn: number): Candidate[] {
  const op = code.op[insn]!;
  const isCall = op === (BPF_JMP | BPF_CALL);
  const isLoad = classOf(op) === BPF_LDX;
  const result = isCall ? [movImm(0, 0)] : isLoad ? [movImm(code.dst[insn]!, 0)] : [];
  const skip: Insn[] = [...result, goTo(insn + 1)];
  return [
    {
      kind: 'null-check',
      title: 'Use the pointer only where it is not NULL.',
      at: insn,
      patch: before(insn, [jumpImm(BPF_JNE, register, 0, skip.length), ...skip]),
      shown: [jumpImm(BPF_JEQ, register, 0, 1)],
    },
  ];
}
