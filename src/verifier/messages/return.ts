import { defineMessages } from './message.ts';

/** Words about what a program returns. */
export const returns = defineMessages('return', {
  leaks_address: (regno: number) => `R${regno} leaks addr as return value`,
  subprog_not_scalar: (regno: number, type: string) =>
    `At subprogram exit the register R${regno} is not a scalar value (${type})`,
  not_known: (place: string, regno: number, type: string) =>
    `${place} the register R${regno} is not a known value (${type})`,
  out_of_range: (place: string, register: string, found: string, min: number, max: number) =>
    `${place} the register ${register} has${found} should have been in [${min}, ${max}]`,
  older_not_known: (place: string, regno: number, type: string) =>
    `${place} the register R${regno} is not a known value (${type})`,
  older_out_of_range: (place: string, register: string, found: string, range: string) =>
    `At ${place} the register ${register} ${found} should have been in ${range}`,
  void_hook: () => "Note, BPF_LSM_CGROUP that attach to void LSM hooks can't modify return value!",
});
