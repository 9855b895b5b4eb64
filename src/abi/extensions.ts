/**
 * What beeyard has and Linux 6.12 does not: numbers outside the kernel's ranges. Programs that use
 * them are no BPF programs for Linux, and `verify(…, { portable: true })` says so.
 */
export const extensionMapTypes = {
  /** include/beeyard/wildcard.h */
  BPF_MAP_TYPE_WILDCARD: 0xbee1,
  /** include/beeyard/static_key.h */
  BPF_MAP_TYPE_STATIC_KEY: 0xbee2,
  /** include/beeyard/insn_array.h */
  BPF_MAP_TYPE_INSN_ARRAY: 0xbee3,
} as const;

/**
 * Expected attach types of programs of type syscall, which Linux only takes without one: hooks in
 * the RDMA device. include/beeyard/rxe.h
 */
export const extensionAttachTypes = {
  BPF_RXE_RX: 0xbee1,
  BPF_RXE_TX: 0xbee2,
} as const;

/** Of links at those hooks. */
export const extensionLinkTypes = {
  BPF_LINK_TYPE_RXE: 0xbee1,
} as const;

const attachNumbers: ReadonlySet<number> = new Set(Object.values(extensionAttachTypes));

/** Is that expected attach type one of ours? */
export const isExtensionAttach = (type: number): boolean => attachNumbers.has(type);

const numbers: ReadonlySet<number> = new Set(Object.values(extensionMapTypes));

/** Is that map type one of ours? */
export const isExtensionMap = (type: number): boolean => numbers.has(type);
