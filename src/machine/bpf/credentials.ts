/** Capabilities that bpf(2) asks for. */
export type Capability = 'CAP_BPF' | 'CAP_PERFMON' | 'CAP_NET_ADMIN' | 'CAP_SYS_ADMIN';

/** Who a process is. */
export interface Credentials {
  readonly uid: number;
  readonly gid: number;
  readonly capabilities: 'all' | ReadonlySet<Capability>;
}

export const ROOT: Credentials = { uid: 0, gid: 0, capabilities: 'all' };

/** A BPF token: what somebody without capabilities may do all the same. */
export interface Token {
  readonly allows: Readonly<Record<'cmds' | 'maps' | 'progs' | 'attachs', bigint>>;
}

/** capable(): the one place that answers for a process. */
export function capable({ capabilities }: Credentials, capability: Capability): boolean {
  return capabilities === 'all' || capabilities.has(capability);
}

/**
 * bpf_token_capable(): with CAP_SYS_ADMIN in place of the others. Tokens are made in user
 * namespaces, which there are none of here: none is ever given.
 */
export function tokenCapable(
  credentials: Credentials,
  _token: Token | undefined,
  capability: Capability,
): boolean {
  return capable(credentials, capability) || capable(credentials, 'CAP_SYS_ADMIN');
}
