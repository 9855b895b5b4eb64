/** The keyboard. */
import { PLAIN_LOOK } from './model/look.ts';
import { lineKeys, moved } from './model/steps.ts';
import { NEWEST } from './model/route.ts';
import {
  code,
  go,
  helpShown,
  type Key,
  machineRoute,
  objectFiles,
  route,
  screenKeys,
  shareShown,
} from './store.ts';
import { rowOf } from './view/bytecode.tsx';
import { selectInsn } from './view/code.tsx';
import { stepBy } from './view/run.tsx';
import { resumeTo, showPane, toggleStop } from './view/stops.tsx';

export const KEYS: readonly Key[] = [
  { keys: ['1'], what: 'Home', act: () => go({ screen: 'home' }) },
  { keys: ['2'], what: 'Code', act: () => goScreen('code') },
  { keys: ['3', 'g'], what: 'Graph', act: () => goScreen('graph') },
  { keys: ['4'], what: 'Run', act: () => goScreen('run') },
  { keys: ['5'], what: 'Machine', act: goMachine },
  { keys: ['6'], what: 'Matrix', act: () => goScreen('matrix') },
  { keys: ['j', 'ArrowDown'], what: 'next instruction', act: () => insnBy(1) },
  { keys: ['k', 'ArrowUp'], what: 'instruction before', act: () => insnBy(-1) },
  { keys: ['n', 'F11'], what: 'next source line', act: () => lineBy(1) },
  { keys: ['p', 'Shift+F11'], what: 'source line before', act: () => lineBy(-1) },
  { keys: ['F10'], what: 'Run: next line, over calls', act: () => stepBy('over', 1) },
  { keys: ['Shift+F10'], what: 'Run: back a line, over calls', act: () => stepBy('over', -1) },
  { keys: ['c'], what: 'Run: on to the next breakpoint', act: () => void resumeTo('forward') },
  { keys: ['C'], what: 'Run: back to a breakpoint', act: () => void resumeTo('back') },
  { keys: ['b'], what: 'Run: breakpoint at this line', act: () => toggleStop('line') },
  { keys: ['B'], what: 'Run: breakpoint at this instruction', act: () => toggleStop('insn') },
  { keys: ['s'], what: 'Run: registers and stack', act: () => showPane('state') },
  { keys: ['m'], what: 'Run: maps', act: () => showPane('maps') },
  { keys: ['h'], what: 'Run: the packet, header by header', act: () => showPane('packet') },
  { keys: ['x'], what: 'Code: to where it was rejected', act: goToBad },
  { keys: ['l'], what: 'share this view', act: () => (shareShown.value = !shareShown.value) },
  { keys: ['?'], what: 'these keys', act: () => (helpShown.value = !helpShown.value) },
  { keys: ['Escape'], what: 'close, or to the beginning', act: escape },
];

/** To a screen, of what is looked at or of the first program there is. */
export function goScreen(screen: 'code' | 'graph' | 'run' | 'matrix'): void {
  const at = route.value;
  const first = objectFiles.value[0];
  const open = 'program' in at && at.program !== '' ? at : undefined;
  const file = open?.file ?? first?.name;
  const program = open?.program ?? first?.object?.programs[0]?.name;
  if (!file || !program) return;
  // The two look at the same instruction.
  const insn = at.screen === 'code' || at.screen === 'graph' ? at.insn : 0;
  if (screen === 'code') go({ screen, file, program, insn, pane: 'state' });
  else if (screen === 'matrix') go({ screen, file, program, kernel: NEWEST });
  else if (screen === 'graph')
    go({ screen, file, program, insn, view: 'flow', step: undefined, fold: undefined });
  else go({ screen, file, program, packet: undefined, step: 0, look: PLAIN_LOOK });
}

/** The machine as it was left. */
export function goMachine(): void {
  if (route.value.screen !== 'machine') go(machineRoute.value);
}

function insnBy(by: 1 | -1): void {
  const [at, program] = [route.value, code.value];
  if (at.screen === 'run') return stepBy('insn', by);
  if (at.screen !== 'code' || program.state !== 'ready') return;
  const { rows } = program.value;
  const row = rows[rowOf(rows, at.insn) + by];
  if (row) selectInsn(row.insn);
}

/** By lines as the code has them: the instructions taken for a run. */
function lineBy(by: 1 | -1): void {
  const [at, program] = [route.value, code.value];
  if (at.screen === 'run') return stepBy('line', by);
  if (at.screen !== 'code' || program.state !== 'ready') return;
  const { rows, verdict } = program.value;
  const insns = Int32Array.from(rows, ({ insn }) => insn);
  const keys = lineKeys(rows, verdict.visits.length);
  const steps = { insns, frames: new Uint8Array(insns.length) };
  selectInsn(insns[moved(steps, keys, rowOf(rows, at.insn), 'line', by)]!);
}

function goToBad(): void {
  const program = code.value;
  if (program.state !== 'ready') return;
  const insn = program.value.verdict.explanation?.at.insn;
  if (insn !== undefined) selectInsn(insn);
}

function escape(): void {
  const at = route.value;
  if (shareShown.value) shareShown.value = false;
  else if (helpShown.value) helpShown.value = false;
  else if (at.screen === 'code') selectInsn(0);
  else if (at.screen === 'run') go({ ...at, step: 0 }, true);
}

const inField = (target: EventTarget | null): boolean =>
  target instanceof HTMLSelectElement ||
  target instanceof HTMLTextAreaElement ||
  (target instanceof Element && target.classList.contains('editor-text')) ||
  (target instanceof HTMLInputElement && !['range', 'checkbox'].includes(target.type));

export function listen(): void {
  addEventListener('keydown', (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || inField(event.target)) return;
    const isFunctionKey = /^F\d+$/.test(event.key);
    const name = event.shiftKey && isFunctionKey ? `Shift+${event.key}` : event.key;
    if (event.target instanceof HTMLInputElement && name.startsWith('Arrow')) return;
    // Space presses what has the focus.
    if (name === ' ' && /^(BUTTON|INPUT)$/.test((event.target as Element).tagName)) return;
    const found = [...screenKeys.value, ...KEYS].find(({ keys }) => keys.includes(name));
    if (!found) return;
    event.preventDefault();
    found.act();
  });
}
