import { REF_CALLBACK, REF_ID, REF_WORDS, type FuncState } from './state.ts';

/** Index of reference `id` among those of `frame`, or -1. */
export function findReference(frame: FuncState, id: number): number {
  for (let i = 0; i < frame.refCount; i++) {
    if (frame.refs[i * REF_WORDS + REF_ID] === id) return i;
  }
  return -1;
}

/**
 * Forgets reference `id` of `frame`; false if it does not hold it, or holds it for a caller and may
 * not give it back in a callback (release_reference_state).
 */
export function releaseReferenceState(frame: FuncState, id: number): boolean {
  const index = findReference(frame, id);
  if (index < 0) return false;
  const owner = frame.refs[index * REF_WORDS + REF_CALLBACK]!;
  if (frame.inCallback && owner !== frame.frameno) return false;
  frame.removeRefAt(index);
  return true;
}
