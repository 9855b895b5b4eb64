/** Types as BPF_BTF_LOAD takes them from libbpf. */
import { load } from '../corpus/source.mjs';

const { BtfBuilder } = await load('src/btf/index.ts');

/**
 * `{ bytes, stringAt }` of a Btf; `moreStrings` are those of line info, which names them by offset.
 * What objects expect from the kernel is told as libbpf tells it: see `knownToKernel`.
 */
export function btfBytes(btf, moreStrings) {
  const builder = new BtfBuilder();
  for (const type of knownToKernel(btf)) builder.add(type);
  for (const text of moreStrings) builder.addString(text);
  return { bytes: Buffer.from(builder.toBytes()), stringAt: (text) => builder.addString(text) };
}

const PLACEHOLDER = 'dummy_ksym';

/**
 * All types but `void`, with what Linux does not take from a compiler put otherwise: in `.ksyms`
 * functions are a variable each and variables plain ints, one behind the other; nothing is extern.
 */
function knownToKernel(btf) {
  const types = btf.types.slice(1);
  const change = (type) => (types[type.id - 1] = type);
  const int = types.find(({ kind, size, bits }) => kind === 'int' && size === 4 && bits === 32)?.id;
  for (const type of btf.types) {
    if (type.kind !== 'datasec' || !['.ksyms', '.kconfig'].includes(type.name)) continue;
    if (type.name === '.kconfig') change(packed(btf, type, change));
    else change(symbols(btf, type, types, int));
  }
  return types;
}

function symbols(btf, section, types, int) {
  let placeholder = 0;
  const vars = section.vars.map(({ type: id }, index) => {
    const type = btf.type(id);
    if (type.kind === 'func') {
      if (!placeholder) {
        placeholder = types.length + 1;
        types.push({
          id: placeholder,
          kind: 'var',
          name: PLACEHOLDER,
          type: int,
          linkage: 'global',
        });
      }
      types[id - 1] = { ...type, linkage: 'global' };
      nameParameters(btf, type, types);
      return { type: placeholder, offset: 4 * index, size: 4 };
    }
    types[id - 1] = { ...type, type: int, linkage: 'global' };
    return { type: id, offset: 4 * index, size: 4 };
  });
  return { ...section, vars, size: 4 * vars.length };
}

function nameParameters(btf, { type: id }, types) {
  const proto = btf.type(id);
  const named = (one) => (one.name === '' && one.type !== 0 ? { ...one, name: PLACEHOLDER } : one);
  types[id - 1] = { ...proto, params: proto.params.map(named) };
}

/** Values of the kernel's configuration as `.kconfig` has them: by alignment, size and name. */
function packed(btf, section, change) {
  const vars = section.vars.map(({ type: id }) => {
    const type = btf.type(id);
    change({ ...type, linkage: 'global' });
    const [size, align] = [btf.sizeOf(type.type), btf.alignOf(type.type)];
    return { type: id, name: type.name, size, align };
  });
  vars.sort((a, b) => b.align - a.align || a.size - b.size || (a.name < b.name ? -1 : 1));
  let size = 0;
  const placed = vars.map((one) => {
    const offset = Math.ceil(size / one.align) * one.align;
    size = offset + one.size;
    return { type: one.type, offset, size: one.size };
  });
  return { ...section, vars: placed, size };
}
