import { BPF_PROG_TYPE_FLOW_DISSECTOR } from '../generated/6.12/constants.ts';
import type { ProgramTypeDef } from '../types.ts';
import { contextFields } from './fields.ts';
import { schedCls } from './sched_cls.ts';

/** Which flow a packet is of (net/core/filter.c, flow_dissector_*): enum bpf_ret_code. */
export const flowDissector: ProgramTypeDef = {
  name: 'flow_dissector',
  id: BPF_PROG_TYPE_FLOW_DISSECTOR,
  context: {
    ...schedCls.context,
    fields: contextFields(
      '__sk_buff',
      { data: { pointer: 'packet' }, data_end: { pointer: 'packet_end' }, flow_keys: {} },
      { hidden: true },
    ),
    packet: { start: 76, end: 80, network: 216, readOnly: true },
  },
  verdicts: { 0: 'ok', 2: 'drop', 129: 'continue' },
};
