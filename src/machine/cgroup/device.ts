/** Access to devices: programs of type cgroup_device (__cgroup_bpf_check_dev_permission). */
import { constants, structs } from '../../abi/index.ts';
import type { DeviceAccess } from '../../kernel/index.ts';
import type { Runtime } from '../../runtime/index.ts';
import type { ArrayResult } from './run.ts';

const c = constants;
const KIND = { block: c.BPF_DEVCG_DEV_BLOCK, char: c.BPF_DEVCG_DEV_CHAR } as const;
const WANTS = {
  mknod: c.BPF_DEVCG_ACC_MKNOD,
  read: c.BPF_DEVCG_ACC_READ,
  write: c.BPF_DEVCG_ACC_WRITE,
} as const;

/** What programs say of an access, whose context `run` gets: 0 or a negative errno. */
export function deviceAccess(
  runtime: Runtime,
  { kind, major, minor, wants }: DeviceAccess,
  run: (attachType: number, context: number) => ArrayResult,
): number {
  const context = runtime.allocate(structs['bpf_cgroup_dev_ctx']!.size, 16);
  try {
    const access = wants.reduce((all, one) => all | WANTS[one], 0);
    runtime.u32().set([(access << 16) | KIND[kind], major, minor], context >>> 2);
    return run(c.BPF_CGROUP_DEVICE, context).retval;
  } finally {
    runtime.release(context);
  }
}
