/**
 * Helpers that XDP and tc programs may call on Linux and that have no body here, with the reason. A
 * program that calls one ends with the fault "no such helper". A test keeps this list complete and
 * without leftovers.
 */

const NO_COOKIES = 'the TCP of the machine has no SYN cookies';

export const missingHelpers: Readonly<Record<string, string>> = {
  // The engines compile it: control does not come back from the callee.
  tail_call: 'implemented by the engines themselves',
  get_ns_current_pid_tgid: 'the machine has no pid namespaces to compare with',
  snprintf_btf: 'prints kernel structures; the machine has none',
  skb_get_xfrm_state: 'the machine has no IPsec',
  tcp_check_syncookie: NO_COOKIES,
  tcp_gen_syncookie: NO_COOKIES,
};
