/** Machine: namespaces, devices, programs in their order, and the way of a packet. */
import { signal, useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import {
  HOOKS,
  type HookWord,
  machineCommand,
  machineTest,
  movedBy,
  type Placed,
} from '../model/machine.ts';
import type { DeviceState, MachineState, PacketWay, PlacedProgram } from '../protocol.ts';
import { engine } from '../rpc.ts';
import { files, go, notice, objectFiles, route } from '../store.ts';
import { Builder } from './packets.tsx';
import { Copy, Empty, Pane } from './parts.tsx';

interface Sent {
  readonly device: string;
  readonly data: Uint8Array;
  readonly ways: readonly PacketWay[];
}

const state = signal<MachineState | undefined>(undefined);
const sent = signal<Sent | undefined>(undefined);
/** What the worker's machine was made of, as the address has it. */
let made = '';

const devicesOf = ({ namespaces }: MachineState): DeviceState[] =>
  namespaces.flatMap(({ devices }) => devices);

const placedOf = (machine: MachineState): Placed[] =>
  devicesOf(machine).flatMap(({ programs }) =>
    programs.map(({ file, name, device, hook }) => ({ file, program: name, device, hook })),
  );

/** Takes over what the worker says, also into the address; what is refused is said. */
async function change(what: string, work: Promise<MachineState>): Promise<void> {
  try {
    state.value = await work;
    notice.value = what;
  } catch (error) {
    notice.value = (error as Error).message;
    state.value = await engine.machineState();
  }
  const at = route.value;
  if (at.screen !== 'machine') return;
  const placed = placedOf(state.value);
  made = JSON.stringify(placed);
  go({ ...at, placed }, true);
}

export default function MachineScreen() {
  const at = route.value;
  const placed = at.screen === 'machine' ? at.placed : [];
  const wanted = JSON.stringify(placed);
  const missing = placed.find(({ file }) => !files.value.some(({ name }) => name === file));
  useEffect(() => {
    if (missing || (state.value && made === wanted)) return;
    made = wanted;
    sent.value = undefined;
    void change('a machine with two namespaces', engine.machine(placed));
  }, [wanted, missing?.file]);
  if (at.screen !== 'machine') return null;
  if (missing) return <Empty>{missing.file} is not open: drop it here, and this works.</Empty>;
  const machine = state.value;
  if (!machine) return <Empty>Starting a machine …</Empty>;
  const device = devicesOf(machine).find(({ path }) => path === at.device);
  return (
    <div class="machine">
      <div class="bar">
        <Attach machine={machine} />
        <span class="gap" />
        <Copy label="Copy as CLI" text={() => machineCommand({ placed: placedOf(machine) })} />
        <Copy label="Copy as test" text={() => testText(machine)} />
      </div>
      <div class="machine-columns">
        <Pane title="Devices" scrolls extra={<span class="note">Alt+↑↓ moves a program</span>}>
          <div class="namespaces">
            {machine.namespaces.map(({ name, devices }) => (
              <section key={name} class="namespace" aria-label={namespaceName(name)}>
                <h3>{namespaceName(name)}</h3>
                {devices.map((one) => (
                  <Device key={one.path} device={one} isChosen={one.path === at.device} />
                ))}
              </section>
            ))}
          </div>
        </Pane>
        <Pane title="Way of a packet" scrolls>
          <Builder
            label={`Receive at ${at.device}`}
            hardware={device?.hardware}
            onPacket={(data) => void receive(at.device, data)}
          />
          <Ways />
        </Pane>
      </div>
    </div>
  );
}

const namespaceName = (name: string): string => (name === '' ? 'Machine' : `Namespace ${name}`);

function testText(machine: MachineState): string {
  const { device, data, ways } = sent.value ?? {};
  const last = ways?.[0]?.last;
  const shown = device && data && last ? { sent: { device, data, last } } : {};
  return machineTest({ placed: placedOf(machine), ...shown });
}

async function receive(device: string, data: Uint8Array): Promise<void> {
  try {
    sent.value = { device, data, ways: await engine.send(device, data) };
    const [first] = sent.value.ways;
    notice.value = first ? `${first.fate}${first.reason ? `: ${first.reason}` : ''}` : 'nothing';
    state.value = await engine.machineState();
  } catch (error) {
    notice.value = (error as Error).message;
  }
}

/** Which program goes where. */
function Attach({ machine }: { readonly machine: MachineState }) {
  const programs = objectFiles.value.flatMap(({ name, object }) =>
    object!.programs
      .filter(({ type }) => type === 'xdp' || type.startsWith('sched'))
      .map((one) => ({ file: name, program: one.name, isXdp: one.type === 'xdp' })),
  );
  const chosen = useSignal(0);
  const hook = useSignal<HookWord>('ingress');
  const at = route.value;
  if (at.screen !== 'machine') return null;
  if (programs.length === 0) {
    return <span class="note">Open an object with XDP or tc programs to attach them here.</span>;
  }
  const program = programs[Math.min(chosen.value, programs.length - 1)]!;
  const place: HookWord = program.isXdp ? 'xdp' : hook.value === 'xdp' ? 'ingress' : hook.value;
  return (
    <form
      class="attach"
      aria-label="Attach a program"
      onSubmit={(event) => {
        event.preventDefault();
        const { file, program: name } = program;
        const placed = { file, program: name, device: at.device, hook: place };
        void change(`${name} attached to ${at.device}`, engine.attach(placed));
      }}
    >
      <label>
        Program
        <select onChange={({ currentTarget }) => (chosen.value = currentTarget.selectedIndex)}>
          {programs.map(({ file, program: name }) => (
            <option key={`${file} ${name}`}>
              {name} — {file}
            </option>
          ))}
        </select>
      </label>
      <label>
        at
        <select
          value={at.device}
          onChange={({ currentTarget }) => go({ ...at, device: currentTarget.value }, true)}
        >
          {devicesOf(machine).map(({ path }) => (
            <option key={path} value={path}>
              {path}
            </option>
          ))}
        </select>
      </label>
      <label>
        Hook
        <select
          value={place}
          disabled={program.isXdp}
          onChange={({ currentTarget }) => (hook.value = currentTarget.value as HookWord)}
        >
          {HOOKS.filter((one) => (one === 'xdp') === program.isXdp).map((one) => (
            <option key={one} value={one}>
              {one}
            </option>
          ))}
        </select>
      </label>
      <button type="submit">Attach</button>
    </form>
  );
}

interface DeviceProps {
  readonly device: DeviceState;
  readonly isChosen: boolean;
}

function Device({ device, isChosen }: DeviceProps) {
  const at = route.value;
  const { path, name, kind, ifindex, mtu, hardware, up, received, sent: out, dropped } = device;
  const passed = sent.value?.ways.some(({ events }) => events.some((one) => one.device === path));
  return (
    <article class={`device ${isChosen ? 'chosen' : ''} ${passed ? 'passed' : ''}`}>
      <header>
        <button
          type="button"
          class="device-name"
          aria-pressed={isChosen}
          onClick={() => at.screen === 'machine' && go({ ...at, device: path }, true)}
        >
          {name}
        </button>
        <span class="chip">{kind}</span>
        {!up && <span class="tag bad">down</span>}
        <span class="note">
          {ifindex} · {hardware} · MTU {mtu}
        </span>
        <span class="gap" />
        <span class="note">
          in {received} · out {out} · dropped {dropped}
        </span>
      </header>
      {HOOKS.map((hook) => (
        <Programs
          key={hook}
          device={path}
          hook={hook}
          programs={device.programs.filter((one) => one.hook === hook)}
        />
      ))}
    </article>
  );
}

interface ProgramsProps {
  readonly device: string;
  readonly hook: HookWord;
  readonly programs: readonly PlacedProgram[];
}

/** The programs of a place in the order they run: dragged, or moved by Alt and arrows. */
function Programs({ device, hook, programs }: ProgramsProps) {
  const dragged = useSignal(-1);
  if (programs.length === 0) return null;
  const ids = programs.map(({ id }) => id);
  const move = (from: number, by: number) => {
    const wanted = movedBy(ids, from, by);
    if (wanted.join() === ids.join()) return;
    const what = `${programs[from]!.name} is number ${from + by + 1} at ${device} ${hook}`;
    void change(what, engine.order(device, hook, wanted));
  };
  return (
    <div class="place">
      <h4>
        {hook} <span class="note">revision {programs[0]!.revision}</span>
      </h4>
      <ol aria-label={`${hook} programs of ${device}, in the order they run`}>
        {programs.map(({ id, name, file }, i) => (
          <li
            key={id}
            draggable
            onDragStart={() => (dragged.value = i)}
            onDragOver={(event) => event.preventDefault()}
            onDrop={(event) => {
              event.preventDefault();
              event.stopPropagation();
              if (dragged.value >= 0) move(dragged.value, i - dragged.value);
              dragged.value = -1;
            }}
          >
            <button
              type="button"
              class="placed"
              onKeyDown={(event) => {
                if (!event.altKey || !/^Arrow(Up|Down)$/.test(event.key)) return;
                event.preventDefault();
                move(i, event.key === 'ArrowUp' ? -1 : 1);
              }}
            >
              <span class="grip" aria-hidden="true">
                ⠿
              </span>
              {name} <span class="note">id {id}</span>
              <span class="hidden">
                , {i + 1} of {ids.length}; Alt and arrows move it
              </span>
            </button>
            <span class="note file">{file}</span>
          </li>
        ))}
      </ol>
    </div>
  );
}

function Ways() {
  const ways = sent.value?.ways;
  if (!ways) return <Empty>Send a packet in: here is where it goes, and who decided.</Empty>;
  return (
    <div class="state">
      {ways.map(({ id, parent, length, fate, reason, events }) => (
        <table key={id} class="way">
          <caption>
            Packet {id}
            {parent !== undefined && ` (from packet ${parent})`}{' '}
            <span class={fate === 'dropped' ? 'tag bad' : 'tag'}>
              {reason ? `${fate}: ${reason}` : fate}
            </span>{' '}
            <span class="note">{length} bytes</span>
          </caption>
          <thead>
            <tr>
              <th scope="col">Where</th>
              <th scope="col">What happened</th>
            </tr>
          </thead>
          <tbody>
            {events.map(({ where, words, kind }, i) => (
              <tr key={i} class={`way-${kind}`}>
                <th scope="row">{events[i - 1]?.where === where ? '' : where}</th>
                <td>{words}</td>
              </tr>
            ))}
          </tbody>
        </table>
      ))}
    </div>
  );
}
