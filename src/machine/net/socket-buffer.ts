import { SKB_DATA, SKB_HARD_START, SKB_LEN, SKB_NETWORK_OFFSET } from '../../runtime/layout.ts';
import type { PacketHook, Verdict } from './hook.ts';
import { ETHERNET_HEADER } from './packets.ts';
import { tcTestRun } from './tc.ts';

/**
 * What BPF_PROG_TEST_RUN makes of a packet for programs that see it from the network header on
 * (mirrors bpf_prog_test_run_skb): the Ethernet header is taken off before, and one of zeros is put
 * in front afterwards.
 */
function networkLayer(
  programTypes: readonly string[],
  verdict: (code: number) => Verdict,
): PacketHook {
  return {
    ...tcTestRun,
    programTypes,
    testRunOnly: true,
    verdict,
    prepare(u32, u8, at, frame) {
      tcTestRun.prepare(u32, u8, at, frame);
      const word = at >>> 2;
      u32[word + SKB_DATA / 4]! += ETHERNET_HEADER;
      u32[word + SKB_LEN / 4]! -= ETHERNET_HEADER;
      u32[word + SKB_NETWORK_OFFSET / 4] = 0;
    },
    finish(u32, u8, at) {
      const word = at >>> 2;
      const data = u32[word + SKB_DATA / 4]! - ETHERNET_HEADER;
      if (data < u32[word + SKB_HARD_START / 4]!) return;
      u8.fill(0, data, data + ETHERNET_HEADER);
      u32[word + SKB_DATA / 4] = data;
    },
  };
}

/** A packet from its network header on, for programs that say so themselves. */
export const fromNetworkHeader: PacketHook = networkLayer([], () => PASS);

const PASS: Verdict = { name: 'pass', fate: 'pass' };
const DROP: Verdict = { name: 'drop', fate: 'drop' };
/** BPF_DROP and BPF_REDIRECT of enum bpf_ret_code. */
const ROUTE_VERDICTS: Readonly<Record<number, Verdict>> = {
  2: DROP,
  7: { name: 'redirect', fate: 'redirect' },
};

/** Packets as sockets see them; programs of cgroups are run by the sockets themselves. */
export const cgroupSkbHook: PacketHook = networkLayer(['socket_filter', 'cgroup_skb'], (code) =>
  code === 0 ? DROP : PASS,
);

/** Hooks that are no device's: their programs can be test-run. */
export const testRunHooks: readonly PacketHook[] = [
  cgroupSkbHook,
  networkLayer(['lwt_in', 'lwt_out', 'lwt_xmit'], (code) => ROUTE_VERDICTS[code] ?? PASS),
];
