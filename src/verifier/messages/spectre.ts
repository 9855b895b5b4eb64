import { defineMessages } from './message.ts';

const PROHIBITED = 'pointer arithmetic with it prohibited for !root';

/** Unprivileged pointer arithmetic. */
export const spectre = defineMessages('spectre', {
  mixed_bounds: (reg: number) =>
    `R${reg} has unknown scalar with mixed signed bounds, ${PROHIBITED}`,
  unsupported: (reg: number) => `R${reg} has pointer with unsupported alu operation, ${PROHIBITED}`,
  paths: (reg: number, operator: string) =>
    `R${reg} tried to ${operator} from different maps, paths or scalars, ${PROHIBITED}`,
  beyond: (reg: number, operator: string) =>
    `R${reg} tried to ${operator} beyond pointer bounds, ${PROHIBITED}`,
  not_pushed: (reg: number) =>
    `R${reg} could not be pushed for speculative verification, ${PROHIBITED}`,
  stack_variable: (reg: number, variable: string, off: number) =>
    `R${reg} variable stack access prohibited for !root, var_off=${variable} off=${off}`,
  stack_out_of_range: (reg: number, off: number) =>
    `R${reg} stack pointer arithmetic goes out of range, prohibited for !root; off=${off}`,
  map_out_of_range: (reg: number) =>
    `R${reg} pointer arithmetic of map value goes out of range, prohibited for !root`,
});
