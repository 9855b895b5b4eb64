/** What __sk_buff is made of (net/core/filter.c: bpf_convert_ctx_access and its relatives). */
import type { KernelContext, KernelField } from './types.ts';

/** Low bits of the byte at __pkt_type_offset. */
const PKT_TYPE_MAX = 7;
const TSTAMP_TYPE_MASK = 3;
const PORT_SHIFT = { op: 'lsh', imm: 16 } as const;
/** Ids below are numbers of CPUs (MIN_NAPI_ID: NR_CPUS + 1). */
const MIN_NAPI_ID = 8192 + 1;

const own = (member: string): KernelField => ({ path: `sk_buff.${member}` });
const ofSocket = (member: string, rest: Partial<KernelField> = {}): KernelField => ({
  path: `sk_buff.sk > sock_common.${member}`,
  ...rest,
});
const inControlBlock = (member: string, rest: Partial<KernelField> = {}): KernelField => ({
  path: `sk_buff.cb + ${member}`,
  ...rest,
});
const shared = (member: string): KernelField => ({
  path: `skb_shared_info.${member}`,
  special: 'shared_info',
});

const fields: Readonly<Record<string, KernelField>> = {
  len: own('len'),
  protocol: own('protocol'),
  vlan_proto: own('vlan_proto'),
  priority: own('priority'),
  ingress_ifindex: own('skb_iif'),
  ifindex: { path: 'sk_buff.dev >? net_device.ifindex' },
  hash: own('hash'),
  mark: own('mark'),
  pkt_type: {
    path: 'sk_buff.__pkt_type_offset',
    width: 1,
    after: [{ op: 'and', imm: PKT_TYPE_MAX }],
  },
  queue_mapping: { path: 'sk_buff.queue_mapping', special: 'queue_mapping' },
  vlan_present: { path: 'sk_buff.vlan_all', after: [{ op: 'flag' }] },
  vlan_tci: own('vlan_tci'),
  cb: inControlBlock('qdisc_skb_cb.data', { width: 'asked', inside: true }),
  tc_classid: inControlBlock('qdisc_skb_cb.tc_classid'),
  data: own('data'),
  data_meta: inControlBlock('bpf_skb_data_end.data_meta'),
  data_end: inControlBlock('bpf_skb_data_end.data_end'),
  tc_index: own('tc_index'),
  napi_id: { path: 'sk_buff.napi_id', after: [{ op: 'at_least', from: MIN_NAPI_ID }] },
  family: ofSocket('skc_family'),
  remote_ip4: ofSocket('skc_daddr'),
  local_ip4: ofSocket('skc_rcv_saddr'),
  remote_ip6: ofSocket('skc_v6_daddr', { width: 4, inside: true }),
  local_ip6: ofSocket('skc_v6_rcv_saddr', { width: 4, inside: true }),
  remote_port: ofSocket('skc_dport', { after: [PORT_SHIFT] }),
  local_port: ofSocket('skc_num'),
  tstamp: { path: 'sk_buff.tstamp', special: 'tstamp' },
  tstamp_type: {
    path: 'sk_buff.__mono_tc_offset',
    width: 1,
    after: [{ op: 'and', imm: TSTAMP_TYPE_MASK }],
  },
  gso_segs: shared('gso_segs'),
  gso_size: shared('gso_size'),
  wire_len: inControlBlock('qdisc_skb_cb.pkt_len'),
  sk: own('sk'),
  hwtstamp: shared('hwtstamps'),
};

export const skb: KernelContext = { struct: '__sk_buff', fields };

/** tc always has a device. */
export const tcSkb: KernelContext = {
  struct: '__sk_buff',
  fields: { ...fields, ifindex: { path: 'sk_buff.dev > net_device.ifindex' } },
};

export const skSkb: KernelContext = {
  struct: '__sk_buff',
  fields: {
    ...fields,
    cb: inControlBlock('sk_skb_cb.data', { width: 'asked', inside: true }),
    data_end: { path: 'sk_buff.data', special: 'sk_skb_data_end' },
  },
};

export const flowDissector: KernelContext = {
  struct: '__sk_buff',
  fields: {
    data: { path: 'bpf_flow_dissector.data' },
    data_end: { path: 'bpf_flow_dissector.data_end' },
    flow_keys: { path: 'bpf_flow_dissector.flow_keys' },
  },
};

export const xdp: KernelContext = {
  struct: 'xdp_md',
  fields: {
    data: { path: 'xdp_buff.data' },
    data_meta: { path: 'xdp_buff.data_meta' },
    data_end: { path: 'xdp_buff.data_end' },
    ingress_ifindex: { path: 'xdp_buff.rxq > xdp_rxq_info.dev > net_device.ifindex' },
    rx_queue_index: { path: 'xdp_buff.rxq > xdp_rxq_info.queue_index' },
    egress_ifindex: { path: 'xdp_buff.txq > xdp_txq_info.dev > net_device.ifindex' },
  },
};
