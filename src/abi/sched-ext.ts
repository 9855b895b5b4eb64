import type { ModuleData } from './modules.ts';
import { type KernelProfile, withModules } from './profile.ts';
import { unpacker } from './unpack.ts';

/**
 * The same kernel built with CONFIG_SCHED_CLASS_EXT, which Debian's 6.12 is not: sched_ext's table
 * of operations, its kernel functions and its masks, from the source of 6.12.117, as if they were
 * a module's. The `task_struct` stays Debian's: it has no member `scx`.
 */
export async function withSchedExt(kernel: KernelProfile): Promise<KernelProfile> {
  if (kernel.modules.some(({ name }) => name === 'sched_ext')) return kernel;
  const { schedExtBtf, schedExtFacts } = await import('./generated/6.12/sched-ext.ts');
  const data: ModuleData = { ...schedExtFacts, btf: await unpacker(schedExtBtf) };
  return withModules(kernel, [data]);
}
