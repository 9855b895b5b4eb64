/** The command line of QEMU. */
import { type Share, shareTag } from './job.ts';

/** Files of the child process, by number: what QEMU reads and the sockets it talks through. */
export const QEMU_FD = { initramfs: 3, console: 4, output: 5, errors: 6, control: 7 } as const;

/** How the processor is made: by the host's, or emulated. */
export type Accelerator = 'kvm' | 'tcg';

/** A machine. */
export interface QemuSettings {
  readonly accelerator: Accelerator;
  readonly cpus: number;
  /** As -m takes it. */
  readonly memory: string;
  /** Path of the bzImage. */
  readonly kernel: string;
  /** Added to the kernel's command line. */
  readonly kernelArguments: string;
  /** The folder that the machine has as its root, read-only. */
  readonly rootfs: string;
  readonly shares: readonly Share[];
  /** More words. */
  readonly extraArguments: readonly string[];
}

/** no_timer_check: on a busy host an emulated timer is slower than the kernel believes possible. */
const KERNEL_WORDS =
  'no_timer_check mitigations=off console=ttyS0 quiet loglevel=3 panic=-1 rdinit=/init';
const MACHINE = '-machine q35 -nodefaults -no-user-config -display none -no-reboot';
const PORTS = ['output', 'errors', 'control'] as const;

/**
 * The words behind qemu-system-x86_64. One thread emulates all CPUs: with more, QEMU can run
 * instructions that another CPU has patched by half.
 */
export function qemuArguments(settings: QemuSettings): string[] {
  const { cpus, memory, kernel, kernelArguments } = settings;
  const shared = settings.shares.map(({ host, writable }, index) =>
    share(shareTag(index), host, writable),
  );
  return [
    MACHINE.split(' '),
    accelerators(settings.accelerator),
    ['-smp', String(cpus), '-m', memory],
    ['-chardev', `socket,id=console,fd=${QEMU_FD.console}`, '-serial', 'chardev:console'],
    ['-device', 'virtio-serial-pci'],
    ...PORTS.map((name, index) => port(name, index + 1)),
    share('root', settings.rootfs, false),
    ...shared,
    ['-kernel', kernel, '-initrd', `/proc/self/fd/${QEMU_FD.initramfs}`],
    ['-append', `${KERNEL_WORDS} ${kernelArguments}`.trim()],
    settings.extraArguments,
  ].flat();
}

/** A processor as the host's, or the best that can be emulated. */
const accelerators = (wanted: Accelerator): string[] =>
  wanted === 'kvm'
    ? ['-accel', 'kvm', '-cpu', 'host']
    : ['-accel', 'tcg,thread=single', '-cpu', 'max'];

const port = (name: (typeof PORTS)[number], number: number): string[] => [
  '-chardev',
  `socket,id=${name},fd=${QEMU_FD[name]}`,
  '-device',
  `virtserialport,chardev=${name},nr=${number}`,
];

/** A folder that the machine mounts by its tag. In QEMU's options a comma is written twice. */
function share(tag: string, path: string, writable: boolean): string[] {
  const folder = path.replaceAll(',', ',,');
  const mode = 'security_model=none,multidevs=remap';
  return [
    '-fsdev',
    `local,id=${tag},path=${folder},${mode}${writable ? '' : ',readonly=on'}`,
    '-device',
    `virtio-9p-pci,fsdev=${tag},mount_tag=${tag}`,
  ];
}
