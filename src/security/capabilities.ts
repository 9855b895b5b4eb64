/** Capabilities of Linux by number (include/uapi/linux/capability.h), and sets of them. */
import { KernelError } from '../base/index.ts';

/** All 41, in the kernel's order. */
export const CAPABILITIES = [
  'CAP_CHOWN',
  'CAP_DAC_OVERRIDE',
  'CAP_DAC_READ_SEARCH',
  'CAP_FOWNER',
  'CAP_FSETID',
  'CAP_KILL',
  'CAP_SETGID',
  'CAP_SETUID',
  'CAP_SETPCAP',
  'CAP_LINUX_IMMUTABLE',
  'CAP_NET_BIND_SERVICE',
  'CAP_NET_BROADCAST',
  'CAP_NET_ADMIN',
  'CAP_NET_RAW',
  'CAP_IPC_LOCK',
  'CAP_IPC_OWNER',
  'CAP_SYS_MODULE',
  'CAP_SYS_RAWIO',
  'CAP_SYS_CHROOT',
  'CAP_SYS_PTRACE',
  'CAP_SYS_PACCT',
  'CAP_SYS_ADMIN',
  'CAP_SYS_BOOT',
  'CAP_SYS_NICE',
  'CAP_SYS_RESOURCE',
  'CAP_SYS_TIME',
  'CAP_SYS_TTY_CONFIG',
  'CAP_MKNOD',
  'CAP_LEASE',
  'CAP_AUDIT_WRITE',
  'CAP_AUDIT_CONTROL',
  'CAP_SETFCAP',
  'CAP_MAC_OVERRIDE',
  'CAP_MAC_ADMIN',
  'CAP_SYSLOG',
  'CAP_WAKE_ALARM',
  'CAP_BLOCK_SUSPEND',
  'CAP_AUDIT_READ',
  'CAP_PERFMON',
  'CAP_BPF',
  'CAP_CHECKPOINT_RESTORE',
] as const;

/** The kernel's name of a capability. */
export type Capability = (typeof CAPABILITIES)[number];

/** A set of capabilities: bit n is the capability with number n, as in /proc/PID/status. */
export type CapabilitySet = bigint;

/** Every capability there is. */
export const ALL_CAPABILITIES: CapabilitySet = (1n << BigInt(CAPABILITIES.length)) - 1n;

const BITS: ReadonlyMap<string, bigint> = new Map(
  CAPABILITIES.map((name, number) => [name, 1n << BigInt(number)]),
);

/** Whether a capability is in a set. */
export function hasCapability(set: CapabilitySet, capability: Capability): boolean {
  return (set & BITS.get(capability)!) !== 0n;
}

/** The set of some capabilities. */
export function capabilitySet(names: Iterable<Capability>): CapabilitySet {
  let set = 0n;
  for (const name of names) set |= BITS.get(name)!;
  return set;
}

/** Names of a set, in the kernel's order. */
export function capabilityNames(set: CapabilitySet): Capability[] {
  return CAPABILITIES.filter((name) => hasCapability(set, name));
}

/**
 * A set from words: 'all', 'none', or names with commas between, with or without CAP_, in any case.
 * Throws KernelError EINVAL.
 *
 * @example
 * parseCapabilities('bpf,CAP_NET_ADMIN'); // 0x8000001000n
 */
export function parseCapabilities(text: string): CapabilitySet {
  if (text === 'all') return ALL_CAPABILITIES;
  if (text === 'none') return 0n;
  let set = 0n;
  for (const word of text.split(',')) {
    const name = word
      .trim()
      .toUpperCase()
      .replace(/^(CAP_)?/, 'CAP_');
    const bit = BITS.get(name);
    if (bit === undefined) throw new KernelError('EINVAL', 22, `there is no capability '${word}'`);
    set |= bit;
  }
  return set;
}
