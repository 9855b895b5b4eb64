/** Who knows what may help against which rejection. */
import { indexLimits, lengths, offsetLimits } from './bounds.ts';
import { gplLicence, kfuncRemovals, otherHelpers, sleepable } from './calls.ts';
import type { Maker } from './candidate.ts';
import { argument, type Failure } from './failure.ts';
import { loopLimits } from './loops.ts';
import { nullChecks } from './null-check.ts';
import { packetChecks } from './packet-check.ts';
import {
  contextSizes,
  divisions,
  numberAsPointer,
  pointerArithmetic,
  probeReads,
  unmovedPointers,
} from './pointers.ts';
import { callRemovals, releases, sectionEnds } from './release.ts';
import { returnRanges, returnValues, unsetRegisters } from './returns.ts';
import { stackInits } from './stack-init.ts';

const nullCheckOf =
  (place: (failure: Failure) => number): Maker =>
  (failure, source) =>
    nullChecks(failure, source, place(failure));

const first = (failure: Failure) => argument(failure, 0);
const argumentBehind = (failure: Failure) => argument(failure, 0) + 1;

const invalidAccess: Maker = (failure, source) => [
  ...nullChecks(failure, source, first(failure)),
  ...(String(failure.reason.args[1]) === 'scalar' ? numberAsPointer(failure, source) : []),
];

/** By the code of the kernel's message: who knows what may help, the likeliest first. */
export const MAKERS: Readonly<Record<string, readonly Maker[]>> = {
  'mem.invalid_access': [invalidAccess],
  'alu.pointer_maybe_null': [nullCheckOf(first)],
  'call.possibly_null': [nullCheckOf(first)],
  'call.reg_type': [nullCheckOf(first), numberAsPointer],
  'mem.helper_pointer': [nullCheckOf(first), numberAsPointer],
  'kfunc.possibly_null': [nullCheckOf(argumentBehind)],
  'subprog.expects_nonnull': [nullCheckOf(argumentBehind)],
  'packet.outside': [packetChecks],
  'mem.max_outside': [indexLimits],
  'mem.min_outside': [indexLimits],
  'mem.min_negative': [indexLimits],
  'mem.unbounded': [indexLimits],
  'stack.variable_out_of_bounds': [indexLimits],
  'stack.unbounded': [indexLimits],
  'alu.offset_unbounded': [offsetLimits],
  'alu.offset_out_of_bounds': [offsetLimits],
  'mem.size_negative': [lengths],
  'mem.size_zero': [lengths],
  'mem.size_unbounded': [lengths],
  'stack.uninit_read': [stackInits],
  'stack.uninit_range': [stackInits],
  'stack.uninit_variable_range': [stackInits],
  'return.out_of_range': [returnRanges],
  'return.not_known': [returnValues],
  'return.leaks_address': [returnValues],
  'return.subprog_not_scalar': [returnValues],
  'flow.reg_not_readable': [unsetRegisters],
  'subprog.reference_leak': [releases],
  'flow.exit_under_lock': [sectionEnds],
  'flow.calls_under_lock': [sectionEnds],
  'subprog.global_with_lock': [sectionEnds],
  'flow.exit_under_rcu': [sectionEnds],
  'flow.exit_without_preemption': [sectionEnds],
  'lock.two': [sectionEnds, callRemovals],
  'lock.not_taken': [callRemovals],
  'lock.different': [callRemovals],
  'region.unmatched_rcu': [callRemovals],
  'region.unmatched_preempt': [callRemovals],
  'region.nested_rcu': [callRemovals],
  'reference.must_be_referenced': [callRemovals],
  'reference.not_acquired': [callRemovals],
  'reference.unacquired_dynptr': [callRemovals],
  'iter.uninitialized': [callRemovals],
  'call.wrong_program_type': [otherHelpers],
  'call.invalid_func': [otherHelpers],
  'call.gpl_only': [gplLicence],
  'kfunc.not_gpl': [gplLicence],
  'call.might_sleep': [sleepable, otherHelpers],
  'kfunc.sleepable': [sleepable, kfuncRemovals],
  'kfunc.not_allowed': [kfuncRemovals],
  'alu.pointer_32': [pointerArithmetic],
  'alu.partial_copy': [pointerArithmetic],
  'alu.pointer_bitwise': [pointerArithmetic],
  'alu.pointer_operator': [pointerArithmetic],
  'alu.div_by_zero': [divisions],
  'mem.modified_pointer': [unmovedPointers],
  'context.invalid_access': [contextSizes],
  'btf_access.beyond_struct': [
    (failure) => probeReads(failure, failure.code.src[failure.insn] ?? 10),
  ],
  'prune.infinite_loop': [loopLimits],
  'flow.too_large': [loopLimits],
  'flow.jumps_too_complex': [loopLimits],
};
