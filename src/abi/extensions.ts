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

const numbers: ReadonlySet<number> = new Set(Object.values(extensionMapTypes));

/** Is that map type one of ours? */
export const isExtensionMap = (type: number): boolean => numbers.has(type);
