import { KernelError } from '../../base/index.ts';
import type { Btf } from '../../btf/index.ts';
import type { KernelMap, KernelUserPages } from '../../kernel/index.ts';
import { LiveSource } from './memory.ts';
import { type LiveNode, makeNode } from './node.ts';
import type { ViewOptions } from './views.ts';

/** Where in the pages of a user the struct begins, in bytes. Default 0. */
export interface UserViewOptions extends ViewOptions {
  readonly offset?: number;
}

/** The struct that a value's `__uptr` points to, where its user has it. */
export function userView(
  map: KernelMap,
  btf: Btf | undefined,
  member: string,
  pages: KernelUserPages,
  { offset = 0, write = false }: UserViewOptions,
): LiveNode {
  const { name, valueTypeId } = map.spec;
  const typeId = btf && userType(btf, valueTypeId, member);
  if (!typeId) throw new KernelError('ENOENT', 2, `map '${name}' has no __uptr '${member}'`);
  const fits = offset >= 0 && offset + btf.sizeOf(typeId) <= pages.size;
  if (!fits) throw new KernelError('EFAULT', 14, `offset ${offset} is not in the user's pages`);
  return makeNode(new LiveSource(pages.place(), offset, write, { map: name }), btf, typeId, 0);
}

/** What a member (`a.b` for one of a member) points to, if it is a uptr. */
function userType(btf: Btf, valueTypeId: number, path: string): number | undefined {
  let typeId = valueTypeId;
  for (const name of path.split('.')) {
    const type = btf.resolved(typeId);
    const found = type.kind === 'struct' && type.members.find((one) => one.name === name);
    if (!found) return undefined;
    typeId = found.type;
  }
  const pointer = btf.resolved(typeId);
  const tag = pointer.kind === 'ptr' ? btf.type(pointer.type) : undefined;
  return tag?.kind === 'type_tag' && tag.name === 'uptr' ? tag.type : undefined;
}
