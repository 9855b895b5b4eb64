import { defineMessages } from './message.ts';

/** Words of the passes that rewrite a program that the walk accepted. */
export const finish = defineMessages('finish', {
  arena_sign_extension: () => 'sign extending loads from arena are not supported yet',
  kfunc_missing: () => 'invalid kernel function call not eliminated in verifier pass',
  tail_call_maps: () => 'tail_call abusing map_ptr',
});
