/** What `net show` says, by bpftool's keys and in its words. */
import type { Output } from './machine-file.ts';
import { type NetfilterPlace, netfilterText } from './net-hooks.ts';

/** An XDP program at a device; with --revisions what bpftool does not tell, too. */
export interface XdpRow {
  readonly devname: string;
  readonly ifindex: number;
  readonly mode: string;
  readonly id: number;
  readonly link_id?: number;
  /** Return values after which the chain goes on. */
  readonly chain?: readonly string[];
  readonly revision?: number;
}

export interface TcRow {
  readonly devname: string;
  readonly ifindex: number;
  /** 'tcx/ingress' … */
  readonly kind: string;
  readonly name: string;
  readonly prog_id: number;
  readonly prog_flags: readonly string[];
  /** 0: no link holds it. */
  readonly link_id: number;
  readonly link_flags: readonly string[];
  /** Of a classic filter. */
  readonly priority?: number;
  readonly handle?: number;
  readonly revision?: number;
}

interface NetHooks {
  readonly xdp: readonly XdpRow[];
  readonly tc: readonly TcRow[];
  readonly flow_dissector: readonly { readonly id: number }[];
  readonly netfilter: readonly (NetfilterPlace & { readonly id: number })[];
}

export function netOutput(hooks: NetHooks): Output {
  const { xdp, tc, flow_dissector, netfilter } = hooks;
  const lines = [
    'xdp:',
    ...xdp.map(xdpText),
    '\ntc:',
    ...tc.map(tcText),
    '\nflow_dissector:',
    ...flow_dissector.map(({ id }) => `id ${id}`),
    '\nnetfilter:',
    ...netfilter.map((row) => `\n\t${netfilterText(row)} prog_id ${row.id}`),
    '',
  ];
  return { json: [hooks], text: `${lines.join('\n')}\n` };
}

function xdpText(one: XdpRow): string {
  const { devname, ifindex, mode, id, chain, revision } = one;
  const chained = chain ? ` chain after ${chain.join(',') || 'nothing'}` : '';
  const seen = revision === undefined ? '' : ` revision ${revision}`;
  return `${devname}(${ifindex}) ${mode} id ${id}${chained}${seen}`;
}

function tcText(one: TcRow): string {
  const { devname, ifindex, kind, name, prog_id, link_id, priority, handle, revision } = one;
  const link = link_id === 0 ? '' : ` link_id ${link_id}`;
  const filter = priority === undefined ? '' : ` prio ${priority} handle ${handle}`;
  const seen = revision === undefined ? '' : ` revision ${revision}`;
  return `${devname}(${ifindex}) ${kind} ${name} prog_id ${prog_id}${link}${filter}${seen}`;
}
