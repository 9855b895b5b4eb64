import { programTypeFacts } from '../../abi/index.ts';
import { type Btf, memberKey, type TsTypes } from '../../btf/index.ts';
import type { ObjectFile } from '../types.ts';

/**
 * The structs a program may put out as records, by the name `drain` and `records` know them by. BTF
 * does not say which it are, so this is every named struct of the object that is not the kernel's:
 * no context of a program, nothing a CO-RE relocation asks for, no definition of a map.
 */
export function recordTypes(object: ObjectFile, types: TsTypes, name: string): string {
  const btf = object.btf!;
  const foreign = otherTypes(object);
  const lines = new Map<string, string>();
  for (const { id, kind, name: own } of btf.types) {
    const wanted = own !== '' && (kind === 'struct' || kind === 'typedef');
    if (!wanted || lines.has(own) || btf.resolved(id).kind !== 'struct') continue;
    if (foreign.has(own) || foreign.has(btf.resolved(id).name)) continue;
    // A struct is found before a typedef of its name.
    const found = btf.find('struct', own) ?? id;
    lines.set(own, `  ${memberKey(own)}: ${types.reference(found, 1)};\n`);
  }
  const about = '/** What records of ring buffers and perf event arrays can be read as. */';
  return `${about}\nexport interface ${name} {\n${[...lines.values()].join('')}}\n`;
}

function otherTypes({ programs, btf }: ObjectFile): Set<string> {
  const names = programTypeFacts.flatMap(({ struct }) => (struct ? [struct] : []));
  const maps = mapDefinitions(btf!);
  const relocated = programs.flatMap(({ coreRelocations }) => coreRelocations);
  return new Set([...names, ...maps, ...relocated.map(({ type }) => btf!.resolved(type).name)]);
}

/** Names of structs that define maps. */
function mapDefinitions(btf: Btf): string[] {
  const section = btf.type(btf.find('datasec', '.maps') ?? 0);
  const vars = section.kind === 'datasec' ? section.vars : [];
  return vars.flatMap(({ type: id }) => {
    const variable = btf.type(id);
    return variable.kind === 'var' ? [btf.resolved(variable.type).name] : [];
  });
}
