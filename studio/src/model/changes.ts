/** What a step or a packet changed: map entries, registers, stack and packet bytes. */
import type { MapState } from '../protocol.ts';

export type Change = 'new' | 'changed' | 'same' | 'gone';

export interface ShownEntry {
  readonly key: string;
  readonly change: Change;
  readonly cells: readonly ShownCell[];
}

export interface ShownCell {
  readonly text: string;
  /** What stood there, where it changed. */
  readonly was?: string | undefined;
}

const plain = (cells: readonly string[]): ShownCell[] => cells.map((text) => ({ text }));

/** The entries of a map, against those before: what went comes last. */
export function entryChanges(now: MapState, before: MapState | undefined): ShownEntry[] {
  const old = new Map(before?.entries.map(({ key, cells }) => [key, cells]));
  const shown: ShownEntry[] = now.entries.map(({ key, cells }) => {
    const was = old.get(key);
    old.delete(key);
    if (!before) return { key, change: 'same', cells: plain(cells) };
    if (!was) return { key, change: 'new', cells: plain(cells) };
    const compared = cells.map((text, i) => (was[i] === text ? { text } : { text, was: was[i] }));
    const isSame = compared.every((cell) => !('was' in cell));
    return { key, change: isSame ? 'same' : 'changed', cells: compared };
  });
  // Beyond what is shown nobody knows whether it went.
  if (now.more > 0 || (before?.more ?? 0) > 0) return shown;
  const gone = [...old].map(([key, cells]) => ({
    key,
    change: 'gone' as const,
    cells: plain(cells),
  }));
  return [...shown, ...gone];
}

/** Indices at which two byte strings differ; all where there was none. */
export function byteChanges(now: Uint8Array, before: Uint8Array | undefined): Set<number> {
  const changed = new Set<number>();
  for (let i = 0; i < now.length; i++) if (now[i] !== before?.[i]) changed.add(i);
  return changed;
}
