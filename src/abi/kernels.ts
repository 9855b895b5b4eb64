/** The kernels that come with this package. */
import { type Btf, openBtf } from '../btf/index.ts';
import { loadKernelProfile } from './profile.ts';
import { kernelOptions, type TargetKernel } from './target-kernel.ts';
import { textUnpacker, unpacker } from './unpack.ts';

/** Kernels whose types come with this package. */
export const KERNEL_VERSIONS = ['6.12', '6.1'] as const;
export type KernelVersion = (typeof KERNEL_VERSIONS)[number];

/**
 * The types and the configuration of a Debian kernel that come with this package: 6.12 (with those
 * modules that bring kernel functions) or 6.1. Only the one asked for is loaded. The verifier knows
 * the rules of 6.12 alone.
 *
 * @example
 * const old = await loadTargetKernel('6.1');
 * coreDecisions(object, program, old);
 */
export async function loadTargetKernel(version: KernelVersion): Promise<TargetKernel> {
  if (version === '6.12') return loadKernelProfile();
  const [{ vmlinuxBtf, kconfigTxt }, { release, versionCode }] = await Promise.all([
    import('./generated/6.1/embedded.ts'),
    import('./generated/6.1/release.ts'),
  ]);
  const [bytes, kconfig] = await Promise.all([unpacker(vmlinuxBtf), textUnpacker(kconfigTxt)]);
  let btf: Btf | undefined;
  return {
    release,
    versionCode,
    btf: () => (btf ??= openBtf(bytes())),
    modules: [],
    kconfig: kernelOptions(kconfig),
  };
}
