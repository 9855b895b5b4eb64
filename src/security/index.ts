/** Who may do what: capabilities, credentials, user namespaces, BPF tokens. */
export {
  ALL_CAPABILITIES,
  CAPABILITIES,
  type Capability,
  type CapabilitySet,
  capabilityNames,
  capabilitySet,
  hasCapability,
  parseCapabilities,
} from './capabilities.ts';
export { type Credentials, nsCapable, rootOf } from './credentials.ts';
export {
  DELEGATE_KINDS,
  type DelegateKind,
  type Delegation,
  delegates,
  delegateWords,
  delegationText,
  knownBits,
  NO_DELEGATION,
  parseDelegate,
} from './delegation.ts';
export {
  allowsCommand,
  allowsMap,
  allowsProgram,
  type Token,
  tokenCapable,
  tokenInfo,
} from './token.ts';
export {
  type IdMap,
  idFrom,
  knowsId,
  type UserNamespace,
  type UserNamespaceOptions,
  UserNamespaces,
} from './user-namespace.ts';
