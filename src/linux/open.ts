/** Looks whether this computer's kernel can be used, before anything is asked of it. */
import { readFileSync } from 'node:fs';
import { arch, env, platform } from 'node:process';
import { errnos } from '../abi/index.ts';
import { KernelError } from '../base/index.ts';
import { openLibc, platformRefusal } from './libc.ts';
import { runningKernel } from './profile.ts';
import { linuxBpf } from './syscall.ts';
import { cpusThatAre, type System } from './system.ts';

const CAP_SYS_ADMIN = 21n;
const CAP_BPF = 39n;

/** What is known of a process and its computer before the first system call. */
export interface Circumstances {
  readonly platform: string;
  readonly arch: string;
  /** The environment variable BEEYARD_LINUX. */
  readonly setting: string | undefined;
  /** /proc/self/status */
  readonly status: string;
}

/**
 * Why the kernel is not to be used, in words, or undefined. Nothing is asked of it: this is what
 * stands before the first bpf(2).
 */
export function linuxRefusal(given: Circumstances): { code: string; text: string } | undefined {
  const text = platformRefusal(given.platform, given.arch);
  if (text) return { code: 'EOPNOTSUPP', text };
  if (given.setting === 'off') {
    return { code: 'EOPNOTSUPP', text: "BEEYARD_LINUX=off: this computer's kernel is left alone" };
  }
  const effective = BigInt(`0x${/^CapEff:\s*([0-9a-f]+)/m.exec(given.status)?.[1] ?? 'ff'}`);
  const may = [CAP_BPF, CAP_SYS_ADMIN].some((bit) => (effective >> bit) & 1n);
  if (may) return undefined;
  const how = "run it as root, or in a machine of its own: 'beeyard vm -k 6.12 -- COMMAND'";
  return { code: 'EPERM', text: `CAP_BPF is missing: ${how}` };
}

/** Throws KernelError: see `openLinux`. */
export async function openSystem(): Promise<System> {
  const status = platform === 'linux' ? readFileSync('/proc/self/status', 'latin1') : '';
  const refused = linuxRefusal({ platform, arch, setting: env['BEEYARD_LINUX'], status });
  if (refused) throw new KernelError(refused.code, errnos[refused.code]!, refused.text);
  const libc = await openLibc();
  return {
    libc,
    bpf: linuxBpf(libc),
    profile: await runningKernel(),
    cpus: cpusThatAre('possible').length,
    online: cpusThatAre('online'),
  };
}
