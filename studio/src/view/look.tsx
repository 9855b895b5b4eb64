/** What the panes of Run share: the tabs, and the run as it is shared. */
import type { RunLook, RunPane } from '../model/look.ts';
import type { ShownRun } from '../model/share.ts';
import { captureFile, go, route, run } from '../store.ts';

const NAMES: Readonly<Record<RunPane, string>> = {
  state: 'State',
  maps: 'Maps',
  packet: 'Packet',
  stops: 'Stops',
};

/** Changes what is looked at, without a step in the history. */
export function look(change: Partial<RunLook>): void {
  const at = route.value;
  if (at.screen === 'run') go({ ...at, look: { ...at.look, ...change } }, true);
}

export const theLook = (): RunLook | undefined => {
  const at = route.value;
  return at.screen === 'run' ? at.look : undefined;
};

export function LookTabs() {
  const shown = theLook();
  return (
    <div class="tabs" role="group" aria-label="What this column shows">
      {(Object.keys(NAMES) as RunPane[]).map((pane) => (
        <button
          type="button"
          key={pane}
          aria-pressed={shown?.pane === pane}
          onClick={() => look({ pane })}
        >
          {NAMES[pane]}
          {pane === 'stops' && shown && shown.stops.length > 0 && ` ${shown.stops.length}`}
        </button>
      ))}
    </div>
  );
}

/** The recorded run, for commands and tests; undefined: none is shown. */
export function shownRun(): ShownRun | undefined {
  const [at, recording] = [route.value, run.value];
  if (at.screen !== 'run' || recording.state !== 'ready') return undefined;
  const { packet, before, outcome, insns } = recording.value;
  const { file, program } = at;
  const capture =
    at.packet === undefined ? undefined : { name: captureFile.value!.name, number: at.packet };
  const step = Math.min(at.step, insns.length - 1);
  return { file, program, packet, capture, before, step, outcome };
}
