/** Who knows what may help against which rejection. */
import { PTR_TO_MAP_VALUE } from '../../state/layout.ts';
import { byteAccesses } from './alignment.ts';
import { rcuSections, rightArguments } from './arguments.ts';
import { indexLimits, lengths, offsetLimits } from './bounds.ts';
import { gplLicence, kfuncRemovals, otherHelpers, sleepable } from './calls.ts';
import type { Maker } from './candidate.ts';
import { argument, type Failure, said } from './failure.ts';
import { callRemovals, deadCode, largerValues, leavesOut, missingReturns } from './leave-out.ts';
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
import { releases } from './release.ts';
import { returnRanges, returnValues, unsetRegisters } from './returns.ts';
import { sectionEnds } from './sections.ts';
import { registerIn } from './snapshot.ts';
import { stackInits } from './stack-init.ts';
import { staticFunctions } from './static-function.ts';

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

/** The access lies behind the value at a constant offset: the value is too short. */
const shortValues: Maker = (failure) => {
  const bounds = said(failure, 'mem.value_bounds');
  const pointer = failure.state && registerIn(failure.state, first(failure));
  if (!bounds || pointer?.base !== PTR_TO_MAP_VALUE || !pointer.isConstant) return [];
  const [, off, size] = bounds.args.map(Number) as [number, number, number];
  return off < 0 ? [] : largerValues(failure, pointer.detail - 1, off + size);
};

const THE_ACCESS = 'the access: this program has no such field, or not in this way';
const THE_ARITHMETIC = 'this operation on the pointer';

/** By the code of the kernel's message: who knows what may help, the likeliest first. */
export const MAKERS: Readonly<Record<string, readonly Maker[]>> = {
  'mem.invalid_access': [invalidAccess],
  'alu.pointer_maybe_null': [nullCheckOf(first)],
  'call.possibly_null': [nullCheckOf(first)],
  'call.reg_type': [nullCheckOf(first), rightArguments, numberAsPointer],
  'mem.helper_pointer': [nullCheckOf(first), numberAsPointer],
  'kfunc.possibly_null': [nullCheckOf(argumentBehind)],
  'subprog.expects_nonnull': [nullCheckOf(argumentBehind)],
  'packet.outside': [packetChecks],
  'mem.max_outside': [indexLimits],
  'mem.min_outside': [indexLimits, shortValues],
  'mem.min_negative': [indexLimits],
  'mem.unbounded': [indexLimits],
  'stack.variable_out_of_bounds': [indexLimits],
  'stack.unbounded': [indexLimits],
  'stack.out_of_bounds': [indexLimits],
  'alu.offset_unbounded': [offsetLimits],
  'alu.offset_out_of_bounds': [offsetLimits],
  'mem.size_negative': [lengths],
  'mem.size_zero': [lengths, leavesOut('the call: it is asked for 0 bytes')],
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
  'lock.different': [sectionEnds, callRemovals],
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
  'kfunc.not_rcu': [rcuSections],
  'kfunc.not_trusted': [rcuSections],
  'subprog.invalid_args': [staticFunctions],
  'call.sleeps_in_rcu': [otherHelpers],
  'call.sleeps_in_preempt': [otherHelpers],
  'region.sleeps_in_rcu': [kfuncRemovals],
  'region.sleeps_in_preempt': [kfuncRemovals],
  'dynptr.initialized': [leavesOut('the call: there is no dynptr here')],
  'mem.misaligned': [byteAccesses],
  'mem.misaligned_packet': [byteAccesses],
  'alu.pointer_type': [leavesOut(THE_ARITHMETIC)],
  'alu.pointer_and_pointer': [leavesOut(THE_ARITHMETIC)],
  'alu.offset_constant': [leavesOut(THE_ARITHMETIC)],
  'alu.offset_fixed': [leavesOut(THE_ARITHMETIC)],
  'mem.leaks_address': [leavesOut('the store of the address')],
  'flow.last_insn': [missingReturns],
  'flow.unreachable': [deadCode],
  'kfunc.not_allowed': [kfuncRemovals],
  'alu.pointer_32': [pointerArithmetic],
  'alu.partial_copy': [pointerArithmetic],
  'alu.pointer_bitwise': [pointerArithmetic],
  'alu.pointer_operator': [pointerArithmetic],
  'alu.div_by_zero': [divisions],
  'mem.modified_pointer': [unmovedPointers],
  'context.invalid_access': [contextSizes, leavesOut(THE_ACCESS)],
  'btf_access.beyond_struct': [
    (failure) => probeReads(failure, failure.code.src[failure.insn] ?? 10),
  ],
  'prune.infinite_loop': [loopLimits],
  'flow.too_large': [loopLimits],
  'flow.jumps_too_complex': [loopLimits],
};
