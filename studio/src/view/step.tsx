/** What there is at a step: registers and stack, maps, packet, breakpoints. */
import type { CodeRow } from '../protocol.ts';
import { type ShownStep, stepState } from '../store.ts';
import { HexBytes } from './hex.tsx';
import { LookTabs, theLook } from './look.tsx';
import { MapsPane } from './maps.tsx';
import { PacketPane } from './packet.tsx';
import { Changed, Empty, Pane } from './parts.tsx';
import { StopsPane } from './stops.tsx';

export function StepPane({ rows }: { readonly rows: readonly CodeRow[] }) {
  const loaded = stepState.value;
  const pane = theLook()?.pane;
  return (
    <Pane scrolls={pane !== 'packet'} title="At this step" extra={<LookTabs />}>
      {pane === 'stops' && <StopsPane rows={rows} />}
      {pane !== 'stops' && loaded.state === 'ready' && <Shown {...loaded.value} />}
      {loaded.state === 'failed' && <Empty>{loaded.message}</Empty>}
    </Pane>
  );
}

function Shown(step: ShownStep) {
  const pane = theLook()?.pane;
  if (pane === 'maps') return <MapsPane {...step} />;
  if (pane === 'packet') return <PacketPane {...step} />;
  const { now, before } = step;
  return (
    <div class="state">
      <Registers {...step} />
      <HexBytes
        title="Stack"
        note="rows that are not zero"
        bytes={now.stack}
        before={before?.stack}
        label={(at) => `fp-${now.stack.length - at}`}
      />
    </div>
  );
}

function Registers({ now, before }: ShownStep) {
  return (
    <table class="registers">
      <caption>
        Registers <span class="note">● changed by the step before</span>
      </caption>
      <thead class="hidden">
        <tr>
          <th scope="col">Register</th>
          <th scope="col">Value</th>
          <th scope="col">What it is</th>
        </tr>
      </thead>
      <tbody>
        {now.registers.map(({ hex, text }, r) => {
          const changed = before && before.registers[r]?.hex !== hex;
          return (
            <tr key={r} class={changed ? 'changed' : ''}>
              <th scope="row">
                r{r}
                {changed && <Changed />}
              </th>
              <td>
                <code>{hex}</code>
              </td>
              <td>{text}</td>
            </tr>
          );
        })}
      </tbody>
    </table>
  );
}
