/** The packet as it is at a step: headers, bytes, and which instruction touched them last. */
import { useSignal } from '@preact/signals';
import { useEffect, useMemo } from 'preact/hooks';
import { byteChanges } from '../model/changes.ts';
import type { ByteRange } from '../model/look.ts';
import { packetRows, rowOfBytes } from '../model/packet-rows.ts';
import { debugCommand, runTest } from '../model/share.ts';
import type { Touched, TouchedBy } from '../protocol.ts';
import { engine } from '../rpc.ts';
import { go, route, run, type ShownStep } from '../store.ts';
import { HexBytes } from './hex.tsx';
import { List } from './list.tsx';
import { look, shownRun, theLook } from './look.tsx';
import { Copy } from './parts.tsx';

export function PacketPane({ now, start }: ShownStep) {
  const shown = theLook();
  const bytes = now.packet;
  const rows = useMemo(() => (bytes ? packetRows(bytes) : []), [bytes?.join()]);
  // Several fields may be in one byte: which of them was chosen.
  const chosen = useSignal(-1);
  if (!shown || !bytes) return <p class="empty">The program sees no packet.</p>;
  const changed = start.packet ? byteChanges(bytes, start.packet) : new Set<number>();
  return (
    <>
      <List
        id="field"
        label="Headers and fields"
        count={rows.length}
        selected={rowOfBytes(rows, shown.bytes, chosen.value)}
        onSelect={(i) => {
          chosen.value = i;
          look({ bytes: { at: rows[i]!.at, length: rows[i]!.length } });
        }}
        rowClass={(i) => (rows[i]!.depth === 0 ? 'layer' : 'field')}
      >
        {(i) => {
          const { depth, name, text, at, length } = rows[i]!;
          const isChanged = Array.from({ length }, (_, k) => at + k).some((k) => changed.has(k));
          return (
            <>
              <span class="field-name">{name}</span>
              <span class={depth === 0 ? 'note' : 'field-text'}>{text}</span>
              {isChanged && <span class="chip">changed</span>}
            </>
          );
        }}
      </List>
      <div class="state packet-bytes" tabIndex={0} role="group" aria-label="Bytes of the packet">
        {shown.bytes ? (
          <Provenance bytes={shown.bytes} />
        ) : (
          <p class="note">Choose a field: it says who read and wrote it last.</p>
        )}
        <HexBytes
          title="Packet"
          note={`${bytes.length} bytes; marked: not as they came`}
          bytes={bytes}
          before={start.packet}
          label={String}
          whole
          selected={shown.bytes}
        />
        <div class="row-of-buttons">
          <Copy label="Copy as CLI" text={cliText} />
          <Copy label="Copy as test" text={() => (shownRun() ? runTest(shownRun()!) : '')} />
        </div>
      </div>
    </>
  );
}

function cliText(): string {
  const shown = shownRun();
  return shown ? debugCommand(shown, `goto ${shown.step}; packet`) : '';
}

/** Asked of the worker for each selection and step. */
function Provenance({ bytes: { at, length } }: { readonly bytes: ByteRange }) {
  const place = route.value;
  const touched = useSignal<Touched | string | undefined>(undefined);
  const step = place.screen === 'run' ? place.step : 0;
  useEffect(() => {
    let isWanted = true;
    const answer = (found: Touched | string) => isWanted && (touched.value = found);
    engine.touched(step, at, length).then(answer, ({ message }: Error) => answer(message));
    return () => void (isWanted = false);
  }, [step, at, length, run.value]);
  const found = touched.value;
  const what = length === 1 ? `byte ${at}` : `bytes ${at} to ${at + length - 1}`;
  if (typeof found === 'string') return <p class="problem">{found}</p>;
  return (
    <dl class="provenance" aria-live="polite" aria-label={`Who touched ${what} last`}>
      <dt>{what}, read last</dt>
      <dd>{found && <By by={found.read} none="by nobody before this step" />}</dd>
      <dt>written last</dt>
      <dd>{found && <By by={found.written} none="by nobody: as they came" />}</dd>
    </dl>
  );
}

function By({ by, none }: { readonly by: TouchedBy | undefined; readonly none: string }) {
  if (!by) return <span class="note">{none}</span>;
  const goThere = () => {
    const place = route.value;
    if (place.screen === 'run') go({ ...place, step: by.step });
  };
  return (
    <button type="button" class="by" onClick={goThere}>
      <span class="number">step {by.step}</span> insn {by.insn}
      {by.line && (
        <code>
          {by.line.line}: {by.line.text.trim()}
        </code>
      )}
    </button>
  );
}
