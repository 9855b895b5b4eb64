/** Which packet runs: one of a capture, or one made here. */
import { useSignal } from '@preact/signals';
import { ethernet, icmp, ipv4, packet, tcp, udp } from 'beeyard/packet';
import type { PacketRow } from '../protocol.ts';
import { engine } from '../rpc.ts';
import { built, captureFile, go, notice, route } from '../store.ts';
import { List } from './list.tsx';
import { usePages } from './pages.ts';
import { Pane } from './parts.tsx';

export function PacketChoice() {
  const capture = captureFile.value;
  return (
    <div class="choice">
      {capture?.packets !== undefined && <Capture name={capture.name} count={capture.packets} />}
      <Builder label="Record it" onPacket={record} />
    </div>
  );
}

function Capture({ name, count }: { readonly name: string; readonly count: number }) {
  const at = route.value;
  const pages = usePages(name, (from, to) => engine.packets(name, from, to));
  if (at.screen !== 'run') return null;
  return (
    <Pane title="Packets" class="packets" extra={<span class="note">{name}</span>}>
      <List
        id="packet"
        label={`Packets of ${name}`}
        count={count}
        selected={at.packet === undefined ? -1 : at.packet - 1}
        onSelect={(i) => go({ ...at, packet: i + 1, step: 0 }, true)}
        onWindow={pages.want}
      >
        {(i) => <Row row={pages.row(i)} />}
      </List>
    </Pane>
  );
}

function Row({ row }: { readonly row: PacketRow | undefined }) {
  if (!row) return <span class="note">…</span>;
  const { number, time, length, summary } = row;
  return (
    <>
      <span class="number">{number}</span>
      <span class="time">{time.toFixed(6)}</span>
      <span class="protocol">{summary.protocol}</span>
      <span class="way">
        {summary.source} → {summary.destination}
      </span>
      <span class="note">{length} B</span>
      <span class="note">{summary.info}</span>
    </>
  );
}

const KINDS = ['TCP SYN', 'UDP', 'ICMP echo'] as const;

function record(bytes: Uint8Array): void {
  const at = route.value;
  if (at.screen !== 'run') return;
  built.value = bytes;
  go({ ...at, packet: undefined, step: 0 }, true);
}

interface BuilderProps {
  readonly label: string;
  /** Hardware address the frame is for; default: nobody's. */
  readonly hardware?: string | undefined;
  readonly onPacket: (bytes: Uint8Array) => void;
}

export function Builder({ label, hardware, onPacket }: BuilderProps) {
  const kind = useSignal<(typeof KINDS)[number]>('TCP SYN');
  const source = useSignal('10.0.0.1');
  const destination = useSignal('10.0.0.2');
  const port = useSignal('443');
  const make = () => {
    try {
      const ip = ipv4({ source: source.value, destination: destination.value });
      const destinationPort = Number(port.value);
      const inner = {
        'TCP SYN': () => tcp({ flags: 'SYN', destinationPort }),
        UDP: () => udp({ destinationPort }),
        'ICMP echo': () => icmp(),
      }[kind.value]();
      const frame = ethernet(hardware === undefined ? {} : { destination: hardware });
      onPacket(packet(frame, ip, inner));
    } catch (error) {
      notice.value = (error as Error).message;
    }
  };
  const text = (label: string, value: { value: string }) => (
    <label>
      {label}
      <input
        type="text"
        value={value.value}
        size={label === 'Port' ? 5 : 12}
        onInput={({ currentTarget }) => (value.value = currentTarget.value)}
      />
    </label>
  );
  return (
    <form
      class="builder"
      aria-label="Build a packet"
      onSubmit={(event) => {
        event.preventDefault();
        make();
      }}
    >
      <label>
        Packet
        <select
          value={kind.value}
          onChange={({ currentTarget }) => (kind.value = KINDS[currentTarget.selectedIndex]!)}
        >
          {KINDS.map((one) => (
            <option key={one}>{one}</option>
          ))}
        </select>
      </label>
      {text('From', source)}
      {text('To', destination)}
      {kind.value !== 'ICMP echo' && text('Port', port)}
      <button type="submit">{label}</button>
    </form>
  );
}
