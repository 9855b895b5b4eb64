import {
  type KernelProfile,
  type KernelVersion,
  loadTargetKernel,
  withSchedExt,
} from '../abi/index.ts';
import type { CommandCall } from './command.ts';

/** The kernel of `--kernel` (6.12) with what `--with` names; `implied`: with sched_ext anyway. */
export async function kernelOf(call: CommandCall, implied = false): Promise<KernelProfile> {
  const kernel = await loadTargetKernel((call.text('kernel') ?? '6.12') as KernelVersion);
  const wanted = implied || call.text('with') === 'sched_ext';
  return wanted ? withSchedExt(kernel) : kernel;
}
