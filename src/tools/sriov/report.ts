/** What each way of observing sees of the same traffic, against what the card says is true. */
import type { Host, LoadedObject } from '../../client/index.ts';
import type { EswitchMode, FlowRule, KernelNic, NicOptions } from '../../kernel/index.ts';
import { driverObject, monitorObject } from './monitor.ts';
import { DriverMonitor, TcxMonitor, ruleView, VfPoller, type VfView } from './methods.ts';
import { endOf, frameOf, ruleOf, type SriovScenario } from './scenario.ts';
import { Truth } from './truth.ts';
import { parseMac } from '../../packet/index.ts';

/** 'offload': switchdev, with rules for the flows that say so. */
export type ReportMode = EswitchMode | 'offload';

export const REPORT_MODES: readonly ReportMode[] = ['legacy', 'switchdev', 'offload'];

/** One function in one mode. */
export interface VfReport {
  readonly vf: number;
  readonly truth: VfView & {
    /** Bytes that took each path, both ways together. */
    readonly embedded: number;
    readonly slow: number;
    readonly offload: number;
  };
  /** The counters of the function. */
  readonly poll: VfView;
  /** tcx programs at its representor; in legacy mode it has none. */
  readonly tcx: VfView;
  /** The counters of rules in the card. */
  readonly rules: VfView;
  /**
   * fentry and tp_btf programs where the host's drivers meet its stack. A function passed to a
   * virtual machine is driven there, by another kernel: what is left is its representor.
   */
  readonly driver: VfView;
  /** The same for a function in a network namespace: the host's own kernel drives it. */
  readonly ownDriver: VfView;
}

export interface ModeReport {
  readonly mode: ReportMode;
  readonly polls: number;
  readonly vfs: readonly VfReport[];
  /** What tcx programs saw at the PF's device: legacy mode has no other place for them. */
  readonly uplink: VfView;
}

/** Makes a machine with this card. */
export type BootCard = (card: NicOptions, namespaces: readonly string[]) => Promise<Host>;

const PF = 'eth0';
const POLL_EVERY = 100;
const PACKET_TIME = 10_000;

/** Plays a scenario in one mode. */
export async function sriovReport(
  scenario: SriovScenario,
  mode: ReportMode,
  boot: BootCard,
): Promise<ModeReport> {
  const namespaces = scenario.vfs.map((_, i) => `vm${i}`);
  using host = await boot(cardFor(scenario, mode), namespaces);
  const nic = host.net.nic(PF);
  const rules = mode === 'offload' ? addRules(scenario, nic) : [];
  const loaded = await host.load(monitorObject(), {
    globals: { port_count: scenario.vfs.length + 1 },
  });
  const speakers = nic.vfs.flatMap(({ representor }) => representor ?? []);
  const drivers = new DriverMonitor(await host.load(driverObject()));
  const monitor = new TcxMonitor(loaded, [PF, ...speakers]);
  if (mode !== 'legacy') addSwitch(scenario, host, loaded, speakers);
  using truth = new Truth(nic);
  const poller = new VfPoller(nic);
  play(scenario, host, poller);
  const indexOf = (path: string) => host.net.namespace('').device(path).ifindex;
  return {
    mode,
    polls: poller.polls,
    vfs: nic.vfs.map(({ index, representor }) => ({
      vf: index,
      truth: truthOf(truth, index),
      poll: poller.view(index),
      tcx: representor === undefined ? NOTHING : monitor.view(indexOf(representor)),
      rules: representor === undefined ? NOTHING : ruleView(rules, representor),
      driver: representor === undefined ? NOTHING : drivers.view(indexOf(representor)),
      ownDriver: drivers.own(numberOf(index)),
    })),
    uplink: monitor.view(indexOf(PF)),
  };
}

/** Numbers of the functions' devices that no other has: each namespace counts by itself. */
const numberOf = (vf: number): number => 1000 + vf;

const NOTHING: VfView = { tx: 0, rx: 0, flows: 0 };

function truthOf({ vfs }: Truth, vf: number): VfReport['truth'] {
  const { tx, rx, flows, paths } = vfs[vf]!;
  const both = (path: keyof typeof paths) => paths[path].tx + paths[path].rx;
  const byPath = { embedded: both('embedded'), slow: both('slow'), offload: both('offload') };
  return { tx, rx, flows: flows.size, ...byPath };
}

/** VLANs are of the legacy switch: in the other modes functions have none. */
function cardFor(scenario: SriovScenario, mode: ReportMode): NicOptions {
  const legacy = mode === 'legacy';
  return {
    kind: 'nic',
    eswitch: legacy ? 'legacy' : 'switchdev',
    vfs: scenario.vfs.map(({ vlan, ...rest }, i) => ({
      ...rest,
      ...(legacy && vlan !== undefined ? { vlan } : {}),
      namespace: `vm${i}`,
      ifindex: numberOf(i),
      address: endOf(`vf${i}`, scenario).mac,
    })),
  };
}

function addRules(scenario: SriovScenario, nic: KernelNic): FlowRule[] {
  const devices = Object.fromEntries(
    nic.vfs.map(({ index, representor }) => [`vf${index}`, representor!]),
  );
  return scenario.flows.flatMap((flow, i) =>
    flow.offload === true ? [nic.addRule(ruleOf(scenario, i, { ...devices, wire: PF }))] : [],
  );
}

/** The host's switch: it knows where every address of the scenario is. */
function addSwitch(
  scenario: SriovScenario,
  host: Host,
  { programs, maps }: LoadedObject,
  speakers: readonly string[],
): void {
  const root = host.net.namespace('');
  const ports = [...speakers.map((device, i) => [device, `vf${i}`]), [PF, 'wire']] as const;
  for (const [i, [device, end]] of ports.entries()) {
    const { ifindex } = root.device(device!);
    programs['forward']!.attach({ device: device!, direction: 'ingress' });
    maps['members']!.set(i, ifindex);
    maps['stations']!.set({ address: [...parseMac(endOf(end!, scenario).mac)] }, ifindex);
  }
}

/** One packet of each flow in turn, as long as it has some. */
function play(scenario: SriovScenario, host: Host, poller: VfPoller): void {
  const left = scenario.flows.map(({ packets = 10 }) => packets);
  const frames = left.map((_, i) => frameOf(scenario, i));
  const root = host.net.namespace('');
  let played = 0;
  while (left.some((count) => count > 0)) {
    for (const [i, { from }] of scenario.flows.entries()) {
      const count = left[i]!;
      if (count === 0) continue;
      left[i] = count - 1;
      if (from === 'wire') root.device(PF).receive(frames[i]!);
      else
        host.net
          .namespace(`vm${from.slice(2)}`)
          .device('eth0')
          .transmit(frames[i]!);
      host.net.advance(PACKET_TIME);
      if (++played % POLL_EVERY === 0) poller.poll();
    }
  }
  // What waits for its rate.
  host.net.advance(60e9);
  poller.poll();
}
