import {
  ALL_CAPABILITIES,
  type Capability,
  type CapabilitySet,
  capabilitySet,
  type Credentials,
  idFrom,
  type UserNamespaces,
} from '../../security/index.ts';

/** Who a process is to be. */
export interface ProcessOptions {
  readonly pid?: number;
  /** User, as a number of the first user namespace. Default: root of its user namespace. */
  readonly uid?: number;
  /** Default: the same as `uid`. */
  readonly gid?: number;
  /** Name of its user namespace. Default '': the first one. */
  readonly userns?: string;
  /** Default: all for root of the user namespace, none for others. */
  readonly capabilities?: 'all' | CapabilitySet | readonly Capability[];
}

/** Credentials of a new process. Throws KernelError ENOENT for a namespace that is not there. */
export function credentialsOf(users: UserNamespaces, options: ProcessOptions): Credentials {
  const userns = users.get(options.userns ?? '');
  const root = idFrom(userns, 0) ?? userns.owner;
  const { uid = root, gid = uid, capabilities } = options;
  return { uid, gid, userns, capabilities: setOf(capabilities, uid === root) };
}

function setOf(given: ProcessOptions['capabilities'], isRoot: boolean): CapabilitySet {
  if (given === undefined) return isRoot ? ALL_CAPABILITIES : 0n;
  if (given === 'all') return ALL_CAPABILITIES;
  return typeof given === 'bigint' ? given : capabilitySet(given);
}
