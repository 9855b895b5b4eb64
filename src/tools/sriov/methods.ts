/** Ways to observe virtual functions. Each knows only what it can see. */
import type { LoadedObject } from '../../client/index.ts';
import type { FlowRule, KernelNic, VfStatistics } from '../../kernel/index.ts';
import type { BothWays } from './truth.ts';

/** What a method saw of a function. */
export interface VfView extends BothWays {
  /** 5-tuples it can tell apart. */
  readonly flows: number;
}

/** Reads the counters of the functions again and again (as `ip -s link` does): bytes, no flows. */
export class VfPoller {
  readonly #nic: KernelNic;
  readonly #first: readonly VfStatistics[];
  #last: readonly VfStatistics[];
  /** How often it has looked. */
  polls = 0;

  constructor(nic: KernelNic) {
    this.#nic = nic;
    this.#first = this.#read();
    this.#last = this.#first;
  }

  #read(): VfStatistics[] {
    return this.#nic.vfs.map(({ statistics }) => ({ ...statistics }));
  }

  /** What came since it last looked, function by function. */
  poll(): BothWays[] {
    const before = this.#last;
    this.#last = this.#read();
    this.polls++;
    return this.#last.map((now, i) => difference(now, before[i]!));
  }

  /** All it has seen until it last looked. */
  view(vf: number): VfView {
    return { ...difference(this.#last[vf]!, this.#first[vf]!), flows: 0 };
  }
}

const difference = (now: VfStatistics, before: VfStatistics): BothWays => ({
  tx: now.tx_bytes - before.tx_bytes,
  rx: now.rx_bytes - before.rx_bytes,
});

const FROM_VF = 0;

interface PortKey {
  readonly ifindex: number;
  readonly direction: number;
}

/** The maps of examples/vf-monitor, filled by the programs of one of its objects. */
class FlowMaps {
  readonly #maps: LoadedObject['maps'];

  constructor({ maps }: LoadedObject) {
    this.#maps = maps;
  }

  /** What was seen at the device with this number, which speaks for a function. */
  view(ifindex: number): VfView {
    const seen = { tx: 0, rx: 0 };
    for (const [key, count] of this.#maps['ports']!) {
      const { ifindex: at, direction } = key as unknown as PortKey;
      const { bytes } = count as unknown as { bytes: bigint };
      if (at === ifindex) seen[direction === FROM_VF ? 'tx' : 'rx'] += Number(bytes);
    }
    let flows = 0;
    for (const [key] of this.#maps['flows']!) {
      if ((key as unknown as PortKey).ifindex === ifindex) flows++;
    }
    return { ...seen, flows };
  }
}

/** Programs at representors. */
export class TcxMonitor extends FlowMaps {
  /** Puts the monitor at these devices. */
  constructor(loaded: LoadedObject, devices: readonly string[]) {
    super(loaded);
    for (const device of devices) {
      loaded.programs['from_vf']!.attach({ device, direction: 'ingress' });
      loaded.programs['to_vf']!.attach({ device, direction: 'egress' });
    }
  }
}

/** Programs at functions of the kernel that drivers call and are called by. */
export class DriverMonitor extends FlowMaps {
  constructor(loaded: LoadedObject) {
    super(loaded);
    for (const name of ['received', 'sent']) loaded.programs[name]!.attach();
  }

  /** At the device of a function itself: what that gets, the function gets. */
  own(ifindex: number): VfView {
    const { tx, rx, flows } = this.view(ifindex);
    return { tx: rx, rx: tx, flows };
  }
}

/** Counters of the rules in the card (`tc -s filter`): as fine as the rules are. */
export function ruleView(rules: readonly FlowRule[], representor: string): VfView {
  const seen = { tx: 0, rx: 0, flows: 0 };
  for (const { options, packets, bytes } of rules) {
    const sends = options.dev === representor;
    const gets = options.actions.some((one) => 'redirect' in one && one.redirect === representor);
    if (sends) seen.tx += bytes;
    if (gets) seen.rx += bytes;
    if ((sends || gets) && packets > 0) seen.flows++;
  }
  return seen;
}
