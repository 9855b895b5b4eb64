/** The verifier's walk, step by step: the slider, and what is known at a step. */
import type { GraphRoute } from '../model/route.ts';
import { rowsIn } from '../model/flow.ts';
import { proofState, type ProofRegister } from '../model/states.ts';
import { compareStates, endWord, KEPT, nextAt, pathAt, PRUNED } from '../model/walk.ts';
import type { ProgramGraph } from '../protocol.ts';
import { code, go } from '../store.ts';
import { endBy, goStep, leaveReplay, playing, stepBy, stepStates } from './graph-store.ts';
import { Empty, grouped, Pane, times } from './parts.tsx';

interface WalkProps {
  readonly at: GraphRoute;
  readonly graph: ProgramGraph;
  readonly ok: boolean;
}

export function Replay({ at, graph: { steps } }: WalkProps) {
  const last = steps.insns.length - 1;
  if (last < 0) return null;
  const step = at.step === undefined ? last : Math.min(at.step, last);
  const path = pathAt(steps, step);
  const words =
    at.step === undefined
      ? 'the whole walk'
      : `step ${grouped(step)} of ${grouped(last)}, path ${grouped(path + 1)} of ${grouped(steps.paths.length)}`;
  return (
    <div class="bar replay" role="group" aria-label="Replay of the verification">
      <button
        type="button"
        aria-pressed={playing.value}
        title="Play the walk (space)"
        onClick={() => (playing.value = !playing.value)}
      >
        {playing.value ? '❚❚ Pause' : '▶ Replay'}
      </button>
      <button type="button" title="To the end of the path before (p)" onClick={() => endBy(-1)}>
        « path
      </button>
      <button type="button" title="Step before (k)" onClick={() => stepBy(-1)}>
        ‹ step
      </button>
      <button type="button" title="Next step (j)" onClick={() => stepBy(1)}>
        step ›
      </button>
      <button type="button" title="To the end of the path (n)" onClick={() => endBy(1)}>
        path »
      </button>
      <input
        type="range"
        min={0}
        max={last + 1}
        value={at.step === undefined ? last + 1 : step}
        aria-label="Step of the walk"
        aria-valuetext={words}
        onInput={({ currentTarget }) => {
          const to = Number(currentTarget.value);
          if (to > last) leaveReplay();
          else goStep(to);
        }}
      />
      <span class="note">{words}</span>
      {at.step !== undefined && (
        <button type="button" class="quiet" title="Escape" onClick={leaveReplay}>
          Whole walk
        </button>
      )}
    </div>
  );
}

export function SidePane(props: WalkProps) {
  const { at, graph } = props;
  return (
    <Pane scrolls title={at.step === undefined ? 'Block' : 'Step of the walk'}>
      {at.step === undefined ? <BlockPart at={at} graph={graph} /> : <StepPart {...props} />}
    </Pane>
  );
}

function BlockPart({ at, graph }: Pick<WalkProps, 'at' | 'graph'>) {
  const { blocks, edges, steps } = graph;
  const number = blocks.findLastIndex(({ start }) => start <= at.insn);
  const block = blocks[number];
  const program = code.value;
  if (!block || program.state !== 'ready') return <Empty>Choose a block.</Empty>;
  const out = edges.filter(({ from }) => from === number);
  const first = block.visits + block.pruned > 0 ? nextAt(steps, [number], -1) : -1;
  return (
    <div class="state">
      <p class="step-words">
        Block {number}, instructions {block.start} to {block.end - 1}
        {graph.functions.length > 1 && ` of ${graph.functions[block.function]?.name}`}
      </p>
      <dl class="figures">
        <Figure name="walked" value={block.visits} />
        <Figure name="states kept" value={block.kept} />
        <Figure name="pruned" value={block.pruned} />
      </dl>
      <div class="visit">
        <button
          type="button"
          onClick={() =>
            go({
              screen: 'code',
              file: at.file,
              program: at.program,
              insn: block.start,
              pane: 'state',
            })
          }
        >
          See on Code
        </button>
        {first >= 0 && (
          <button type="button" onClick={() => goStep(first)}>
            Replay from here
          </button>
        )}
      </div>
      {out.length > 0 && (
        <ul class="ways">
          {out.map(({ to, jump, walked }) => (
            <li key={to}>
              <button type="button" onClick={() => go({ ...at, insn: blocks[to]!.start }, true)}>
                {jump ? 'jump to' : 'on to'} block {to}
                {to <= number && ' ↺'}
              </button>{' '}
              <span class="note">
                {walked === 0 ? 'never gone by the verifier' : `gone ${times(walked)}`}
              </span>
            </li>
          ))}
        </ul>
      )}
      <ol class="block-code">
        {rowsIn(program.value.rows, block)
          .slice(0, SHOWN_INSNS)
          .map(({ insn, text }) => (
            <li key={insn}>
              <span class="number">{insn}</span> <code>{text}</code>
            </li>
          ))}
      </ol>
      {block.end - block.start > SHOWN_INSNS && <p class="note">The rest is on Code.</p>}
    </div>
  );
}

/** Instructions of a block in the pane. */
const SHOWN_INSNS = 60;

function Figure({ name, value }: { readonly name: string; readonly value: number }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{grouped(value)}</dd>
    </div>
  );
}

function StepPart({ at, graph, ok }: WalkProps) {
  const { steps } = graph;
  const step = Math.min(at.step ?? 0, steps.insns.length - 1);
  const path = pathAt(steps, step);
  const { start, from } = steps.paths[path]!;
  const other = steps.others[step]!;
  return (
    <div class="state">
      <p class="step-words" aria-live="polite">
        Before instruction {steps.insns[step]}, block {steps.blocks[step]}
      </p>
      <ul class="events">
        {step === start && (
          <li>
            <b aria-hidden="true">↳</b> Path {grouped(path + 1)} begins:{' '}
            {from < 0 ? 'a function is walked' : 'the other way of a branch at '}
            {from >= 0 && <StepLink to={from}>step {grouped(from)}</StepLink>}
          </li>
        )}
        {(steps.marks[step]! & KEPT) !== 0 && (
          <li>
            <b aria-hidden="true">●</b> The state is kept: later ones that come here are compared
            with it.
          </li>
        )}
        <Compared at={at} graph={graph} ok={ok} />
        <Ending word={endWord(steps, step, ok)} />
      </ul>
      {stepStates.value.state === 'ready' && (
        <States texts={stepStates.value.value} other={other} marks={steps.marks[step]!} />
      )}
    </div>
  );
}

const StepLink = (props: { readonly to: number; readonly children: preact.ComponentChildren }) => (
  <button type="button" class="link" onClick={() => goStep(props.to)}>
    {props.children}
  </button>
);

/** Why it was pruned, or why it was not. */
function Compared({ at, graph: { steps } }: WalkProps) {
  const step = Math.min(at.step ?? 0, steps.insns.length - 1);
  const [other, misses] = [steps.others[step]!, steps.misses[step]!];
  const where = other >= 0 && <StepLink to={other}>step {grouped(other)}</StepLink>;
  if (steps.marks[step]! & PRUNED) {
    return (
      <li>
        <b aria-hidden="true">⊣</b> <strong>Pruned.</strong> The state kept at {where} covers this
        one, and all behind it is known to be safe.
      </li>
    );
  }
  if (misses === 0) return null;
  return (
    <li>
      <b aria-hidden="true">≠</b> Not pruned: compared with {grouped(misses)} kept{' '}
      {misses === 1 ? 'state' : 'states'}, none covers it. The last one is of {where || 'before'}:
      the marked rows differ.
    </li>
  );
}

function Ending({ word }: { readonly word: string | undefined }) {
  if (word === 'done') {
    return (
      <li>
        <b aria-hidden="true">✓</b> The path ends here, and is safe.
      </li>
    );
  }
  if (word !== 'rejected') return null;
  return (
    <li class="problem">
      <b aria-hidden="true">✕</b> Here the program is rejected.
    </li>
  );
}

interface StatesProps {
  readonly texts: readonly string[];
  readonly other: number;
  readonly marks: number;
}

function States({ texts, other, marks }: StatesProps) {
  const named = (text: string | undefined): ProofRegister[] => {
    const { registers, stack } = proofState(text ?? '');
    return [...registers, ...stack];
  };
  const isCompared = other >= 0 && texts.length > 1;
  const rows = compareStates(named(texts[0]), isCompared ? named(texts[1]) : []);
  // What covers may know less: only of two that did not match the differences say something.
  const marksDiffer = isCompared && (marks & PRUNED) === 0;
  return (
    <table class="registers compared">
      <caption>Registers and stack</caption>
      <thead>
        <tr>
          <th scope="col">Where</th>
          <th scope="col">Now</th>
          {isCompared && <th scope="col">Kept at step {grouped(other)}</th>}
        </tr>
      </thead>
      <tbody>
        {rows.map((row) => (
          <tr key={row.name} class={marksDiffer && row.differs ? 'differs' : ''}>
            <th scope="row">
              {row.name}
              {marksDiffer && row.differs && <span class="hidden"> differs</span>}
            </th>
            <td>{row.now || 'not written'}</td>
            {isCompared && <td>{row.other || 'not written'}</td>}
          </tr>
        ))}
      </tbody>
    </table>
  );
}
