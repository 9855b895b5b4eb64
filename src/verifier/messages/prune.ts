import { defineMessages } from './message.ts';

/** Words of pruning. */
export const prune = defineMessages('prune', {
  /** Below level 2 the kernel prints an empty line here. */
  propagating: (frame: number, names: readonly string[]) =>
    names.length === 0 ? '' : `frame ${frame}: propagating ${names.join(',')}`,
  infinite_loop: (insn: number) => `infinite loop detected at insn ${insn}`,
  current_state: () => 'cur state:',
  old_state: () => 'old state:',
});
