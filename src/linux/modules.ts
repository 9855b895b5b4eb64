/** Modules of the running kernel whose functions and variables programs use. */
import { KernelError } from '../base/index.ts';
import { BPF_PSEUDO_BTF_ID, INSN_SIZE, LD_IMM64 } from '../isa/index.ts';
import { btfName, closeFd, type System } from './system.ts';

/**
 * fd_array: file descriptors of the modules' BTF from place 1 on. Loads of variables in `insns`,
 * which name a module by its place, get the file descriptor itself. Throws KernelError ENOENT.
 */
export function moduleFds(
  system: System,
  names: readonly string[],
  insns: Uint8Array = new Uint8Array(0),
): Uint8Array {
  const fds = Int32Array.from([0, ...names.map((name) => moduleFd(system, name))]);
  const view = new DataView(insns.buffer, insns.byteOffset, insns.byteLength);
  for (let at = 0; at < insns.length; at += INSN_SIZE) {
    if (insns[at] !== LD_IMM64) continue;
    at += INSN_SIZE;
    if (insns[at - INSN_SIZE + 1]! >> 4 !== BPF_PSEUDO_BTF_ID) continue;
    view.setInt32(at + 4, fds[view.getInt32(at + 4, true)]!, true);
  }
  return new Uint8Array(fds.buffer);
}

function moduleFd(system: System, name: string): number {
  const { bpf } = system;
  const next = { startId: 0, nextId: 0 };
  while (bpf.btfGetNextId(next) === 0) {
    next.startId = next.nextId;
    const fd = bpf.btfGetFdById({ btfId: next.nextId });
    if (fd < 0) continue;
    if (btfName(system, fd) === name) return fd;
    closeFd(system, fd);
  }
  throw new KernelError('ENOENT', 2, `the module ${name} has no types in this kernel`);
}
