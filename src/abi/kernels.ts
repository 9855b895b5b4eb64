/** The kernels that come with this package. */
import { type KernelProfile, loadKernelProfile, openKernelProfile } from './profile.ts';
import { textUnpacker, unpacker } from './unpack.ts';

/** Kernels whose types come with this package. */
export const KERNEL_VERSIONS = ['6.12', '6.1'] as const;
export type KernelVersion = (typeof KERNEL_VERSIONS)[number];

/**
 * A Debian kernel that comes with this package: 6.12 (with those modules that bring kernel
 * functions) or 6.1. Only the one asked for is loaded.
 *
 * @example
 * const old = await loadTargetKernel('6.1');
 * verify(verifierInput(object, program, old), old);
 */
export async function loadTargetKernel(version: KernelVersion): Promise<KernelProfile> {
  if (version === '6.12') return loadKernelProfile();
  const [{ vmlinuxBtf, kconfigTxt }, release, { olderTables: older }] = await Promise.all([
    import('./generated/6.1/embedded.ts'),
    import('./generated/6.1/release.ts'),
    import('./generated/6.1/tables.ts'),
  ]);
  const [btf, kconfig] = await Promise.all([unpacker(vmlinuxBtf), textUnpacker(kconfigTxt)]);
  return openKernelProfile({ btf, kconfig }, { ...release, older });
}
