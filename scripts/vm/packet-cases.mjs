/**
 * XDP and tc programs that Linux and beeyard run on the same hostile packets. `file`: an object of this
 * repository, or of the kernel's selftests (`selftest`); `programs`: all if left out; `before`: run
 * once on the first packet, with the same maps; `maps`: entries as hexadecimal key and value; `seed`:
 * of the packets.
 */

const le32 = (number) => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(number >>> 0);
  return bytes.toString('hex');
};
const zeros = (bytes) => '00'.repeat(bytes);
const be16 = (number) => number.toString(16).padStart(4, '0');

/** Addresses that hostile-packets.mjs uses. */
const CLIENT = '0a000001';
const DNS = '0a000035';
const WEB = 'cb007107';
const SIX = `fd00${'1'.padStart(28, '0')}`;
const TCP = 6;
const UDP = 17;
const byte = (number) => number.toString(16).padStart(2, '0');

/** struct vip of examples/load-balancer. */
const service = (address, port, protocol) => `${address}${be16(port)}${byte(protocol)}00`;
const SERVICES = [
  [service(DNS, 53, UDP), le32(0)],
  [service(WEB, 80, TCP), le32(1)],
  [service(WEB, 443, TCP), le32(1)],
];
const backend = (alive, tunnel) => `0a0a0a01020000000002${byte(alive)}${byte(tunnel)}${le32(0)}`;
const balancer = (alive, tunnel) => ({
  services: SERVICES,
  backends: [[le32(0), backend(alive, tunnel)]],
});

const OWN = [
  { file: 'examples/load-balancer/balancer.bpf.o', maps: balancer(1, 0) },
  { file: 'examples/load-balancer/balancer.bpf.o', name: 'tunnel', maps: balancer(1, 1) },
  { file: 'examples/load-balancer/balancer.bpf.o', name: 'dead', maps: balancer(0, 0) },
  {
    file: 'examples/tcx-chain/chain.bpf.o',
    maps: { trusted: [[CLIENT, le32(1)]], blocked: [[DNS, le32(1)]] },
  },
  {
    file: 'examples/netkit-pods/pods.bpf.o',
    maps: {
      endpoints: [
        [CLIENT, le32(1) + le32(1)],
        [DNS, le32(2) + le32(1)],
        [WEB, le32(3) + le32(1)],
      ],
      allow: [[`${le32(1)}${le32(2)}3500${byte(UDP)}00`, '01']],
    },
  },
  { file: 'examples/typed-import/ratelimit.bpf.o' },
  { file: 'examples/rdma/roce.bpf.o' },
  { file: 'examples/vf-monitor/monitor.bpf.o' },
  {
    file: 'examples/firewall/firewall.bpf.o',
    maps: {
      blocked_v4: [[`${le32(24)}c0a80100`, `${le32(7)}${zeros(20)}`]],
      blocked_v6: [[`${le32(128)}${SIX}`, `${le32(9)}${zeros(20)}`]],
      ports: [[le32(22), `${le32(1)}${zeros(20)}`]],
    },
  },
  { file: 'examples/firewall-ts/firewall.bpf.o' },
  { file: 'examples/classifier/classifier.bpf.o' },
  { file: 'examples/fair/fair.bpf.o' },
  { file: 'examples/hash-collisions/flows.bpf.o' },
  { file: 'examples/live-views/live.bpf.o' },
  { file: 'examples/xsk-echo/echo.bpf.o' },
  { file: 'tests/machine/programs/net.bpf.o', maps: { tx_ports: [[le32(1), le32(1)]] } },
  { file: 'tests/machine/programs/paths.bpf.o' },
  { file: 'tests/machine/programs/dynptr.bpf.o' },
  { file: 'tests/fixtures/legacy-maps.bpf.o' },
  { file: 'tests/fixtures/shared.bpf.o' },
  { file: 'tests/fixtures/nested-maps.bpf.o' },
  { file: 'tests/tools/bpf-ts/language.bpf.o', programs: ['packets', 'globals', 'maps'] },
  { file: 'tests/fixtures/oracle/packet-helpers.bpf.o' },
  ...['atomic', 'count', 'lru', 'min', 'nat', 'parse', 'percpu'].map((name) => ({
    file: `bench/programs/xdp_${name}.bpf.o`,
    programs: ['run'],
  })),
  { file: 'bench/programs/xdp_fw.bpf.o', programs: ['run'], before: ['setup'] },
];

/** struct vip of the kernel's balancers: an address of 16 bytes, port, family, protocol. */
const vip = (address, port, family, protocol) =>
  `${address.padEnd(32, '0')}${be16(port)}${byte(family)}00${byte(protocol)}${zeros(3)}`;
const INET = 2;
const INET6 = 10;
const VIPS = [
  [WEB, 80, INET, TCP],
  [DNS, 53, INET, UDP],
  [SIX, 443, INET6, TCP],
  [SIX, 53, INET6, UDP],
];
/** With and without a family: the programs do not all set it. */
const NAMED = VIPS.flatMap(([address, port, family, protocol]) => [
  vip(address, port, family, protocol),
  vip(address, port, 0, protocol),
]);
const MAC = `020000000002${zeros(2)}`;
/** Addresses of 16 bytes and whether they are IPv6, in 20. */
const REALS = [
  [le32(0), `0a0a0a01${zeros(12)}${le32(0)}`],
  [le32(1), `${SIX}${le32(1)}`],
];
const BALANCER = {
  vip_map: NAMED.map((key, i) => [key, `${le32(0)}${le32(i >> 2)}`]),
  ch_rings: [2, 3, 655, 656, 657, 700, 900].map((slot) => [le32(slot), le32(1)]),
  reals: REALS,
  ctl_array: [0, 1, 2].map((slot) => [le32(slot), MAC]),
};
/** struct iptnl_info: source, destination, family, hardware address. */
const TUNNELS = VIPS.map(([address, port, family, protocol]) => [
  vip(address, port, family, protocol),
  `${CLIENT.padEnd(32, '0')}${`0a0a0a01`.padEnd(32, '0')}${byte(family)}00020000000002`,
]);
const MAPS = {
  test_l4lb: BALANCER,
  test_l4lb_noinline: BALANCER,
  test_l4lb_noinline_dynptr: BALANCER,
  test_xdp_noinline: BALANCER,
  test_xdp: { vip2tnl: TUNNELS },
  test_xdp_loop: { vip2tnl: TUNNELS },
  test_xdp_dynptr: { vip2tnl: TUNNELS },
};

const SELFTESTS = `
  test_l4lb test_l4lb_noinline test_l4lb_noinline_dynptr test_xdp_noinline test_xdp test_xdp_loop
  test_xdp_dynptr test_xdp_vlan test_xdp_meta test_xdp_context_test_run test_xdp_adjust_tail_grow
  test_xdp_adjust_tail_shrink test_xdp_update_frags test_xdp_do_redirect test_parse_tcp_hdr_opt
  test_parse_tcp_hdr_opt_dynptr test_pkt_access test_pkt_md_access test_skb_ctx test_skb_helpers
  test_tc_tunnel test_tc_dtime test_tc_edt test_cls_redirect test_cls_redirect_dynptr
  test_cls_redirect_subprogs test_tcp_check_syncookie_kern xdp_synproxy_kern xdping_kern xdpwall
  xdp_features xdp_redirect_map xdp_redirect_multi_kern decap_sanity skb_pkt_end tc_bpf2bpf empty_skb
  test_tunnel_kern changes_pkt_data xdp_tx xdp_dummy xdp_flowtable test_tc_peer test_tc_neigh
  test_tc_neigh_fib dynptr_success exceptions`
  .trim()
  .split(/\s+/)
  .map((name) => ({ file: `${name}.bpf.o`, selftest: true, maps: MAPS[name] }));

export const CASES = [...OWN, ...SELFTESTS];
