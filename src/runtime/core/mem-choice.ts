/** Who decides whether a grace period that may end does: nobody, a stream, or a tape of choices. */
import { GLOBALS } from '../layout';
import {
  CHOICE_LABELS,
  CHOICE_RANDOM,
  CHOICE_TAPE,
  G_MEM_CHOICE,
  G_MEM_EPOCH,
  G_MEM_LABELS,
  G_MEM_RANDOM,
  G_MEM_TAPE,
  G_MEM_TAPE_AT,
  G_MEM_TAPE_LENGTH,
  LABEL_SHIFT,
} from '../mem-layout';
import { random_next } from './instance';

/**
 * The next choice, about the end of a grace period of a kind. A tape that has come to its end says
 * no, and counts on.
 */
export function memChoose(kind: u32, inside: u32): bool {
  const mode = load<u32>(GLOBALS, G_MEM_CHOICE);
  if (mode == CHOICE_RANDOM) return (random_next(GLOBALS + G_MEM_RANDOM) & 1) != 0;
  if (mode != CHOICE_TAPE) return false;
  const at = load<u32>(GLOBALS, G_MEM_TAPE_AT);
  store<u32>(GLOBALS, at + 1, G_MEM_TAPE_AT);
  if (at < <u32>CHOICE_LABELS) {
    const label = (load<u32>(GLOBALS, G_MEM_EPOCH) << LABEL_SHIFT) | kind | inside;
    store<u32>(load<u32>(GLOBALS, G_MEM_LABELS) + (at << 2), label);
  }
  if (at >= load<u32>(GLOBALS, G_MEM_TAPE_LENGTH)) return false;
  return load<u8>(load<u32>(GLOBALS, G_MEM_TAPE) + at) != 0;
}

/**
 * A grace period of a kind (GP_*) may end, or a program begin on another CPU: whether it does.
 * `inside`: LABEL_INSIDE while a program is at a call, else 0.
 */
export function mem_choose(kind: u32, inside: u32): u32 {
  return memChoose(kind, inside) ? 1 : 0;
}
