import { defineMessages } from './message.ts';

/** What calls of helpers and kfuncs say. */
export const callMessages = defineMessages('call', {
  unknown_func: (name: string, id: number) => `invalid func ${name}#${id}`,
});

export const kfuncMessages = defineMessages('kfunc', {
  not_supported: (insn: number) => `calling kernel functions is not supported yet: insn ${insn}`,
});
