/** Run: one packet's way through a program, step by step, both ways. */
import {
  coverageCommand,
  coverageTest,
  debugCommand,
  runTest,
  type ShownRun,
} from '../model/share.ts';
import { sourceLines } from '../model/source.ts';
import { insnStop, lineStop } from '../model/stops.ts';
import { covered, heatOf, lineHeat, lineKeys, type Move, moved } from '../model/steps.ts';
import type { Coverage, ProgramCode, RecordedRun } from '../protocol.ts';
import { captureFile, code, coverage, go, playsBefore, route, run, sourceOf } from '../store.ts';
import { Bytecode, lineKey, rowOf } from './bytecode.tsx';
import { look, shownRun } from './look.tsx';
import { PacketChoice } from './packets.tsx';
import { Copy, Empty, grouped, Pane } from './parts.tsx';
import { Source } from './source.tsx';
import { StepPane } from './step.tsx';
import { setStop } from './stops.tsx';

type Shown = RecordedRun & { readonly packet: Uint8Array };

/** Moves from the step that is shown. */
export function stepBy(move: Move, by: 1 | -1): void {
  const [at, recording, program] = [route.value, run.value, code.value];
  if (at.screen !== 'run' || recording.state !== 'ready' || program.state !== 'ready') return;
  const lines = lineKeys(program.value.rows, program.value.verdict.visits.length);
  go({ ...at, step: moved(recording.value, lines, at.step, move, by) }, true);
}

export function RunScreen() {
  const at = route.value;
  if (at.screen !== 'run') return null;
  const [program, recording] = [code.value, run.value];
  if (program.state === 'failed') return <Empty>{program.message}</Empty>;
  if (program.state !== 'ready') return <Empty>Verifying {at.program} …</Empty>;
  return (
    <div class="run">
      <PacketChoice />
      {recording.state === 'ready' && <Recorded code={program.value} run={recording.value} />}
      {recording.state === 'loading' && <Empty>Recording …</Empty>}
      {recording.state === 'failed' && <Empty>{recording.message}</Empty>}
      {recording.state === 'none' && (
        <Empty>
          Choose a packet, or build one: its run is recorded, and you can step through it.
        </Empty>
      )}
    </div>
  );
}

function Recorded(props: { readonly code: ProgramCode; readonly run: Shown }) {
  const at = route.value;
  if (at.screen !== 'run') return null;
  const { rows, lines, verdict } = props.code;
  const { insns } = props.run;
  const step = Math.min(at.step, insns.length - 1);
  const insn = insns[step]!;
  const all = at.look.heat === 'all' && coverage.value.state === 'ready' && coverage.value.value;
  const heat = all ? all.counts : heatOf(props.run, verdict.visits.length);
  const byLine = lineHeat(rows, heat);
  /** To the next time that instruction runs, or the first. */
  const goToInsn = (wanted: number) => {
    const next = insns.indexOf(wanted, step + 1);
    const to = next >= 0 ? next : insns.indexOf(wanted);
    if (to >= 0) go({ ...at, step: to }, true);
  };
  return (
    <div class="recorded">
      <StepBar run={props.run} step={step} />
      <div class="columns">
        <Pane title="Source" extra={<HeatTabs />}>
          {all && <CoverageBar code={props.code} coverage={all} />}
          <Source
            lines={sourceLines(rows, lines, sourceOf(at.file))}
            at={insn < 0 ? '' : lineKey(rows[rowOf(rows, insn)])}
            heat={byLine}
            onSelect={goToInsn}
            stops={at.look.stops}
            onStop={(line) => setStop(lineStop(line))}
          />
        </Pane>
        <Pane title="Bytecode" extra={<span class="note">bars: times it ran</span>}>
          <Bytecode
            rows={rows}
            insn={Math.max(0, insn)}
            counts={heat}
            countName="ran"
            onSelect={goToInsn}
            stops={at.look.stops}
            onStop={(one) => setStop(insnStop(one))}
          />
        </Pane>
        <StepPane rows={rows} />
      </div>
    </div>
  );
}

/** Whose heat is shown; all packets of the capture run when that is asked for. */
function HeatTabs() {
  const at = route.value;
  if (at.screen !== 'run') return null;
  if (!captureFile.value) return <span class="note">times each line ran</span>;
  return (
    <div class="tabs" role="group" aria-label="Times each line ran">
      {(['packet', 'all'] as const).map((heat) => (
        <button
          type="button"
          key={heat}
          aria-pressed={at.look.heat === heat}
          onClick={() => look({ heat })}
        >
          {heat === 'packet' ? 'This packet' : 'All packets'}
        </button>
      ))}
    </div>
  );
}

interface CoverageProps {
  readonly code: ProgramCode;
  readonly coverage: Coverage;
}

function CoverageBar({ code: { rows }, coverage: all }: CoverageProps) {
  const at = route.value;
  const capture = captureFile.value;
  if (at.screen !== 'run' || !capture) return null;
  const { lines, ran } = covered(rows, all.counts);
  const { file, program } = at;
  const verdicts = all.verdicts.map(([word, count]) => `${word} ${grouped(count)}`).join(', ');
  return (
    <div class="coverage">
      <strong>
        {ran} of {lines} lines
      </strong>
      <span class="note">
        {grouped(all.packets)} packets{all.left > 0 && `, ${grouped(all.left)} left out`}:{' '}
        {verdicts}
      </span>
      <span class="gap" />
      <Copy label="CLI" text={() => coverageCommand(file, program, capture.name)} />
      <Copy label="Test" text={() => coverageTest({ file, program, capture: capture.name }, all)} />
    </div>
  );
}

const MOVES: readonly (readonly [string, string, Move, 1 | -1])[] = [
  ['« line', 'Step back over (Shift+F10)', 'over', -1],
  ['‹ insn', 'Back one instruction (k)', 'insn', -1],
  ['insn ›', 'One instruction (j)', 'insn', 1],
  ['line »', 'Step over (F10)', 'over', 1],
];

function StepBar({ run: shown, step }: { readonly run: Shown; readonly step: number }) {
  const at = route.value;
  if (at.screen !== 'run') return null;
  const last = shown.insns.length - 1;
  const share = (): ShownRun => shownRun()!;
  return (
    <div class="bar">
      <strong class="verdict good">→ {shown.outcome}</strong>
      {MOVES.map(([text, name, move, by]) => (
        <button type="button" key={text} title={name} onClick={() => stepBy(move, by)}>
          {text}
        </button>
      ))}
      <input
        type="range"
        min={0}
        max={last}
        value={step}
        aria-label="Step"
        aria-valuetext={`step ${step} of ${last}`}
        onInput={({ currentTarget }) => go({ ...at, step: Number(currentTarget.value) }, true)}
      />
      <span class="note" aria-live="polite">
        step {grouped(step)} of {grouped(last)}
      </span>
      {at.packet !== undefined && (
        <label class="note">
          <input
            type="checkbox"
            checked={playsBefore.value}
            onChange={({ currentTarget }) => (playsBefore.value = currentTarget.checked)}
          />{' '}
          play the packets before it
        </label>
      )}
      <span class="gap" />
      <Copy label="Copy as CLI" text={() => debugCommand(share())} />
      <Copy label="Copy as test" text={() => runTest(share())} />
    </div>
  );
}
