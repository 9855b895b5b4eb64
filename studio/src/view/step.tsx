/** Registers, maps, stack and packet at a step, with what the step before changed. */
import { byteChanges, entryChanges } from '../model/changes.ts';
import { hexWords } from '../model/values.ts';
import type { MapState, StepState } from '../protocol.ts';
import { stepState } from '../store.ts';
import { Empty, Pane } from './parts.tsx';

export function StepPane() {
  const loaded = stepState.value;
  return (
    <Pane
      scrolls
      title="State at this step"
      extra={<span class="note">● changed by the step before</span>}
    >
      {loaded.state === 'ready' && <Step {...loaded.value} />}
      {loaded.state === 'failed' && <Empty>{loaded.message}</Empty>}
    </Pane>
  );
}

interface StepProps {
  readonly now: StepState;
  readonly before: StepState | undefined;
}

function Step({ now, before }: StepProps) {
  return (
    <div class="state">
      <Registers now={now} before={before} />
      {now.maps.map((map) => (
        <MapTable
          key={map.name}
          map={map}
          before={before?.maps.find(({ name }) => name === map.name)}
        />
      ))}
      <Bytes
        title="Stack"
        bytes={now.stack}
        before={before?.stack}
        label={(at) => `fp-${now.stack.length - at}`}
      />
      {now.packet && (
        <Bytes title="Packet" bytes={now.packet} before={before?.packet} label={String} whole />
      )}
    </div>
  );
}

function Registers({ now, before }: StepProps) {
  return (
    <table class="registers">
      <caption>Registers</caption>
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

const Changed = () => (
  <span class="dot">
    <span aria-hidden="true"> ●</span>
    <span class="hidden"> changed</span>
  </span>
);

function MapTable({
  map,
  before,
}: {
  readonly map: MapState;
  readonly before?: MapState | undefined;
}) {
  const entries = entryChanges(map, before);
  return (
    <table class="map">
      <caption>
        {map.name} <span class="note">{map.type}</span>
      </caption>
      <thead class="hidden">
        <tr>
          <th scope="col">Key</th>
          <th scope="col">Value</th>
        </tr>
      </thead>
      <tbody>
        {entries.length === 0 && (
          <tr>
            <td class="note" colSpan={2}>
              {map.closed ? 'not shown for maps of this type' : 'nothing in it'}
            </td>
          </tr>
        )}
        {entries.map(({ key, value, change, was }) => (
          <tr key={key} class={change === 'same' ? '' : 'changed'}>
            <th scope="row">
              {key}
              {change !== 'same' && <Changed />}
            </th>
            <td>
              {change === 'new' && <span class="chip">new</span>}{' '}
              {was !== undefined && <del>{was}</del>} {value}
            </td>
          </tr>
        ))}
        {map.more > 0 && (
          <tr>
            <td class="note" colSpan={2}>
              and {map.more} more
            </td>
          </tr>
        )}
      </tbody>
    </table>
  );
}

interface BytesProps {
  readonly title: string;
  readonly bytes: Uint8Array;
  readonly before: Uint8Array | undefined;
  readonly label: (at: number) => string;
  /** Rows of zeros as well. */
  readonly whole?: boolean;
}

const WIDTH = 16;

function Bytes({ title, bytes, before, label, whole }: BytesProps) {
  const changed = before ? byteChanges(bytes, before) : new Set<number>();
  const starts = Array.from({ length: Math.ceil(bytes.length / WIDTH) }, (_, i) => i * WIDTH);
  const shown = starts.filter(
    (at) => whole || bytes.subarray(at, at + WIDTH).some((byte) => byte !== 0),
  );
  return (
    <table class="bytes">
      <caption>
        {title}{' '}
        <span class="note">{whole ? `${bytes.length} bytes` : 'rows that are not zero'}</span>
      </caption>
      <tbody>
        {shown.map((at) => (
          <tr key={at}>
            <th scope="row">{label(at)}</th>
            <td>{hexRow(bytes.subarray(at, at + WIDTH), at, changed)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function hexRow(bytes: Uint8Array, start: number, changed: ReadonlySet<number>) {
  if (!Array.from(bytes, (_, i) => start + i).some((i) => changed.has(i))) {
    return <code>{hexWords(bytes)}</code>;
  }
  return (
    <code>
      {Array.from(bytes, (byte, i) => {
        const text = hexWords([byte]);
        return changed.has(start + i) ? <mark key={i}>{text} </mark> : `${text} `;
      })}
    </code>
  );
}
