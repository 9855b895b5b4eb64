/** Kernels whose rules programs are verified by, loaded once. */
import { type KernelProfile, type KernelVersion, loadTargetKernel } from 'beeyard';

/** Those whose rules are known, newest first. */
export const EXACT: readonly KernelVersion[] = ['6.12', '6.1'];

const loaded = new Map<KernelVersion, Promise<KernelProfile>>();

/** Throws if the rules of that version are not known. */
export async function kernelNamed(version: string): Promise<KernelProfile> {
  const known = EXACT.find((one) => one === version);
  if (!known)
    throw new Error(`the rules of Linux ${version} are not known here: ${EXACT.join(', ')}`);
  let kernel = loaded.get(known);
  if (!kernel) {
    kernel = loadTargetKernel(known);
    loaded.set(known, kernel);
  }
  return kernel;
}
