/** Types whose programs get a packet from its network header on, as a struct __sk_buff. */
import {
  BPF_PROG_TYPE_CGROUP_SKB,
  BPF_PROG_TYPE_LWT_IN,
  BPF_PROG_TYPE_LWT_OUT,
  BPF_PROG_TYPE_LWT_XMIT,
  BPF_PROG_TYPE_SOCKET_FILTER,
} from '../generated/6.12/constants.ts';
import type { ContextField, ProgramTypeDef } from '../types.ts';
import { contextFields } from './fields.ts';
import { schedCls } from './sched_cls.ts';

type Rule = Partial<ContextField>;

const WRITABLE: Rule = { writable: true, narrow: true };
const SOCKET = [
  'family',
  'remote_ip4',
  'local_ip4',
  'remote_ip6',
  'local_ip6',
  'remote_port',
  'local_port',
] as const;
const PACKET: Readonly<Record<string, Rule>> = {
  data: { pointer: 'packet' },
  data_end: { pointer: 'packet_end' },
};

function definition(
  name: string,
  id: number,
  hidden: readonly string[],
  rules: Readonly<Record<string, Rule>>,
  verdicts: Readonly<Record<number, string>>,
  readOnly = true,
): ProgramTypeDef {
  const fields = contextFields(
    '__sk_buff',
    {
      sk: { pointer: 'sock_common' },
      cb: WRITABLE,
      ...rules,
      ...Object.fromEntries(
        ['tc_classid', 'data_meta', 'wire_len', ...hidden].map((field) => [
          field,
          { hidden: true },
        ]),
      ),
    },
    { narrow: true },
  );
  const { packet, ...context } = schedCls.context;
  const bounds = { start: packet!.start, end: packet!.end, network: packet!.network! };
  const access = readOnly ? { readOnly: true as const } : {};
  return { name, id, context: { ...context, fields, packet: { ...bounds, ...access } }, verdicts };
}

/** SO_ATTACH_BPF: returns how many bytes the socket gets (net/core/filter.c, sk_filter_*). */
export const socketFilter: ProgramTypeDef = definition(
  'socket_filter',
  BPF_PROG_TYPE_SOCKET_FILTER,
  ['data', 'data_end', 'tstamp', 'hwtstamp', ...SOCKET],
  {},
  { 0: 'drop' },
);

/** Packets of a cgroup's sockets (cg_skb_*). */
export const cgroupSkb: ProgramTypeDef = definition(
  'cgroup_skb',
  BPF_PROG_TYPE_CGROUP_SKB,
  [],
  { ...PACKET, mark: WRITABLE, priority: WRITABLE, tstamp: { writable: true } },
  { 0: 'drop', 1: 'pass' },
);

const LIGHTWEIGHT_TUNNELS = [
  ['lwt_in', BPF_PROG_TYPE_LWT_IN],
  ['lwt_out', BPF_PROG_TYPE_LWT_OUT],
  ['lwt_xmit', BPF_PROG_TYPE_LWT_XMIT],
] as const;

/** Programs of routes (lwt_*): enum bpf_ret_code. */
export const lightweightTunnels: readonly ProgramTypeDef[] = LIGHTWEIGHT_TUNNELS.map(([name, id]) =>
  definition(
    name,
    id,
    ['tstamp', 'hwtstamp', ...SOCKET],
    { ...PACKET, mark: WRITABLE, priority: WRITABLE },
    { 0: 'ok', 2: 'drop', 7: 'redirect', 128: 'reroute' },
    name !== 'lwt_xmit',
  ),
);
