/** Names of this network namespace's devices. */
import { readdirSync } from 'node:fs';
import { ifindexOf } from '../../linux/index.ts';

/** By name. */
export function devices(): { readonly name: string; readonly ifindex: number }[] {
  const names = readdirSync('/sys/class/net').filter((name) => name !== 'bonding_masters');
  return names.sort().map((name) => ({ name, ifindex: ifindexOf(name) }));
}

/** A link may be at a device of another namespace, or at none any more. */
export const deviceName = (ifindex: number): string =>
  devices().find((one) => one.ifindex === ifindex)?.name ?? '(unknown)';
