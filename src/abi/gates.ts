/**
 * What Linux versions do differently, as named switches. The verifier reads each in one place; no
 * version number stands in it.
 */

/** Gate → the first version that has it, in order. */
const SINCE = {
  /** BPF_F_TEST_REG_INVARIANTS */
  registerInvariants: '6.8',
} as const;

export type KernelGate = keyof typeof SINCE;
export type KernelGates = Readonly<Record<KernelGate, boolean>>;

/** The first version with a gate, as Linux counts ('6.8'). */
export function gateSince(gate: KernelGate): string {
  return SINCE[gate];
}

/** KERNEL_VERSION() of '6.8' or '6.12.117'. */
export function versionCodeOf(version: string): number {
  const [major = 0, minor = 0, patch = 0] = version.split('.').map(Number);
  return (major << 16) | (minor << 8) | Math.min(patch, 255);
}

/** The gates of a version. */
export function gatesOf(version: string): KernelGates {
  const code = versionCodeOf(version);
  const rows = Object.entries(SINCE).map(([gate, since]) => [gate, versionCodeOf(since) <= code]);
  return Object.fromEntries(rows) as KernelGates;
}
