/** Graph: where control may go, where the verifier went, and its walk step by step. */
import { useEffect, useMemo } from 'preact/hooks';
import type { FlowNode } from '../model/flow.ts';
import { graphCommand, verifyTest } from '../model/share.ts';
import type { GraphRoute } from '../model/route.ts';
import { wayTo } from '../model/walk.ts';
import type { ProgramGraph } from '../protocol.ts';
import { code, go, route, screenKeys } from '../store.ts';
import { Camera } from './camera.ts';
import { Canvas, type Shown } from './graph-canvas.tsx';
import { GraphTable } from './graph-table.tsx';
import {
  drawing,
  endBy,
  flow,
  folds,
  graph,
  leaveReplay,
  playing,
  shownFunction,
  stepBy,
} from './graph-store.ts';
import './graph.css';
import { Copy, Empty, grouped } from './parts.tsx';
import { Replay, SidePane } from './replay.tsx';

const KEYS = [
  { keys: ['j'], what: 'Graph: next step of the walk', act: () => stepBy(1) },
  { keys: ['k'], what: 'Graph: step before', act: () => stepBy(-1) },
  { keys: ['n', ']'], what: 'Graph: to the end of the path', act: () => endBy(1) },
  { keys: ['p', '['], what: 'Graph: to the end of the path before', act: () => endBy(-1) },
  { keys: [' '], what: 'Graph: play the walk', act: () => (playing.value = !playing.value) },
  { keys: ['Escape'], what: 'Graph: the whole walk again', act: leaveReplay },
  { keys: ['t'], what: 'Graph: as a table', act: toggleTable },
];

function toggleTable(): void {
  const at = route.value;
  if (at.screen === 'graph') go({ ...at, view: at.view === 'table' ? 'flow' : 'table' }, true);
}

export function GraphScreen() {
  const at = route.value;
  useEffect(() => {
    screenKeys.value = KEYS;
    return () => {
      screenKeys.value = [];
      playing.value = false;
    };
  }, []);
  if (at.screen !== 'graph') return null;
  const [program, loaded] = [code.value, graph.value];
  if (program.state === 'failed') return <Empty>{program.message}</Empty>;
  if (loaded.state === 'failed') return <Empty>{loaded.message}</Empty>;
  if (program.state !== 'ready' || loaded.state !== 'ready')
    return <Empty>Walking {at.program} …</Empty>;
  return <Loaded at={at} graph={loaded.value} ok={program.value.verdict.ok} />;
}

interface LoadedProps {
  readonly at: GraphRoute;
  readonly graph: ProgramGraph;
  readonly ok: boolean;
}

function Loaded({ at, graph: whole, ok }: LoadedProps) {
  const camera = useMemo(() => new Camera(), []);
  const shown = useMemo(() => shownAt(whole, at.step), [whole, at.step]);
  const open = (node: FlowNode): void => {
    if (at.view === 'calls') go({ ...at, view: 'flow', insn: node.start });
    else
      go({ screen: 'code', file: at.file, program: at.program, insn: node.start, pane: 'state' });
  };
  const name = whole.functions[shownFunction.value]?.name ?? at.program;
  const count = flow.value.nodes.length;
  const label =
    at.view === 'calls'
      ? `Call graph: ${count} functions`
      : `Control flow of ${name}: ${count} boxes`;
  return (
    <div class="graph">
      <GraphBar at={at} graph={whole} camera={camera} ok={ok} />
      <div class="graph-columns">
        <section class="graph-main" aria-label={at.view === 'table' ? 'Blocks' : label}>
          {at.view === 'table' ? (
            <GraphTable at={at} graph={whole} />
          ) : (
            <>
              <Canvas label={label} camera={camera} shown={shown} onOpen={open} />
              <Legend replays={shown !== undefined} />
            </>
          )}
          <Replay at={at} graph={whole} ok={ok} />
        </section>
        <SidePane at={at} graph={whole} ok={ok} />
      </div>
    </div>
  );
}

/** What of the walk lies before a step, and how it came there. */
function shownAt({ steps }: ProgramGraph, step: number | undefined): Shown | undefined {
  if (step === undefined) return undefined;
  const to = Math.min(step, steps.insns.length - 1);
  const way = wayTo(steps, to);
  const wayLinks = new Set<string>();
  for (let i = 0; i + 1 < way.length; i++) {
    wayLinks.add(`${steps.blocks[way[i + 1]!]} ${steps.blocks[way[i]!]}`);
  }
  const seen = new Set<number>();
  for (let i = 0; i <= to; i++) seen.add(steps.blocks[i]!);
  return {
    at: steps.blocks[to]!,
    way: new Set(way.map((one) => steps.blocks[one]!)),
    wayLinks,
    seen: (block) => seen.has(block),
  };
}

const VIEWS = [
  ['flow', 'Flow'],
  ['calls', 'Calls'],
  ['table', 'Table'],
] as const;

function GraphBar(props: LoadedProps & { readonly camera: Camera }) {
  const { at, graph: whole, camera, ok } = props;
  const { functions, steps } = whole;
  return (
    <div class="bar">
      <div class="tabs" role="group" aria-label="What is shown">
        {VIEWS.map(([view, name]) => (
          <button
            type="button"
            key={view}
            aria-pressed={at.view === view}
            onClick={() => go({ ...at, view }, true)}
          >
            {name}
          </button>
        ))}
      </div>
      {functions.length > 1 && at.view !== 'calls' && (
        <select
          aria-label="Function"
          value={String(shownFunction.value)}
          onChange={({ currentTarget }) =>
            go({ ...at, insn: functions[currentTarget.selectedIndex]!.start, step: undefined })
          }
        >
          {functions.map(({ name }, i) => (
            <option key={name} value={String(i)}>
              {name}
            </option>
          ))}
        </select>
      )}
      {at.view === 'flow' && (
        <label class="note">
          <input
            type="checkbox"
            checked={folds.value}
            onChange={({ currentTarget }) => go({ ...at, fold: currentTarget.checked }, true)}
          />{' '}
          fold rows of checks
        </label>
      )}
      {at.view !== 'table' && (
        <div class="tabs" role="group" aria-label="Size">
          <button type="button" aria-label="Smaller" onClick={() => camera.zoomBy(0.8)}>
            −
          </button>
          <button type="button" title="All of it (0)" onClick={() => camera.fit(drawing.value)}>
            {Math.round(camera.view.value.scale * 100)} %
          </button>
          <button type="button" aria-label="Larger" onClick={() => camera.zoomBy(1.25)}>
            +
          </button>
        </div>
      )}
      <span class="note">
        {grouped(whole.blocks.length)} blocks · {grouped(steps.paths.length)} paths ·{' '}
        {grouped(steps.length)} instructions walked
      </span>
      <span class="gap" />
      <Copy label="Copy as CLI" text={() => graphCommand(at.file, at.program)} />
      <Copy
        label="Copy as test"
        text={() => verifyTest(at.file, at.program, ok ? undefined : rejection())}
      />
    </div>
  );
}

function rejection(): string {
  const program = code.value;
  if (program.state !== 'ready') return '';
  const { explanation, errno } = program.value.verdict;
  return explanation?.kernel ?? errno;
}

function Legend({ replays }: { readonly replays: boolean }) {
  return (
    <ul class="legend">
      <li>
        <b>×n</b> walked
      </li>
      <li>
        <b>●n</b> states kept
      </li>
      <li>
        <b>⊣n</b> pruned
      </li>
      <li>
        <i class="back" /> loop
      </li>
      <li>
        <i class="never" /> never gone
      </li>
      {replays && (
        <li>
          <i class="way" /> this path
        </li>
      )}
    </ul>
  );
}
