/** What the verifier knows before the selected instruction. */
import { useSignal } from '@preact/signals';
import type { ComponentChildren } from 'preact';
import { factWords } from '../model/proof-words.ts';
import { stackSlots, type StackSlot } from '../model/stack.ts';
import { proofState } from '../model/states.ts';
import type { InsnState } from '../protocol.ts';
import { insnState, route } from '../store.ts';
import { Empty, grouped, Pane } from './parts.tsx';

export function StatePane({ tabs }: { readonly tabs: ComponentChildren }) {
  const loaded = insnState.value;
  return (
    <Pane scrolls title="Verifier state" extra={tabs}>
      {loaded.state === 'ready' && <State state={loaded.value} />}
      {loaded.state === 'failed' && <Empty>{loaded.message}</Empty>}
    </Pane>
  );
}

function State({ state }: { readonly state: InsnState }) {
  const at = route.value;
  const insn = at.screen === 'code' ? at.insn : 0;
  const visit = useSignal({ insn, i: 0 });
  const i = visit.value.insn === insn ? Math.min(visit.value.i, state.visits.length - 1) : 0;
  if (state.count === 0) {
    return <Empty>The verifier never came to instruction {insn}: no path leads here.</Empty>;
  }
  const show = (to: number) => (visit.value = { insn, i: to });
  const proof = proofState(state.visits[i] ?? '');
  return (
    <div class="state">
      <div class="visit">
        <button
          type="button"
          disabled={i === 0}
          aria-label="Earlier visit"
          onClick={() => show(i - 1)}
        >
          ‹
        </button>
        <span aria-live="polite">
          before {insn}, visit {i + 1} of {grouped(state.count)}
          {state.count > state.visits.length && ` (first ${state.visits.length} kept)`}
        </span>
        <button
          type="button"
          disabled={i + 1 >= state.visits.length}
          aria-label="Later visit"
          onClick={() => show(i + 1)}
        >
          ›
        </button>
        {proof.frame > 0 && <span class="chip">frame {proof.frame}</span>}
        {proof.rest && <span class="chip">{proof.rest}</span>}
      </div>
      <table class="registers">
        <caption>Registers</caption>
        <thead>
          <tr>
            <th scope="col">Reg.</th>
            <th scope="col">This visit</th>
            <th scope="col">Every path</th>
          </tr>
        </thead>
        <tbody>
          {Array.from({ length: 11 }, (_, r) => {
            const known = proof.registers.find(({ name }) => name === `R${r}`);
            return (
              <tr key={r} class={known ? '' : 'dead'}>
                <th scope="row">r{r}</th>
                <td>
                  {known ? (
                    <>
                      <span class={`kind ${kindClass(known.kind)}`}>
                        {known.kind === 'number' ? known.value : known.value.split('(')[0]}
                      </span>{' '}
                      {known.facts.map((fact) => (
                        <span class="fact" key={fact}>
                          {fact}
                        </span>
                      ))}
                    </>
                  ) : (
                    'not written'
                  )}
                </td>
                <td class="every">{r < 10 ? factWords(state.facts[r]) : 'fp'}</td>
              </tr>
            );
          })}
        </tbody>
      </table>
      <StackStrip slots={stackSlots(proof)} />
    </div>
  );
}

function kindClass(kind: string): string {
  if (kind.endsWith('_or_null')) return 'nullable';
  return kind === 'scalar' || kind === 'number' ? 'scalar' : 'pointer';
}

const SLOT_WORDS: Readonly<Record<StackSlot['kind'], string>> = {
  empty: 'never written',
  data: 'bytes',
  zero: 'zeros',
  spill: 'a saved register',
  object: 'an object of the kernel',
};

function StackStrip({ slots }: { readonly slots: readonly StackSlot[] }) {
  const used = slots.filter(({ kind }) => kind !== 'empty');
  const words = used.length === 0 ? 'nothing written' : `${used.length * 8} bytes written`;
  return (
    <div class="stack">
      <h3>
        Stack <span class="note">512 bytes below r10: {words}</span>
      </h3>
      <div class="strip" role="img" aria-label={`Stack: ${words}; the table below tells them`}>
        {slots.map(({ offset, kind, text }) => (
          <i
            key={offset}
            class={`slot-${kind}`}
            title={`fp${offset}: ${text || SLOT_WORDS[kind]}`}
          />
        ))}
      </div>
      {used.length > 0 && (
        <table class="slots">
          <caption class="hidden">Stack slots that were written</caption>
          <thead class="hidden">
            <tr>
              <th scope="col">Slot</th>
              <th scope="col">What</th>
              <th scope="col">In the words of the log</th>
            </tr>
          </thead>
          <tbody>
            {used.reverse().map(({ offset, kind, text }) => (
              <tr key={offset}>
                <th scope="row">fp{offset}</th>
                <td>{SLOT_WORDS[kind]}</td>
                <td>
                  <code>{text}</code>
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </div>
  );
}
