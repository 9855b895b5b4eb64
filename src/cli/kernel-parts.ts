import {
  type KernelProfile,
  type KernelVersion,
  loadTargetKernel,
  withSchedExt,
} from '../abi/index.ts';
import type { CommandCall } from './command.ts';

/** The kernel that `--kernel` names (6.12) with the features that `--with` names; `implied`: with sched_ext in any case. */
export async function kernelOf(call: CommandCall, implied = false): Promise<KernelProfile> {
  const kernel = await loadTargetKernel((call.text('kernel') ?? '6.12') as KernelVersion);
  const wanted = implied || call.text('with') === 'sched_ext';
  return wanted ? withSchedExt(kernel) : kernel;
}
