/**
 * Which tests of the kernel for its network hooks are where: every part of these files of
 * prog_tests/ (and shell scripts beside it) is named here. XDP: xdp-selftests.tools.test.ts.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { selftestSource } from '../kernel/tree.ts';

const folder = selftestSource('.');

const HOOKS = 'hooks-selftests.tools.test.ts';
const SEGMENTS = 'left out: segment routing (seg6, bpf_lwt_seg6_*) is not here';

const allAt = (place: string, names: readonly string[]) =>
  Object.fromEntries(names.map((name) => [name, place]));

/** Where each part is, or why it is left out. Those run from their source name themselves. */
const HELD: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  'prog_tests/token.c': {
    map_token: 'token.oracle.test.ts',
    btf_token: 'token.oracle.test.ts',
    prog_token: 'token.oracle.test.ts',
    obj_priv_map: 'token-selftests.tools.test.ts',
    obj_priv_prog: 'token-selftests.tools.test.ts',
    obj_priv_btf_fail: 'token-selftests.tools.test.ts',
    obj_priv_btf_success: 'token-selftests.tools.test.ts',
    obj_priv_implicit_token: 'token-selftests.tools.test.ts',
    obj_priv_implicit_token_envvar: 'token-selftests.tools.test.ts',
  },
  'prog_tests/sock_destroy.c': {
    tcp_client: 'sock-destroy-selftest.tools.test.ts',
    tcp_server: 'sock-destroy-selftest.tools.test.ts',
    udp_client: 'sock-destroy-selftest.tools.test.ts',
    udp_server: 'sock-destroy-selftest.tools.test.ts',
  },
  'prog_tests/netfilter_link_attach.c': allAt(HOOKS, [
    'allzero',
    'invalid-pf',
    'invalid-hooknum',
    'invalid-priority-min',
    'invalid-priority-max',
    'invalid-flags',
    'invalid-inet-not-supported',
    'attach ipv4',
    'attach ipv6',
  ]),
  // Its two ways to attach the program send by a tap device, and there are none.
  'prog_tests/flow_dissector.c': allAt(HOOKS, [
    '802.1ad-ipv6',
    '802.1q-ipv4',
    'ipip-encap',
    'ipip-encap-dissector-continue',
    'ipip-no-encap',
    'ipv4',
    'ipv4-frag',
    'ipv4-no-frag',
    'ipv6',
    'ipv6-empty-flow-label',
    'ipv6-flow-label',
    'ipv6-frag',
    'ipv6-no-flow-label',
    'ipv6-no-frag',
  ]),
  'prog_tests/flow_dissector_load_bytes.c': {
    // What is there is not as on Linux: a known gap, which that test holds.
    flow_dissector_load_bytes: HOOKS,
  },
  'prog_tests/lwt_redirect.c': {
    lwt_redirect_normal: HOOKS,
    lwt_redirect_normal_nomac: HOOKS,
    lwt_redirect_dev_down: HOOKS,
    lwt_redirect_dev_down_nomac: HOOKS,
    lwt_redirect_dev_carrier_down: 'left out: nobody takes the carrier from a device here',
  },
  'prog_tests/lwt_reroute.c': {
    lwt_reroute_normal_xmit: HOOKS,
    lwt_reroute_qdisc_dropped: 'left out: no queueing discipline drops packets here',
  },
  'test_lwt_ip_encap.sh': { '': HOOKS },
  'test_lwt_seg6local.sh': { '': SEGMENTS },
  'test_flow_dissector.sh': { '': HOOKS },
};

/** Files whose tests are run as they stand, each by its name. */
const FROM_SOURCE: Readonly<Record<string, string>> = {
  'prog_tests/tc_links.c': 'tc-selftests.tools.test.ts',
  'prog_tests/tc_opts.c': 'tc-selftests.tools.test.ts',
  'prog_tests/tc_netkit.c': 'tc-selftests.tools.test.ts',
  'prog_tests/flow_dissector_reattach.c': 'netns-selftests.tools.test.ts',
};

/** Parts of a test file: subtests by their names, else its functions. */
function partsOf(file: string, text: string): string[] {
  if (file.endsWith('.sh')) return [''];
  const subtests = [
    ...text.matchAll(/(?:test__start_subtest\("|\bRUN_TEST\(|\.name = ")([^")]+)/g),
  ];
  if (subtests.length > 0) return subtests.map(([, name]) => name!);
  const functions = text.matchAll(/^(?:static )?void (?:serial_)?test_(\w+)\(/gm);
  return [...functions].map(([, name]) => name!);
}

describe('tests of the network hooks', () => {
  it('need the tree of the kernel', () => expect(folder).toBeDefined());

  it.each(Object.entries(HELD))('%s: every part has its place', (file, held) => {
    const parts = partsOf(file, readFileSync(join(folder!, file), 'utf8'));
    expect(Object.keys(held).toSorted()).toEqual([...new Set(parts)].toSorted());
  });

  it('are in no other file', () => {
    const ours =
      /^(?:token|sock_destroy|netfilter_link|flow_dissector|lwt_|tc_(?:links|opts|netkit))/;
    const here = (path: string, wanted: RegExp) =>
      readdirSync(join(folder!, path)).filter((name) => wanted.test(name));
    const files = [
      ...here('prog_tests', ours)
        .filter((name) => name.endsWith('.c'))
        .map((name) => `prog_tests/${name}`),
      ...here('.', /^test_(?:lwt|flow_dissector)\w*\.sh$/),
    ];
    const known = [...Object.keys(HELD), ...Object.keys(FROM_SOURCE)];
    expect(files.toSorted()).toEqual(known.toSorted());
  });

  it('places are files that there are', () => {
    const places = Object.values(HELD).flatMap((one) => Object.values(one));
    const files = [...places, ...Object.values(FROM_SOURCE)].filter(
      (at) => !at.startsWith('left out: '),
    );
    for (const name of new Set(files)) {
      expect(existsSync(new URL(name, import.meta.url)), name).toBe(true);
    }
    for (const file of Object.keys(FROM_SOURCE)) {
      expect(existsSync(join(folder!, file)), file).toBe(true);
    }
  });
});
