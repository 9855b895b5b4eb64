/** Types whose programs see data of sockets: sk_skb and sk_msg of sockmaps, sk_reuseport. */
import {
  BPF_PROG_TYPE_SK_MSG,
  BPF_PROG_TYPE_SK_REUSEPORT,
  BPF_PROG_TYPE_SK_SKB,
} from '../generated/6.12/constants.ts';
import type { ContextField, ProgramTypeDef } from '../types.ts';
import { contextFields } from './fields.ts';
import { schedCls } from './sched_cls.ts';

type Rule = Partial<ContextField>;

const HIDDEN: Rule = { hidden: true };
const WRITABLE: Rule = { writable: true, narrow: true };
const BOUNDS: Readonly<Record<string, Rule>> = {
  data: { pointer: 'packet' },
  data_end: { pointer: 'packet_end' },
};
/** enum sk_action. */
const ACTIONS = { 0: 'drop', 1: 'pass' };

const { start, end, network } = schedCls.context.packet!;

/** Parsers and verdicts of streams (sk_skb_is_valid_access). */
export const skSkb: ProgramTypeDef = {
  name: 'sk_skb',
  id: BPF_PROG_TYPE_SK_SKB,
  context: {
    ...schedCls.context,
    fields: contextFields(
      '__sk_buff',
      {
        ...BOUNDS,
        sk: { pointer: 'sock_common' },
        tc_index: WRITABLE,
        priority: WRITABLE,
        ...Object.fromEntries(
          ['mark', 'tc_classid', 'data_meta', 'tstamp', 'wire_len', 'hwtstamp'].map((name) => [
            name,
            HIDDEN,
          ]),
        ),
      },
      { narrow: true },
    ),
    packet: { start, end, network: network! },
  },
  verdicts: ACTIONS,
};

/** What is sent through a socket (sk_msg_is_valid_access). */
export const skMsg: ProgramTypeDef = {
  name: 'sk_msg',
  id: BPF_PROG_TYPE_SK_MSG,
  context: {
    struct: 'sk_msg_md',
    size: 80,
    // Behind it: what helpers leave (layout.ts, MSG_*).
    allocated: 112,
    fields: contextFields('sk_msg_md', BOUNDS),
    packet: { start: 0, end: 8 },
  },
  verdicts: ACTIONS,
};

/** Who of a group gets a packet (sk_reuseport_is_valid_access). */
export const skReuseport: ProgramTypeDef = {
  name: 'sk_reuseport',
  id: BPF_PROG_TYPE_SK_REUSEPORT,
  context: {
    struct: 'sk_reuseport_md',
    size: 56,
    // Behind it: the packet's record and what was chosen (layout.ts, REUSE_*).
    allocated: 80,
    fields: contextFields('sk_reuseport_md', BOUNDS),
    packet: { start: 0, end: 8, readOnly: true },
  },
  verdicts: ACTIONS,
};
