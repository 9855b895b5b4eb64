import type { NamespaceDevice, OrderStep, Program } from 'beeyard';

export function follow(
  plan: readonly OrderStep[],
  device: NamespaceDevice,
  programs: readonly Program[],
): void;
export function packetFrom(...source: number[]): Uint8Array;
export function whoDecided(events: readonly object[]): string;
