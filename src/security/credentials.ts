import {
  ALL_CAPABILITIES,
  type Capability,
  type CapabilitySet,
  hasCapability,
} from './capabilities.ts';
import type { UserNamespace } from './user-namespace.ts';

/** Who a task is (struct cred, as far as BPF asks). */
export interface Credentials {
  /** Effective user and group, as numbers of the first user namespace. */
  readonly uid: number;
  readonly gid: number;
  readonly userns: UserNamespace;
  /** Effective capabilities: they hold in `userns` and below it. */
  readonly capabilities: CapabilitySet;
}

/** root of a user namespace: everything is allowed in it. */
export function rootOf(userns: UserNamespace): Credentials {
  return { uid: userns.owner, gid: userns.owner, userns, capabilities: ALL_CAPABILITIES };
}

/**
 * ns_capable(): whether somebody has a capability in a user namespace. One's own capabilities count
 * in one's namespace and in all below; whoever made a namespace, and is in its parent, has all of
 * them there. In a namespace that is not below one's own nobody has any (cap_capable of
 * security/commoncap.c).
 */
export function nsCapable(
  { uid, userns, capabilities }: Credentials,
  target: UserNamespace,
  capability: Capability,
): boolean {
  let at: UserNamespace = target;
  while (at !== userns) {
    if (at.level <= userns.level || !at.parent) return false;
    if (at.parent === userns && at.owner === uid) return true;
    at = at.parent;
  }
  return hasCapability(capabilities, capability);
}
