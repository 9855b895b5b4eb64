/** A real machine's functions, from what its tools say: what can be observed there, and how. */
import type { DevlinkPort } from './devlink.ts';
import type { Link, LinkCounts } from './ip-link.ts';
import { BUILT_IN, type SriovScenario } from './scenario.ts';

/** A function of a real card. */
export interface FoundFunction {
  readonly pf: string;
  readonly vf: number;
  readonly address: string | undefined;
  readonly vlan: number;
  readonly maxTxRate: number;
  /** Method 1: its counters, if the driver tells. */
  readonly counters: LinkCounts | undefined;
  /** Method 2: where programs can be attached; without one nothing of it passes the host. */
  readonly representor: string | undefined;
}

/**
 * Functions of all cards. `ports` may be empty: without representors cards are in legacy mode. A
 * port belongs to the PF whose uplink is on the same card with the same number.
 */
export function functionsIn(
  links: readonly Link[],
  ports: readonly DevlinkPort[],
): FoundFunction[] {
  return links.flatMap((link) => {
    const uplink = ports.find(({ netdev }) => netdev === link.ifname);
    return link.vfs.map((vf) => ({
      pf: link.ifname,
      vf: vf.vf,
      address: vf.address,
      vlan: vf.vlan,
      maxTxRate: vf.maxTxRate,
      counters: vf.stats,
      representor: uplink && speakerOf(uplink, vf.vf, ports),
    }));
  });
}

function speakerOf(
  { device }: DevlinkPort,
  vf: number,
  ports: readonly DevlinkPort[],
): string | undefined {
  const found = ports.find(
    (port) => port.flavour === 'pcivf' && port.vfnum === vf && port.device === device,
  );
  return found?.netdev;
}

const MAC = /^(?:[0-9a-f]{2}:){5}[0-9a-f]{2}$/i;
const NO_MAC = '00:00:00:00:00:00';

/** The built-in flows between functions like those of a real PF: up to 32 of them. */
export function scenarioLike(found: readonly FoundFunction[]): SriovScenario {
  const vfs = found.slice(0, 32).map(({ address, vlan, maxTxRate }) => ({
    ...(address !== undefined && MAC.test(address) && address !== NO_MAC ? { address } : {}),
    ...(vlan > 0 && vlan < 4095 ? { vlan } : {}),
    ...(maxTxRate > 0 ? { maxTxRate: Math.min(maxTxRate, 1_000_000) } : {}),
  }));
  const known = (end: string) => end === 'wire' || Number(end.slice(2)) < vfs.length;
  const flows = BUILT_IN.flows.filter(({ from, to }) => known(from) && known(to));
  return { vfs, flows };
}
