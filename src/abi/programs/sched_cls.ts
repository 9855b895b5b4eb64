import { BPF_PROG_TYPE_SCHED_ACT, BPF_PROG_TYPE_SCHED_CLS } from '../generated/6.12/constants.ts';
import type { ContextField, ProgramTypeDef } from '../types.ts';
import { contextFields } from './fields.ts';

const HIDDEN: Partial<ContextField> = { hidden: true };
const WRITABLE: Partial<ContextField> = { writable: true, narrow: true };

/** What tc programs may touch of __sk_buff (net/core/filter.c, tc_cls_act_is_valid_access). */
const fields = contextFields(
  '__sk_buff',
  {
    mark: WRITABLE,
    tc_index: WRITABLE,
    priority: WRITABLE,
    tc_classid: WRITABLE,
    cb: WRITABLE,
    queue_mapping: WRITABLE,
    tstamp: { writable: true },
    tstamp_type: {},
    hwtstamp: {},
    data: { pointer: 'packet' },
    data_end: { pointer: 'packet_end' },
    data_meta: { pointer: 'packet_meta' },
    sk: { pointer: 'sock_common' },
    flow_keys: HIDDEN,
    family: HIDDEN,
    remote_ip4: HIDDEN,
    local_ip4: HIDDEN,
    remote_ip6: HIDDEN,
    local_ip6: HIDDEN,
    remote_port: HIDDEN,
    local_port: HIDDEN,
  },
  { narrow: true },
);

/** tc classifiers and tcx programs. */
export const schedCls: ProgramTypeDef = {
  name: 'sched_cls',
  id: BPF_PROG_TYPE_SCHED_CLS,
  context: {
    struct: '__sk_buff',
    size: 192,
    allocated: 320,
    fields,
    packet: { start: 76, end: 80, meta: 140, network: 216 },
  },
  // TC_ACT_* (include/uapi/linux/pkt_cls.h); tcx knows -1, 0, 2 and 7, the rest is 'next' there.
  verdicts: {
    '-1': 'unspec',
    0: 'ok',
    1: 'reclassify',
    2: 'shot',
    3: 'pipe',
    4: 'stolen',
    5: 'queued',
    6: 'repeat',
    7: 'redirect',
    8: 'trap',
  },
};

/** tc actions: the same context and calls. */
export const schedAct: ProgramTypeDef = {
  ...schedCls,
  name: 'sched_act',
  id: BPF_PROG_TYPE_SCHED_ACT,
};
