/** Programs of type cgroup_sysctl: they see and change what is read and written below /proc/sys. */
import { constants, errnos, structs, fieldOffsets } from '../../abi/index.ts';
import type { SysctlCalls } from '../../runtime/types.ts';
import type { Machine } from '../machine.ts';
import { throwRetval } from './retval.ts';
import { sysctlPath } from './sysctls.ts';

const HOOK = constants.BPF_CGROUP_SYSCTL;
const EINVAL = -errnos['EINVAL']!;
const E2BIG = -errnos['E2BIG']!;
const PAGE = 4096;
const FILE_POS = fieldOffsets('bpf_sysctl')['file_pos']!;

/** What programs see of one read or write. */
interface Access {
  readonly path: string;
  readonly current: Uint8Array;
  /** Undefined: it is a read. Empty: nothing to be written. */
  next: Uint8Array | undefined;
}

const encode = (text: string): Uint8Array => new TextEncoder().encode(text);
const decode = (bytes: Uint8Array): string => new TextDecoder('latin1').decode(bytes);

/** Files below /proc/sys as tasks of cgroups read and write them (proc_sys_call_handler). */
export class SysctlFiles implements SysctlCalls {
  readonly #machine: Machine;
  /** By the context of the programs that run. */
  readonly #running = new Map<number, Access>();

  constructor(machine: Machine) {
    this.#machine = machine;
    machine.runtime.host.sysctl = this;
  }

  /** The text that read(2) gives. Throws KernelError: ENOENT, what programs say. */
  read(name: string): string {
    const path = sysctlPath(name);
    const text = this.#machine.sysctls.read(path);
    const { position } = this.#ask({ path, current: encode(text), next: undefined });
    return position === 0 ? this.#machine.sysctls.read(path) : '';
  }

  /** write(2). Throws KernelError: ENOENT, EINVAL, what programs say. */
  write(name: string, text: string): void {
    const path = sysctlPath(name);
    const { sysctls } = this.#machine;
    const access: Access = { path, current: encode(sysctls.read(path)), next: encode(text) };
    const { position, value } = this.#ask(access);
    // kernel.sysctl_writes_strict is 1: what is written behind the beginning is ignored.
    if (position === 0) sysctls.write(path, value ?? text);
  }

  /** Runs the programs: where the file stands after them, and what they want written instead. */
  #ask(access: Access): { readonly position: number; readonly value?: string } {
    const { cgroups, runtime } = this.#machine;
    const { current: cgroup } = cgroups;
    const none = !cgroups.enabled(HOOK) || cgroup.effective(HOOK).length === 0;
    if (none) return { position: 0 };
    const given = access.next;
    const context = runtime.allocate(structs['bpf_sysctl']!.size, 8);
    runtime.u32().set([given ? 1 : 0, 0], context >>> 2);
    this.#running.set(context, access);
    try {
      const { retval } = cgroup.runPrograms(HOOK, context);
      throwRetval(retval, access.path);
      const position = runtime.view().getUint32(context + FILE_POS, true);
      return access.next === given ? { position } : { position, value: decode(access.next!) };
    } finally {
      this.#running.delete(context);
      runtime.release(context);
    }
  }

  // ---- What programs call -----------------------------------------------------------------------

  /** bpf_sysctl_get_name */
  name(context: number, at: number, size: number, flags: bigint): number {
    const { path } = this.#running.get(context)!;
    const base = (flags & BigInt(constants.BPF_F_SYSCTL_BASE_NAME)) !== 0n;
    const name = encode(base ? path.slice(path.lastIndexOf('/') + 1) : path);
    if (size === 0) return E2BIG;
    const fits = name.length < size;
    const { runtime } = this.#machine;
    const shown = name.subarray(0, size - 1);
    runtime.u8().set(shown, at);
    runtime.u8()[at + shown.length] = 0;
    return fits ? name.length : E2BIG;
  }

  /** bpf_sysctl_get_current_value */
  current(context: number, at: number, size: number): number {
    return this.#copy(this.#running.get(context)!.current, at, size);
  }

  /** bpf_sysctl_get_new_value */
  next(context: number, at: number, size: number): number {
    const { next } = this.#running.get(context)!;
    return this.#copy(next?.subarray(0, PAGE) ?? new Uint8Array(0), at, size);
  }

  /** bpf_sysctl_set_new_value */
  setNext(context: number, at: number, size: number): number {
    const access = this.#running.get(context)!;
    if (!access.next?.length || size === 0) return EINVAL;
    if (size > PAGE - 1) return E2BIG;
    access.next = this.#machine.runtime.u8().slice(at, at + size);
    return 0;
  }

  /** copy_sysctl_value */
  #copy(value: Uint8Array, at: number, size: number): number {
    if (size === 0) return value.length === 0 ? EINVAL : E2BIG;
    const room = this.#machine.runtime.u8().subarray(at, at + size);
    room.fill(0);
    if (value.length === 0) return EINVAL;
    room.set(value.subarray(0, size));
    if (size > value.length) return value.length;
    room[size - 1] = 0;
    return E2BIG;
  }
}
