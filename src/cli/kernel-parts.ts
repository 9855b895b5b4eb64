import {
  type KernelProfile,
  type KernelVersion,
  kfuncModule,
  loadTargetKernel,
  withLater,
  withModules,
  withSchedExt,
} from '../abi/index.ts';
import type { CommandCall } from './command.ts';
import type { CliIo } from './io.ts';
import { kfuncsOf } from './kfunc-file.ts';

/** The kernel of `kernelOf` and the functions of `--kfuncs FILE`. */
export async function kernelWithKfuncs(call: CommandCall, io: CliIo): Promise<KernelProfile> {
  const kernel = await kernelOf(call);
  const file = call.text('kfuncs');
  if (file === undefined) return kernel;
  const kfuncs = await kfuncsOf(file, io);
  return withModules(kernel, [kfuncModule(kernel.btf(), kfuncs)]);
}

/** The kernel of `--kernel` (6.12) with what `--with` names; `implied`: with sched_ext anyway. */
export async function kernelOf(call: CommandCall, implied = false): Promise<KernelProfile> {
  const kernel = await loadTargetKernel((call.text('kernel') ?? '6.12') as KernelVersion);
  const wanted = call.text('with');
  if (wanted === 'uptr') return withLater(kernel, ['uptrs']);
  return implied || wanted === 'sched_ext' ? withSchedExt(kernel) : kernel;
}
