/** The 512 bytes of a frame's stack as a strip of 64 slots, deepest first. */
import type { ProofState } from './states.ts';

const SLOTS = 64;

export type SlotKind = 'empty' | 'data' | 'zero' | 'spill' | 'object';

export interface StackSlot {
  /** -8, -16 … from the frame pointer. */
  readonly offset: number;
  readonly kind: SlotKind;
  /** In the log's words. */
  readonly text: string;
}

const KINDS: Readonly<Record<string, SlotKind>> = {
  m: 'data',
  0: 'zero',
  d: 'object',
  i: 'object',
};

/** What the verifier knows of each slot. */
export function stackSlots({ stack }: Pick<ProofState, 'stack'>): StackSlot[] {
  const known = new Map(stack.map(({ name, value }) => [Number(name.slice(2)), value]));
  return Array.from({ length: SLOTS }, (_, i) => {
    const offset = (i - SLOTS) * 8;
    const text = known.get(offset);
    return { offset, text: text ?? '', kind: text === undefined ? 'empty' : kindOf(text) };
  });
}

function kindOf(text: string): SlotKind {
  if (!/^[?mdi0fr]{8}$/.test(text)) return /^(dynptr|iter)/.test(text) ? 'object' : 'spill';
  const last = [...text].reverse().find((byte) => byte !== '?') ?? '?';
  return KINDS[last] ?? 'data';
}
