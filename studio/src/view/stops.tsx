/** Breakpoints of a recorded run: where it stops, going on and going back. */
import { useSignal } from '@preact/signals';
import type { RunPane } from '../model/look.ts';
import { debugCommand, runTest } from '../model/share.ts';
import {
  calledNames,
  insnStop,
  lineStop,
  stopCommand,
  stopWords,
  toggled,
  WATCH,
} from '../model/stops.ts';
import type { CodeRow } from '../protocol.ts';
import { engine } from '../rpc.ts';
import { code, go, notice, objectFiles, route, run } from '../store.ts';
import { rowOf } from './bytecode.tsx';
import { look, shownRun, theLook } from './look.tsx';
import { Copy } from './parts.tsx';

/** To the next breakpoint, or back to the one before; says at the bottom where it stopped. */
export async function resumeTo(way: 'forward' | 'back'): Promise<void> {
  const [at, recording] = [route.value, run.value];
  if (at.screen !== 'run' || recording.state !== 'ready') return;
  try {
    const { step, hit } = await engine.resume(at.step, at.look.stops, way);
    const end = way === 'forward' ? 'the end' : 'the beginning';
    notice.value = hit ? `stopped at step ${step}: ${hit}` : `no breakpoint any more: ${end}`;
    const now = route.value;
    if (now.screen === 'run') go({ ...now, step }, true);
  } catch (error) {
    notice.value = (error as Error).message;
  }
}

export const showPane = (pane: RunPane): void => look({ pane });

/** Sets a breakpoint, or takes it away. */
export function setStop(stop: string): void {
  const shown = theLook();
  if (!shown) return;
  const stops = toggled(shown.stops, stop);
  notice.value = `breakpoint ${stops.includes(stop) ? 'set' : 'removed'}: ${stopWords(stop)}`;
  look({ stops });
}

/** At the line or the instruction of the step that is shown. */
export function toggleStop(kind: 'line' | 'insn'): void {
  const [at, recording, program] = [route.value, run.value, code.value];
  if (at.screen !== 'run' || recording.state !== 'ready' || program.state !== 'ready') return;
  const { insns } = recording.value;
  const insn = insns[Math.min(at.step, insns.length - 1)]!;
  if (insn < 0) return;
  if (kind === 'insn') return setStop(insnStop(insn));
  const { line } = program.value.rows[rowOf(program.value.rows, insn)]!;
  if (line) setStop(lineStop(line));
  else notice.value = `instruction ${insn} comes from no line`;
}

export function StopsPane({ rows }: { readonly rows: readonly CodeRow[] }) {
  const shown = theLook();
  if (!shown) return null;
  const { stops } = shown;
  return (
    <div class="state stops">
      <p class="note">
        <kbd>b</kbd> stops at this line, <kbd>B</kbd> at this instruction; so does a click on a line
        number. <kbd>c</kbd> goes on to the next stop, <kbd>C</kbd> back to the one before.
      </p>
      <div class="row-of-buttons">
        <button type="button" onClick={() => void resumeTo('back')}>
          « Back to a stop
        </button>
        <button type="button" onClick={() => void resumeTo('forward')}>
          On to a stop »
        </button>
      </div>
      {stops.length === 0 && <p class="note">No breakpoints yet.</p>}
      {stops.length > 0 && (
        <ul class="stop-list" aria-label="Breakpoints">
          {stops.map((stop) => (
            <li key={stop}>
              <span class="stop-dot" aria-hidden="true" /> {stopWords(stop)}
              <span class="gap" />
              <button
                type="button"
                class="quiet"
                aria-label={`Remove ${stopWords(stop)}`}
                onClick={() => setStop(stop)}
              >
                ✕
              </button>
            </li>
          ))}
        </ul>
      )}
      <AddStop rows={rows} />
      <div class="row-of-buttons">
        <Copy label="Copy as CLI" text={cliText} />
        <Copy label="Copy as test" text={() => (shownRun() ? runTest(shownRun()!) : '')} />
      </div>
    </div>
  );
}

function cliText(): string {
  const shown = shownRun();
  const commands = theLook()!.stops.map(stopCommand);
  return shown ? debugCommand(shown, [...commands, 'continue', 'registers'].join('; ')) : '';
}

/** Everything a program can be stopped at by name: helpers it calls, maps it has. */
function AddStop({ rows }: { readonly rows: readonly CodeRow[] }) {
  const at = route.value;
  const wanted = useSignal('');
  if (at.screen !== 'run') return null;
  const maps = objectFiles.value.find(({ name }) => name === at.file)?.object?.maps ?? [];
  const choices = [...calledNames(rows), ...maps.map(({ name }) => `${WATCH}${name}`)];
  return (
    <form
      class="add-stop"
      aria-label="Add a breakpoint"
      onSubmit={(event) => {
        event.preventDefault();
        const stop = wanted.value.trim();
        if (stop !== '' && !at.look.stops.includes(stop)) setStop(stop);
        wanted.value = '';
      }}
    >
      <label>
        Stop at
        <input
          type="text"
          list="stops"
          placeholder="42, *17, bpf_map_lookup_elem, watch:MAP"
          value={wanted.value}
          onInput={({ currentTarget }) => (wanted.value = currentTarget.value)}
        />
      </label>
      <datalist id="stops">
        {choices.map((choice) => (
          <option key={choice} value={choice}>
            {stopWords(choice)}
          </option>
        ))}
      </datalist>
      <button type="submit">Add</button>
    </form>
  );
}
