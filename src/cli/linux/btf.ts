/** BTF of a running kernel, its modules and what is loaded. */
import { KernelError } from '../../base/index.ts';
import { btfName, closeFd, idsOf, Info, type LinuxKernel, openById } from '../../linux/index.ts';
import { btfId, btfOutput } from '../btf-words.ts';
import type { Output } from '../machine-file.ts';
import { type Noun, openAll } from './choice.ts';

function show(kernel: LinuxKernel, words: string[]): Output {
  const wanted = btfId(words);
  const all = idsOf(kernel.system, 'btf');
  if (wanted !== undefined && !all.includes(wanted)) {
    throw new KernelError('ENOENT', 2, `there is no BTF with id ${wanted}`);
  }
  const [programs, maps] = [usersOf(kernel, 'prog'), usersOf(kernel, 'map')];
  const ids = wanted === undefined ? all : [wanted];
  return btfOutput(
    ids.map((id) => ({
      ...describe(kernel, id),
      prog_ids: programs.get(id) ?? [],
      map_ids: maps.get(id) ?? [],
    })),
  );
}

function describe({ system }: LinuxKernel, id: number) {
  const fd = openById(system, 'btf', id);
  try {
    const info = new Info(system, fd, 'btf');
    const name = btfName(system, fd);
    const kernel = info.number('kernel_btf') === 1;
    return { id, size: info.number('btf_size'), kernel, ...(name !== '' && { name }) };
  } finally {
    closeFd(system, fd);
  }
}

/** Ids of programs or maps by the id of their BTF. */
function usersOf(kernel: LinuxKernel, kind: 'prog' | 'map'): ReadonlyMap<number, number[]> {
  const users = new Map<number, number[]>();
  for (const fd of openAll(kernel, kind)) {
    const info = new Info(kernel.system, fd, kind);
    closeFd(kernel.system, fd);
    const btf = info.number('btf_id');
    users.set(btf, [...(users.get(btf) ?? []), info.number('id')]);
  }
  return users;
}

export const btfNouns: Readonly<Record<string, Noun>> = { 'btf show': show };
