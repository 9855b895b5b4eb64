/** BTF of objects as Linux takes it: what libbpf changes before BPF_BTF_LOAD. */
import { type Btf, BtfBuilder, type BtfType } from '../btf/index.ts';

/** A type without the number that its place gives it. */
type Section = Extract<BtfType, { kind: 'datasec' }>;
type Func = Extract<BtfType, { kind: 'func' }>;

/** Bytes for BPF_BTF_LOAD, and where texts of line info are in them. */
export interface LoadableBtf {
  readonly bytes: Uint8Array;
  /** Offset of a text; 0, which stands for none, if it is not there. */
  stringAt(text: string): number;
}

/** Place of the length of the strings in struct btf_header. */
const STRINGS_LENGTH = 20;
const PLACEHOLDER = 'dummy_ksym';

/**
 * The types of an object with its strings and `more` ones. In `.ksyms` functions are a variable
 * each and variables plain ints, one behind the other, and nothing is extern: Linux does not take
 * from a compiler what it has to give itself.
 */
export function loadableBtf(btf: Btf, more: Iterable<string> = []): LoadableBtf {
  const builder = new BtfBuilder();
  for (const type of new KernelTypes(btf).types) builder.add(type);
  for (const text of btf.ownStrings()) builder.addString(text);
  for (const text of more) builder.addString(text);
  const bytes = builder.toBytes();
  const length = new DataView(bytes.buffer).getUint32(STRINGS_LENGTH, btf.littleEndian);
  const stringAt = (text: string): number => {
    const at = builder.addString(text);
    return at < length ? at : 0;
  };
  return { bytes, stringAt };
}

class KernelTypes {
  readonly types: BtfType[] = [];
  readonly #btf: Btf;
  readonly #int: number;
  #placeholder = 0;

  constructor(btf: Btf) {
    this.#btf = btf;
    for (let id = 1; id < btf.count; id++) this.types.push(btf.type(id));
    const int = this.types.find((one) => one.kind === 'int' && one.size === 4 && one.bits === 32);
    this.#int = int?.id ?? 0;
    // Placeholders come behind, while this goes on.
    for (const type of Array.from(this.types)) {
      if (type.kind !== 'datasec') continue;
      if (type.name === '.ksyms') this.#change(this.#symbols(type));
      if (type.name === '.kconfig') this.#change(this.#configuration(type));
    }
  }

  #change(type: BtfType): void {
    this.types[type.id - 1] = type;
  }

  #symbols(section: Section): Section {
    const vars = section.vars.map(({ type: id }, index) => {
      const type = this.#btf.type(id);
      const place = { offset: 4 * index, size: 4 };
      if (type.kind === 'func') {
        this.#change({ ...type, linkage: 'global' });
        this.#nameParameters(type);
        return { ...place, type: this.#variable() };
      }
      if (type.kind === 'var') this.#change({ ...type, type: this.#int, linkage: 'global' });
      return { ...place, type: id };
    });
    return { ...section, vars, size: 4 * vars.length };
  }

  /** What stands in a section for functions. */
  #variable(): number {
    if (this.#placeholder === 0) {
      this.#placeholder = this.types.length + 1;
      const variable = { kind: 'var', name: PLACEHOLDER, type: this.#int, linkage: 'global' };
      this.types.push({ id: this.#placeholder, ...variable } as BtfType);
    }
    return this.#placeholder;
  }

  #nameParameters({ type: id }: Func): void {
    const proto = this.#btf.type(id);
    if (proto.kind !== 'func_proto') return;
    const params = proto.params.map((one) =>
      one.name === '' && one.type !== 0 ? { ...one, name: PLACEHOLDER } : one,
    );
    this.#change({ ...proto, params });
  }

  /** Values of the kernel's configuration as `.kconfig` has them: by alignment, size and name. */
  #configuration(section: Section): Section {
    const btf = this.#btf;
    const vars = section.vars.flatMap(({ type: id }) => {
      const type = btf.type(id);
      if (type.kind !== 'var') return [];
      this.#change({ ...type, linkage: 'global' });
      const [size, align] = [btf.sizeOf(type.type), btf.alignOf(type.type)];
      return [{ type: id, name: type.name, size, align }];
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
}
