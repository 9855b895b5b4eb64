/** Programs at hooks of namespaces: attach, detach, query (kernel/bpf/net_namespace.c). */
import type { ProgAttachAttr, ProgQueryAttr } from '../../kernel/index.ts';
import { refuse } from '../errno.ts';
import type { NamespaceHook } from '../subsystem.ts';
import type { Process } from './process.ts';

/** The hook of namespaces with this attach type, if there is one. */
export function namespaceHook({ machine }: Process, attachType: number): NamespaceHook | undefined {
  for (const subsystem of machine.settings.subsystems) {
    const hook = subsystem.namespaceHook?.(attachType);
    if (hook) return hook;
  }
  return undefined;
}

/** Name of the namespace a descriptor stands for. Throws KernelError EBADF, EINVAL. */
export const namespaceOf = (process: Process, fd: number): string => process.get(fd, 'netns').name;

/** BPF_PROG_ATTACH in the namespace of the process. */
export function attachInNamespace(
  process: Process,
  hook: NamespaceHook,
  attr: ProgAttachAttr,
): number {
  const { targetFd = 0, attachFlags = 0, replaceBpfFd = 0, attachBpfFd = 0 } = attr;
  if (targetFd !== 0 || attachFlags !== 0 || replaceBpfFd !== 0) refuse('EINVAL');
  hook.attach(process.get(attachBpfFd, 'prog'), process.namespace);
  return 0;
}

/** BPF_PROG_DETACH; `type`: what the program must be of. */
export function detachInNamespace(
  process: Process,
  hook: NamespaceHook,
  { targetFd = 0, attachBpfFd = 0 }: ProgAttachAttr,
  type: number,
): number {
  if (targetFd !== 0) refuse('EINVAL', 'target_fd');
  const program = process.get(attachBpfFd, 'prog');
  if (program.typeId !== type) refuse('EINVAL', 'the program is of another type');
  hook.detach(program, process.namespace);
  return 0;
}

/** BPF_PROG_QUERY: the programs in the namespace of target_fd. */
export function programsInNamespace(
  process: Process,
  hook: NamespaceHook,
  { queryFlags = 0, targetFd = 0 }: ProgQueryAttr,
) {
  if (queryFlags !== 0) refuse('EINVAL', 'query_flags');
  return hook.programs(namespaceOf(process, targetFd));
}
