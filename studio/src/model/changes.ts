/** What a step changed: map entries, registers, stack and packet bytes. */
import type { MapState } from '../protocol.ts';

export type Change = 'new' | 'changed' | 'same';

export interface ShownEntry {
  readonly key: string;
  readonly value: string;
  readonly change: Change | 'gone';
  /** The value before, where it changed or went. */
  readonly was?: string | undefined;
}

/** The entries of a map, against those before: what went comes last. */
export function entryChanges(now: MapState, before: MapState | undefined): ShownEntry[] {
  const old = new Map(before?.entries.map(({ key, value }) => [key, value]));
  const shown: ShownEntry[] = now.entries.map(({ key, value }) => {
    const was = old.get(key);
    old.delete(key);
    if (!before || was === value) return { key, value, change: 'same' };
    return was === undefined
      ? { key, value, change: 'new' }
      : { key, value, was, change: 'changed' };
  });
  // Beyond what is shown nobody knows whether it went.
  if (now.more > 0 || (before?.more ?? 0) > 0) return shown;
  return [
    ...shown,
    ...[...old].map(([key, was]) => ({ key, value: '', was, change: 'gone' as const })),
  ];
}

/** Indices at which two byte strings differ; all where there was none. */
export function byteChanges(now: Uint8Array, before: Uint8Array | undefined): Set<number> {
  const changed = new Set<number>();
  for (let i = 0; i < now.length; i++) if (now[i] !== before?.[i]) changed.add(i);
  return changed;
}
