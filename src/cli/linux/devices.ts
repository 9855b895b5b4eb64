/** Names of this network namespace's devices. */
import { deviceNames, ifindexOf } from '../../linux/index.ts';

/** By name. */
export const devices = (): { readonly name: string; readonly ifindex: number }[] =>
  deviceNames()
    .sort()
    .map((name) => ({ name, ifindex: ifindexOf(name) }));

/** A link may be at a device of another namespace, or at none any more. */
export const deviceName = (ifindex: number): string =>
  devices().find((one) => one.ifindex === ifindex)?.name ?? '(unknown)';
