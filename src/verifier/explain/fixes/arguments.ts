/** Arguments of the wrong kind for which there is a right one at hand. */
import { BPF_ADD, BPF_DW } from '../../../isa/index.ts';
import { SCALAR_VALUE } from '../../state/layout.ts';
import { before, type Candidate, type Maker } from './candidate.ts';
import { argument, type Failure, historyOf } from './failure.ts';
import { aluImm, type Insn, load, movReg, store } from './insns.ts';
import { fetch } from './leave.ts';
import { contextHolder } from './packet-check.ts';
import { callKfunc } from './release-calls.ts';
import { freeStack, savedAround } from './scratch.ts';
import { registerIn } from './snapshot.ts';

/** A number where memory is wanted: its address on the stack. Something else for the context. */
export const rightArguments: Maker = (failure) => {
  const register = argument(failure, 0);
  const expected = failure.reason.args[2];
  const words = Array.isArray(expected) ? expected.map(String) : [String(expected)];
  if (!failure.state || register < 1 || register > 5) return [];
  if (words.includes('ctx')) return contextInstead(failure, register);
  return words.includes('fp') ? addressInstead(failure, register) : [];
};

function contextInstead(failure: Failure, register: number): Candidate[] {
  const { insn } = failure;
  const title = 'Pass the context.';
  const context = contextHolder(failure);
  if (!context) return [];
  const insertions = [
    ...context.keep,
    ...before(insn, [fetch(register, context.holder)]).insertions!,
  ];
  return [{ kind: 'argument', title, at: insn, patch: { insertions }, removes: true }];
}

function addressInstead(failure: Failure, register: number): Candidate[] {
  const { state, insn } = failure;
  if (registerIn(state!, register).type !== SCALAR_VALUE) return [];
  const off = freeStack(failure, insn, 1);
  if (off === undefined) return [];
  const insns = [
    store(BPF_DW, 10, off, register),
    movReg(register, 10),
    aluImm(BPF_ADD, register, off),
  ];
  const title = 'Pass the address of a variable that holds the number.';
  return [{ kind: 'argument', title, at: insn, patch: before(insn, insns), removes: true }];
}

/** The object is read and used within one RCU read section. */
export const rcuSections: Maker = (failure) => {
  const { state, insn, path } = failure;
  const register = argument(failure, 0);
  const [made] = historyOf(failure, register);
  const [lock, unlock] = ['bpf_rcu_read_lock', 'bpf_rcu_read_unlock'].map(callKfunc);
  if (!state || made?.kind !== 'made' || !lock || !unlock) return [];
  const early = failure.statesAt([made.step]).get(made.step);
  const first = early && savedAround(failure, made.insn, early);
  const last = savedAround(failure, insn + 1, state, [1, 2, 3, 4, 5]);
  if (!first || !last || path.frames[made.step] !== state.current) return [];
  const enter: Insn[] = [...first.save, lock, ...first.restore];
  const off = freeStack(failure, insn, 8);
  if (off === undefined) return [];
  const leave: Insn[] = [store(BPF_DW, 10, off, 0), unlock, load(BPF_DW, 0, 10, off)];
  return [
    {
      kind: 'rcu-section',
      title: 'Read and use the object between bpf_rcu_read_lock() and bpf_rcu_read_unlock().',
      at: made.insn,
      patch: {
        insertions: [
          { at: made.insn, insns: enter, jumps: 'enter' },
          { at: insn + 1, insns: leave, jumps: 'skip' },
        ],
      },
      shown: [lock, unlock],
    },
  ];
};
