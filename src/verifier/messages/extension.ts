import { defineMessages } from './message.ts';

/** What Linux 6.12 does not say when a program is loaded: rules that must be asked for. */
export const extension = defineMessages('extension', {
  /** 6.12 finds it when the call runs. `where`: 'sched_ext_ops.enqueue', or what runs later. */
  kfunc_not_allowed: (name: string, where: string, wanted: string, mask: string) =>
    `calling kernel function ${name} is not allowed in ${where}: it wants ${wanted}, not ${mask} ` +
    `(beeyard extension: strict-ops)`,
  kfunc_not_portable: (name: string) =>
    `calling kernel function ${name} is not allowed: Linux has no words for what it wants of its ` +
    `arguments (beeyard extension)`,
});
