/** What is in the maps at a step, and what the last step or the packet changed in them. */
import { entryChanges, type ShownCell, type ShownEntry } from '../model/changes.ts';
import { debugCommand, mapsTest } from '../model/share.ts';
import type { MapState } from '../protocol.ts';
import { engine } from '../rpc.ts';
import { run, type ShownStep } from '../store.ts';
import { look, shownRun, theLook } from './look.tsx';
import { Changed, Copy } from './parts.tsx';

const SINCE = { step: 'by the last step', packet: 'by this packet' } as const;

export function MapsPane({ now, before, start }: ShownStep) {
  const shown = theLook();
  if (!shown) return null;
  const old = shown.since === 'packet' ? start : before;
  return (
    <div class="state">
      <div class="row-of-buttons">
        <span class="note">Marked: changed</span>
        <div class="tabs" role="group" aria-label="Which changes are marked">
          {(['step', 'packet'] as const).map((since) => (
            <button
              type="button"
              key={since}
              aria-pressed={shown.since === since}
              onClick={() => look({ since })}
            >
              {SINCE[since]}
            </button>
          ))}
        </div>
        <span class="gap" />
        <Copy label="Copy as CLI" text={() => cliText(now.maps)} />
        <Copy label="Copy as test" text={testText} />
      </div>
      {now.maps.length === 0 && <p class="note">The object has no maps.</p>}
      {now.maps.map((map) => (
        <MapTable
          key={map.name}
          map={map}
          before={old?.maps.find((one) => one.name === map.name)}
        />
      ))}
    </div>
  );
}

function cliText(maps: readonly MapState[]): string {
  const shown = shownRun();
  if (!shown) return '';
  const commands = maps.map(({ name }) => `map ${name}`);
  return debugCommand(shown, [`goto ${shown.step}`, ...commands].join('; '));
}

/** Arrays always have all their slots, and what is not listed cannot be counted. */
const counted = ({ type, more, closed }: MapState): boolean =>
  more === 0 && closed === undefined && /hash|lpm_trie/.test(type);

async function testText(): Promise<string> {
  const [shown, recording] = [shownRun(), run.value];
  if (!shown || recording.state !== 'ready') return '';
  const { maps } = await engine.step(recording.value.insns.length - 1);
  // The worker looks at the step of the page again.
  await engine.step(shown.step);
  const sizes = maps.filter(counted).map(({ name, entries }) => [name, entries.length] as const);
  return mapsTest(shown, sizes);
}

function MapTable({
  map,
  before,
}: {
  readonly map: MapState;
  readonly before?: MapState | undefined;
}) {
  const entries = entryChanges(map, before);
  const changes = entries.filter(({ change }) => change !== 'same').length;
  return (
    <table class="map">
      <caption>
        {map.name} <span class="note">{map.type}</span>
        {changes > 0 && (
          <span class="chip">
            {changes} {changes === 1 ? 'change' : 'changes'}
          </span>
        )}
      </caption>
      {entries.length > 0 && (
        <thead>
          <tr>
            <th scope="col">key</th>
            {map.columns.map((column) => (
              <th scope="col" key={column}>
                {column}
              </th>
            ))}
          </tr>
        </thead>
      )}
      <tbody>
        {entries.length === 0 && (
          <tr>
            <td class="note">{map.closed ?? 'nothing in it'}</td>
          </tr>
        )}
        {entries.map((entry) => (
          <Row key={entry.key} entry={entry} />
        ))}
        {map.more > 0 && (
          <tr>
            <td class="note" colSpan={map.columns.length + 1}>
              and {map.more} more
            </td>
          </tr>
        )}
      </tbody>
    </table>
  );
}

function Row({ entry: { key, change, cells } }: { readonly entry: ShownEntry }) {
  return (
    <tr class={change === 'same' ? '' : change === 'gone' ? 'changed gone' : 'changed'}>
      <th scope="row">
        {key}
        {change !== 'same' && <Changed />}
        {(change === 'new' || change === 'gone') && <span class="chip">{change}</span>}
      </th>
      {cells.map((cell, i) => (
        <td key={i}>{change === 'gone' ? <del>{cell.text}</del> : <Cell {...cell} />}</td>
      ))}
    </tr>
  );
}

function Cell({ text, was }: ShownCell) {
  if (was === undefined) return text;
  return (
    <>
      <del>{was}</del> <mark>{text}</mark>
    </>
  );
}
