/** What the Graph screen knows: the graph of a program, the states of a step, the camera. */
import { computed, effect, signal } from '@preact/signals';
import { callsOf, type Flow, FOLD_FROM, flowOf, sizeOf } from '../model/flow.ts';
import { drawGraph } from '../model/layout.ts';
import type { GraphRoute } from '../model/route.ts';
import { pathEndBy } from '../model/walk.ts';
import type { ProgramGraph } from '../protocol.ts';
import { engine } from '../rpc.ts';
import { code, go, into, type Loaded, NONE, route } from '../store.ts';

export const graph = signal<Loaded<ProgramGraph>>(NONE);
/** The states of a step: its own, and the one it was compared with. */
export const stepStates = signal<Loaded<readonly string[]>>(NONE);
export const playing = signal(false);

export const graphRoute = computed((): GraphRoute | undefined =>
  route.value.screen === 'graph' ? route.value : undefined,
);

let shown = '';

effect(() => {
  const at = graphRoute.value;
  const program = code.value;
  if (!at || program.state !== 'ready') return;
  // Another file of the same name is another program.
  const key = `${at.file}\n${at.program}`;
  if (key === shown && graph.peek().state !== 'none' && lastCode === program.value) return;
  shown = key;
  lastCode = program.value;
  playing.value = false;
  void into(graph, engine.graph(at.file, at.program), () => key === shown);
});

let lastCode: unknown;
let asked = 0;

effect(() => {
  const at = graphRoute.value;
  const loaded = graph.value;
  if (!at || loaded.state !== 'ready' || at.step === undefined) return;
  const { positions, others } = loaded.value.steps;
  const step = Math.min(at.step, positions.length - 1);
  const other = others[step]!;
  const wanted = other < 0 ? [positions[step]!] : [positions[step]!, positions[other]!];
  const number = ++asked;
  void into(
    stepStates,
    engine.walkStates(at.file, at.program, wanted),
    () => number === asked,
    true,
  );
});

/** Number of the function whose blocks are drawn: the selected instruction's. */
export const shownFunction = computed((): number => {
  const [at, loaded] = [graphRoute.value, graph.value];
  if (!at || loaded.state !== 'ready') return 0;
  return Math.max(
    0,
    loaded.value.functions.findLastIndex(({ start }) => start <= at.insn),
  );
});

export const folds = computed((): boolean => {
  const [at, loaded] = [graphRoute.value, graph.value];
  if (!at || loaded.state !== 'ready') return false;
  const count = loaded.value.blocks.filter((block) => block.function === shownFunction.value);
  return at.fold ?? count.length >= FOLD_FROM;
});

const isCalls = computed((): boolean => graphRoute.value?.view === 'calls');

export const flow = computed((): Flow => {
  const [loaded, program] = [graph.value, code.value];
  if (loaded.state !== 'ready' || program.state !== 'ready') return { nodes: [], links: [] };
  if (isCalls.value) return callsOf(loaded.value);
  return flowOf(loaded.value, program.value.rows, shownFunction.value, folds.value);
});

export const drawing = computed(() => drawGraph(flow.value.nodes.map(sizeOf), flow.value.links));

/** Node that the selected instruction is in. */
export const shownNode = computed((): number => {
  const at = graphRoute.value;
  return at ? flow.value.nodes.findLastIndex(({ start }) => start <= at.insn) : -1;
});

/** Goes to a step, and to its block. */
export function goStep(step: number): void {
  const [at, loaded] = [graphRoute.value, graph.value];
  if (!at || loaded.state !== 'ready') return;
  const { insns } = loaded.value.steps;
  const to = Math.max(0, Math.min(step, insns.length - 1));
  go({ ...at, step: to, insn: insns[to]! }, true);
}

export function stepBy(by: 1 | -1): void {
  const at = graphRoute.value;
  if (at) goStep(at.step === undefined ? (by > 0 ? 0 : Infinity) : at.step + by);
}

export function endBy(by: 1 | -1): void {
  const [at, loaded] = [graphRoute.value, graph.value];
  if (!at || loaded.state !== 'ready') return;
  const { steps } = loaded.value;
  goStep(pathEndBy(steps, at.step ?? (by > 0 ? 0 : steps.insns.length - 1), by));
}

/** Back to the whole walk. */
export function leaveReplay(): void {
  const at = graphRoute.value;
  playing.value = false;
  if (at) go({ ...at, step: undefined }, true);
}

export function selectNode(node: number): void {
  const at = graphRoute.value;
  const insn = flow.value.nodes[node]?.start;
  if (at && insn !== undefined) go({ ...at, insn }, true);
}

/** Milliseconds between steps; between ends of paths where little movement is asked for. */
const BEAT = 100;
const CALM_BEAT = 1000;

effect(() => {
  if (!playing.value) return undefined;
  const isCalm = matchMedia('(prefers-reduced-motion: reduce)').matches;
  const timer = setInterval(
    () => {
      const [at, loaded] = [graphRoute.peek(), graph.peek()];
      const last = loaded.state === 'ready' ? loaded.value.steps.insns.length - 1 : 0;
      if (!at || (at.step ?? -1) >= last) playing.value = false;
      else if (isCalm) endBy(1);
      else goStep((at.step ?? -1) + 1);
    },
    isCalm ? CALM_BEAT : BEAT,
  );
  return () => clearInterval(timer);
});
