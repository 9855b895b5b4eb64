/** Virtual machines as data: vmtest.toml, QEMU's command line, what the machine starts from. */
export {
  checkMemory,
  parseVmConfig,
  VM_DEFAULTS,
  type VmConfig,
  VmConfigError,
  type VmTarget,
} from './config.ts';
export { modulePatterns, neededModules, newestImage } from './drivers.ts';
export { initramfs } from './initramfs.ts';
export { encodeJob, type Job, type Share } from './job.ts';
export { type Accelerator, QEMU_FD, qemuArguments, type QemuSettings } from './qemu.ts';
