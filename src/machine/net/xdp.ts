import { XDP_VERDICTS } from '../../abi/verdicts.ts';
import {
  XDP_CTX_SIZE,
  XDP_DATA,
  XDP_DATA_END,
  XDP_DATA_META,
  XDP_EGRESS_IFINDEX,
  XDP_FRAGS,
  XDP_FRAGS_LENGTH,
  XDP_HARD_END,
  XDP_HARD_START,
  XDP_INGRESS_IFINDEX,
  XDP_MD_SIZE,
  XDP_REDIRECT,
  XDP_RX_QUEUE_INDEX,
} from '../../runtime/layout.ts';
import type { PacketHook, Verdict } from './hook.ts';
import { shape, whole } from './xdp-frame.ts';

const VERDICTS: readonly Verdict[] = XDP_VERDICTS.map((name) => ({ name, fate: name }));

/** XDP: the packet as the driver has it, before anything else sees it. */
export const xdpHook: PacketHook = {
  programTypes: ['xdp'],
  contextSize: XDP_CTX_SIZE,
  publicSize: XDP_MD_SIZE,
  dataField: XDP_DATA,
  dataEndField: XDP_DATA_END,
  metadataField: XDP_DATA_META,
  redirectField: XDP_REDIRECT,
  faultCode: 0,
  exclusive: true,
  settable: [
    [XDP_INGRESS_IFINDEX, 4],
    [XDP_RX_QUEUE_INDEX, 4],
  ],
  settle(u32, at, ifindex) {
    u32[(at + XDP_INGRESS_IFINDEX) >>> 2] ||= ifindex;
  },
  prepare(u32, _u8, at, frame) {
    const word = at >>> 2;
    // Stores, not a fill: this runs for every packet.
    u32[word + XDP_EGRESS_IFINDEX / 4] = 0;
    u32[word + XDP_REDIRECT / 4] = 0;
    u32[word + XDP_REDIRECT / 4 + 1] = 0;
    u32[word + XDP_REDIRECT / 4 + 2] = 0;
    u32[word + XDP_REDIRECT / 4 + 3] = 0;
    u32[word + XDP_FRAGS_LENGTH / 4] = 0;
    u32[word + XDP_FRAGS / 4] = 0;
    u32[word + XDP_DATA / 4] = frame.data;
    u32[word + XDP_DATA_END / 4] = frame.dataEnd;
    u32[word + XDP_DATA_META / 4] = frame.data;
    u32[word + XDP_INGRESS_IFINDEX / 4] = frame.ifindex;
    u32[word + XDP_RX_QUEUE_INDEX / 4] = frame.queue;
    u32[word + XDP_HARD_START / 4] = frame.hardStart;
    u32[word + XDP_HARD_END / 4] = frame.hardEnd;
  },
  verdict(code) {
    // The kernel warns about other codes and drops the packet as if it were XDP_ABORTED.
    return VERDICTS[code] ?? { name: `unknown ${code >>> 0}`, fate: 'aborted' };
  },
};

/** BPF_PROG_TEST_RUN gives back the metadata in front of the packet too. */
export const xdpTestRun: PacketHook = { ...xdpHook, dataField: XDP_DATA_META, shape, whole };
