/**
 * The kernel this process runs on, through bpf(2): what `createMachine` gives of a simulated one.
 *
 * ```ts
 * import { openLinux } from 'beeyard/linux';
 *
 * using host = await openLinux();
 * const { programs, maps } = await host.load('firewall.bpf.o', { globals: { limit: 10n } });
 * using link = programs.firewall.attach({ device: 'eth0' });
 * for (const [address, { packets }] of maps.seen) console.info(address, packets);
 * ```
 * Needs Linux on x86-64 with BTF, CAP_BPF (and CAP_NET_ADMIN, CAP_PERFMON for what they stand for),
 * and the package koffi.
 */
import { Host } from '../client/index.ts';
import { devices } from './devices.ts';
import { type KernelOptions, LinuxKernel } from './kernel.ts';
import { openSystem } from './open.ts';

export { linuxRefusal } from './open.ts';
export { attachesItself, XDP_MODES } from './attach.ts';
export { cgroupFolder, cgroupsBelow, existingCgroup } from './cgroup.ts';
export { deviceNames, ifindexOf } from './devices.ts';
export { LinuxKernel } from './kernel.ts';
export { idsOf, infoById, type ObjectKind, openById, typesOf } from './ids.ts';
export { LinuxLink, readIterator } from './link.ts';
export { LinuxMap, specOf } from './map.ts';
export { type DeviceXdp, setXdp, xdpOfDevices } from './netlink.ts';
export { LinuxProgram } from './program.ts';
export {
  type Attached,
  type AttachedPlace,
  type AttachedPrograms,
  queryIfThere,
  queryPrograms,
} from './query.ts';
export { type LoadedCode, loadedCode } from './xlated.ts';
export { btfName, closeFd, Info, infoPart, infoText, type System } from './system.ts';

export type LinuxOptions = KernelOptions;

/**
 * Opens this computer's kernel. Objects that are loaded leave with the host, or with this process;
 * links and maps that are pinned stay. Throws KernelError with what is missing: EOPNOTSUPP (no
 * Linux, no x86-64, no koffi, `BEEYARD_LINUX=off`), EPERM (no CAP_BPF), ENOTSUPP (no BTF).
 */
export async function openLinux(options: LinuxOptions = {}): Promise<Host> {
  const system = await openSystem();
  return new Host(new LinuxKernel(system, options), devices());
}
