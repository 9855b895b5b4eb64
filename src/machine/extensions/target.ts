import type { Btf } from '../../btf/index.ts';
import { refuse } from '../errno.ts';
import type { MachineProgram } from '../program.ts';

/** A function of a program. */
export interface Target {
  readonly program: MachineProgram;
  readonly btfId: number;
  readonly name: string;
  /** Its first instruction. */
  readonly start: number;
}

/** By its BTF id or its name. Throws KernelError EINVAL. */
export function functionOf(program: MachineProgram, wanted: number | string): Target {
  const { spec, code } = program.parts;
  const types = typesOf(program);
  const name = typeof wanted === 'string' ? wanted : nameAt(types, wanted);
  const found = code.image.functions.find((one) => one.name === name);
  if (!found) refuse('EINVAL', `program '${spec.name}' has no function '${name}'`);
  const btfId = typeof wanted === 'number' ? wanted : (types?.find('func', name) ?? 0);
  return { program, btfId, name, start: found.start };
}

/** A program's own types, verified or not. */
export const typesOf = ({ parts }: MachineProgram): Btf | undefined =>
  parts.input?.btf ?? parts.btf?.btf;

function nameAt(btf: Btf | undefined, id: number): string {
  if (!btf || id <= 0 || id >= btf.count) refuse('EINVAL', `there is no type ${id}`);
  return btf.type(id).name;
}
