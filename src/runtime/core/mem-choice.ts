/** Who decides whether a grace period that may end does: nobody, a stream, or a tape of choices. */
import { GLOBALS } from '../layout';
import {
  CHOICE_RANDOM,
  CHOICE_TAPE,
  G_MEM_CHOICE,
  G_MEM_RANDOM,
  G_MEM_TAPE,
  G_MEM_TAPE_AT,
  G_MEM_TAPE_LENGTH,
} from '../mem-layout';
import { random_next } from './instance';

/** The next choice. A tape that has come to its end says no, and counts on. */
export function memChoose(): bool {
  const mode = load<u32>(GLOBALS, G_MEM_CHOICE);
  if (mode == CHOICE_RANDOM) return (random_next(GLOBALS + G_MEM_RANDOM) & 1) != 0;
  if (mode != CHOICE_TAPE) return false;
  const at = load<u32>(GLOBALS, G_MEM_TAPE_AT);
  store<u32>(GLOBALS, at + 1, G_MEM_TAPE_AT);
  if (at >= load<u32>(GLOBALS, G_MEM_TAPE_LENGTH)) return false;
  return load<u8>(load<u32>(GLOBALS, G_MEM_TAPE) + at) != 0;
}

export function mem_choose(): u32 {
  return memChoose() ? 1 : 0;
}
