/** Programs of routes: lightweight tunnels (net/core/lwt_bpf.c). */
import { constants } from '../../../abi/index.ts';
import type { RouteEncap } from '../../../kernel/index.ts';
import type { HostRoute } from '../../../runtime/types.ts';
import { SKB_DATA, SKB_LEN, SKB_NETWORK_OFFSET } from '../../../runtime/layout.ts';
import { refuse } from '../../errno.ts';
import type { Machine } from '../../machine.ts';
import { MachineProgram } from '../../program.ts';
import type { PacketHook, Verdict } from '../hook.ts';
import { ETH_IPV4, ETH_IPV6, ETHERNET, put16, u16 } from '../ip/wire.ts';
import type { Packet } from '../stack/packet.ts';
import type { Outcome } from '../stack/runner.ts';
import type { Stack } from '../stack/stack.ts';
import { tcHook, tcTestRun } from '../tc.ts';

const { BPF_OK, BPF_DROP, BPF_REDIRECT, BPF_LWT_REROUTE } = constants;
/** LWT_BPF_MAX_HEADROOM */
const MOST_HEADROOM = 256;

/** Where a route's programs are. */
export type TunnelPlace = 'in' | 'out' | 'xmit';
const PLACES: readonly TunnelPlace[] = ['in', 'out', 'xmit'];

/** What a program said: go on as before, find another route, or there is no packet any more. */
export type TunnelResult = 'on' | 'reroute' | 'gone';

const VERDICTS: Readonly<Record<number, Verdict>> = {
  [BPF_OK]: { name: 'pass', fate: 'pass' },
  [BPF_DROP]: { name: 'drop', fate: 'drop' },
  [BPF_REDIRECT]: { name: 'redirect', fate: 'redirect' },
  [BPF_LWT_REROUTE]: { name: 'reroute', fate: 'pass' },
};

/** The packet from its network header on; a program may push an Ethernet header itself. */
const hook: PacketHook = {
  ...tcHook,
  programTypes: [],
  verdict: (code) => VERDICTS[code] ?? { name: `unknown ${code}`, fate: 'drop' },
  prepare(u32, u8, at, frame) {
    tcTestRun.prepare(u32, u8, at, frame);
    const word = at >>> 2;
    u32[word + SKB_DATA / 4]! += ETHERNET;
    u32[word + SKB_LEN / 4]! -= ETHERNET;
    u32[word + SKB_NETWORK_OFFSET / 4] = 0;
  },
  finish() {},
};

/** A tunnel in a file. */
export interface TunnelParts {
  readonly headroom: number;
  readonly programs: readonly (readonly [TunnelPlace, number | undefined])[];
}

/** The programs of one route. */
export class LightTunnel {
  readonly headroom: number;
  readonly #programs: Readonly<Partial<Record<TunnelPlace, MachineProgram>>>;

  /** Throws KernelError EINVAL for programs of other types, ERANGE. */
  constructor(encap: RouteEncap) {
    const { headroom = 0 } = encap;
    if (headroom > MOST_HEADROOM) refuse('ERANGE', `headroom of ${headroom} bytes`);
    const given = PLACES.filter((place) => encap[place] !== undefined);
    if (given.length === 0) refuse('EINVAL', 'a route with encap has a program');
    for (const place of given) checkType(encap[place] as MachineProgram, place);
    this.headroom = headroom;
    this.#programs = Object.fromEntries(
      given.map((place) => [place, (encap[place] as MachineProgram).hold()]),
    );
  }

  /** What makes it again: ids of programs. */
  get parts(): TunnelParts {
    const programs = PLACES.map((place) => [place, this.#programs[place]?.id] as const);
    return { headroom: this.headroom, programs };
  }

  /** As it was saved; its programs are there. */
  static from({ headroom, programs }: TunnelParts, { objects }: Machine): LightTunnel {
    const given = programs.flatMap(([place, id]) =>
      id === undefined || id === null ? [] : [[place, objects.programs.get(id)]],
    );
    return new LightTunnel({ headroom, ...Object.fromEntries(given) });
  }

  /** The route is gone. */
  drop(): void {
    for (const program of Object.values(this.#programs)) program.drop();
  }

  /** Runs the program of a place over a packet, which it may change (run_lwt_bpf). */
  run(stack: Stack, packet: Packet, place: TunnelPlace): TunnelResult {
    const program = this.#programs[place];
    if (!program) return 'on';
    const before = packet.data;
    const { outcome, network } = stack.runner.routed(program, packet, hook);
    const data = framed(outcome.data, network, before);
    packet.data = data;
    stack.note(packet, program, `lwt/${place}`, { ...outcome, data }, before);
    if (stack.runner.clones.length > 0) stack.redirects.sendClones(packet);
    if (outcome.code === BPF_LWT_REROUTE) return place === 'out' ? 'on' : 'reroute';
    if (outcome.code === BPF_REDIRECT) return redirect(stack, packet, place, outcome, network);
    if (outcome.code !== BPF_OK) {
      stack.drop(packet, 'NOT_SPECIFIED', `lwt/${place}: ${outcome.verdict.name}`);
      return 'gone';
    }
    if (place !== 'xmit' || u16(data, 12) === u16(before, 12)) return 'on';
    stack.drop(packet, 'NOT_SPECIFIED', 'another protocol, and no new route');
    return 'gone';
  }
}

function checkType(program: MachineProgram, place: TunnelPlace): void {
  if (!(program instanceof MachineProgram)) refuse('EBADF', 'the program is of another kernel');
  if (program.type.name === `lwt_${place}`) return;
  refuse('EINVAL', `program '${program.spec.name}' is of type ${program.type.name}`);
}

/** Only xmit may. Devices need an Ethernet header, which the program has to push. */
function redirect(
  stack: Stack,
  packet: Packet,
  place: TunnelPlace,
  outcome: Outcome,
  network: number,
): TunnelResult {
  if (place !== 'xmit' || !outcome.redirect) return 'on';
  const target = packet.device.net.byIndex.get(outcome.redirect.index);
  if (target && network < ETHERNET) {
    stack.drop(packet, 'NOT_SPECIFIED', `${target.path} needs an Ethernet header`);
    return 'gone';
  }
  stack.redirects.redirect(packet, outcome.redirect);
  return 'gone';
}

/** With an Ethernet header in front: that which the program pushed, or the packet's old one. */
function framed(data: Uint8Array, network: number, before: Uint8Array): Uint8Array {
  if (network >= ETHERNET) return data;
  const frame = new Uint8Array(ETHERNET + data.length);
  frame.set(before.subarray(0, 12));
  frame.set(data, ETHERNET);
  const version = data.length > 0 ? data[0]! >> 4 : 0;
  put16(frame, 12, version === 6 ? ETH_IPV6 : version === 4 ? ETH_IPV4 : u16(before, 12));
  return frame;
}

/** Tunnels of a namespace's routes. */
export type LightTunnels = Map<HostRoute, LightTunnel>;
