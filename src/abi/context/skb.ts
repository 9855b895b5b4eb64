/**
 * Programs over `struct __sk_buff` (net/core/filter.c). They differ in which fields they see, which
 * they may write and whether they get at the packet; how a field is accessed is the same for all.
 */
import type { ContextDef, FieldRule, Sizes } from './rules.ts';
import { ANY, DOUBLE, NARROW, WORD, fieldsOf, registerTypes } from './rules.ts';
import { structs } from '../generated/6.12/structs.ts';

const { SCALAR_VALUE, PTR_TO_PACKET, PTR_TO_PACKET_END, PTR_TO_PACKET_META } = registerTypes;
const { PTR_TO_SOCK_COMMON, PTR_TO_FLOW_KEYS, PTR_MAYBE_NULL } = registerTypes;

const { size, field, start } = fieldsOf('__sk_buff');

/** Fields that are not read as parts of a 32-bit number. */
const READS: Readonly<Record<string, Sizes>> = {
  cb: ANY,
  data: WORD,
  data_end: WORD,
  data_meta: WORD,
  remote_ip4: WORD,
  local_ip4: WORD,
  remote_ip6: WORD,
  local_ip6: WORD,
  hwtstamp: DOUBLE,
  tstamp: DOUBLE,
  sk: DOUBLE,
};
const WRITES: Readonly<Record<string, Sizes>> = { cb: ANY, tstamp: DOUBLE };
const POINTERS: Readonly<Record<string, number>> = {
  data: PTR_TO_PACKET,
  data_end: PTR_TO_PACKET_END,
  data_meta: PTR_TO_PACKET_META,
  sk: PTR_TO_SOCK_COMMON | PTR_MAYBE_NULL,
};

/** Addresses and ports of the socket, which only some programs see. */
const SOCKET = 'family remote_ip4 local_ip4 remote_ip6 local_ip6 remote_port local_port';

interface SkbFamily {
  readonly hidden: string;
  readonly writable: string;
  /** Fields that need CAP_BPF, whatever is done with them. */
  readonly privileged?: string;
  readonly privilegedWrite?: string;
}

function skb(family: SkbFamily): FieldRule[] {
  const hidden = family.hidden.split(' ').concat('flow_keys', 'tstamp_type');
  const writable = family.writable.split(' ');
  return structs
    .__sk_buff!.fields.filter(({ name }) => !hidden.includes(name))
    .map(({ name }) => {
      const rule: { -readonly [K in keyof Omit<FieldRule, 'from' | 'to'>]: FieldRule[K] } = {
        read: READS[name] ?? NARROW,
        gives: POINTERS[name] ?? SCALAR_VALUE,
      };
      if (writable.includes(name)) rule.write = WRITES[name] ?? WORD;
      if (name === 'cb') rule.fits = true;
      if (name.startsWith('data')) rule.unsigned = true;
      if (family.privileged?.split(' ').includes(name)) rule.privileged = 'all';
      if (family.privilegedWrite === name) rule.privileged = 'write';
      return field(name, rule);
    });
}

export const socketFilter: ContextDef = {
  size,
  rules: skb({
    hidden: `tc_classid data data_meta data_end ${SOCKET} tstamp wire_len hwtstamp`,
    writable: 'cb',
  }),
};

export const cgroupSkb: ContextDef = {
  size,
  rules: skb({
    hidden: 'tc_classid data_meta wire_len',
    writable: 'mark priority cb tstamp',
    privileged: 'data data_end',
    privilegedWrite: 'tstamp',
  }),
};

export const lwt: ContextDef = {
  size,
  rules: skb({
    hidden: `tc_classid ${SOCKET} data_meta tstamp wire_len hwtstamp`,
    writable: 'mark priority cb',
  }),
};

export const tc: ContextDef = {
  size,
  rules: [
    ...skb({
      hidden: SOCKET,
      writable: 'mark tc_index priority tc_classid cb tstamp queue_mapping',
    }),
    start('tstamp_type', { read: { 1: 0 } }),
  ],
};

export const skSkb: ContextDef = {
  size,
  rules: skb({
    hidden: 'tc_classid data_meta tstamp wire_len hwtstamp mark',
    writable: 'tc_index priority',
  }),
};

export const flowDissector: ContextDef = {
  size,
  rules: [
    field('data', { read: WORD, gives: PTR_TO_PACKET, unsigned: true }),
    field('data_end', { read: WORD, gives: PTR_TO_PACKET_END, unsigned: true }),
    field('flow_keys', { read: DOUBLE, gives: PTR_TO_FLOW_KEYS }),
  ],
};
