/** The kernel this process runs on, as the rest of beeyard sees kernels. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { release, version } from 'node:os';
import { gunzipSync } from 'node:zlib';
import {
  KERNEL_VERSIONS,
  type KernelProfile,
  loadTargetKernel,
  type ModuleData,
  openKernelProfile,
} from '../abi/index.ts';
import { KernelError } from '../base/index.ts';

const TYPES = '/sys/kernel/btf';

/**
 * Its types and configuration. What this package knows of kernels (which map types there are, …) is
 * that of the nearest of those that come with it. Throws KernelError ENOTSUPP without BTF.
 */
export async function runningKernel(): Promise<KernelProfile> {
  const file = `${TYPES}/vmlinux`;
  if (!existsSync(file)) {
    throw new KernelError('ENOTSUPP', 524, `there is no ${file} (CONFIG_DEBUG_INFO_BTF)`);
  }
  const [major, minor, patch] = kernelVersion(version(), release());
  const near = await nearest(major, minor);
  return {
    ...near,
    ...openKernelProfile(
      { btf: () => readFileSync(file), kconfig: () => kconfigText() ?? '', modules: modules() },
      {
        version: `${major}.${minor}.${patch}`,
        release: release(),
        versionCode: (major << 16) | (minor << 8) | Math.min(patch, 255),
      },
    ),
    tables: near.tables,
    ...(kconfigText() === undefined && release() === near.release && { kconfig: near.kconfig }),
  };
}

/** libbpf's get_kernel_version: Debian and Ubuntu say their own number first. */
export function kernelVersion(version: string, release: string): [number, number, number] {
  const text =
    /Debian (\d+)\.(\d+)\.(\d+)/.exec(version) ?? /(\d+)\.(\d+)(?:\.(\d+))?/.exec(release);
  return [Number(text?.[1] ?? 0), Number(text?.[2] ?? 0), Number(text?.[3] ?? 0)];
}

async function nearest(major: number, minor: number): Promise<KernelProfile> {
  const [newest, ...older] = KERNEL_VERSIONS;
  const known = [newest, ...older].find((name) => {
    const [knownMajor, knownMinor] = name.split('.').map(Number) as [number, number];
    return major > knownMajor || (major === knownMajor && minor >= knownMinor);
  });
  return loadTargetKernel(known ?? older.at(-1)!);
}

/** `NAME=value` lines; undefined: the system does not tell. */
function kconfigText(): string | undefined {
  const plain = `/boot/config-${release()}`;
  const text = existsSync('/proc/config.gz')
    ? gunzipSync(readFileSync('/proc/config.gz')).toString()
    : existsSync(plain)
      ? readFileSync(plain, 'utf8')
      : undefined;
  return text?.replaceAll(/^CONFIG_/gm, '');
}

/** Modules that are loaded, in the order of their names. */
function modules(): ModuleData[] {
  return readdirSync(TYPES)
    .filter((name) => name !== 'vmlinux')
    .map((name) => ({
      name,
      btf: () => readFileSync(`${TYPES}/${name}`),
      kfuncs: {},
      destructors: {},
      structOps: {},
    }));
}
