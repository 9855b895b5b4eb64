import type { Btf, BtfVar } from '../../../btf/index.ts';
import { SHT_REL } from '../../../elf/index.ts';
import { countsSymbolsTwice } from '../../../object/index.ts';
import { finding } from '../codes.ts';
import { isCode, type Subject, symbolName } from '../subject.ts';
import type { Finding } from '../types.ts';
import type { Check } from './check.ts';

const DATA = /^\.(data|rodata|bss)(\.|$)/;

/** libbpf fills in no addresses in data: `char *names[] = {"a"}` holds null pointers. */
export const checkAddresses: Check = ({ subject: { elf } }) =>
  elf.sections.flatMap(({ type, info, size }) => {
    const home = elf.sections[info];
    if (type !== SHT_REL || size === 0 || !home || !DATA.test(home.name)) return [];
    const message = `initial values in '${home.name}' are addresses; they stay 0`;
    return [finding('data-addresses', home.name, message)];
  });

/** String literals make a map of their own. */
export const checkStrings: Check = ({ subject: { elf } }) =>
  elf.sections
    .filter(({ name, size }) => name.startsWith('.rodata.str') && size > 0)
    .map(({ name }) => finding('strings-map', name, `string literals become the map '${name}'`));

/** Does BTF list the variables of data sections? */
export const checkDescribed: Check = ({ subject }) => {
  const { elf, btf, symbols } = subject;
  if (!btf) return [];
  return elf.sections
    .filter(({ name, size }) => DATA.test(name) && size > 0 && !/^\.rodata\.(str|cst)/.test(name))
    .flatMap(({ name, index }) => {
      const described = variablesOf(btf, name);
      if (!described) return [undescribed(name, `BTF does not describe the section '${name}'`)];
      const known = new Set(described.map((one) => one.name));
      const missing = symbols.filter((symbol) => {
        return (
          symbol.section === index && symbol.type === 'object' && !known.has(plain(symbol.name))
        );
      });
      if (missing.length === 0) return [];
      const names = missing.map((symbol) => symbol.name).join(', ');
      return [undescribed(name, `BTF does not describe ${names}`)];
    });
};

/** Static variables of functions are 'function.name' to LLVM, `name` to BTF. */
const plain = (name: string): string => name.slice(name.indexOf('.', 1) + 1);

const undescribed = (section: string, message: string): Finding =>
  finding('data-undescribed', section, `${message}: no names in skeletons and map dumps`);

function variablesOf(btf: Btf, section: string): BtfVar[] | undefined {
  const id = btf.find('datasec', section);
  const datasec = id === undefined ? undefined : btf.type(id);
  if (datasec?.kind !== 'datasec') return undefined;
  return datasec.vars.flatMap(({ type }) => {
    const variable = btf.type(type);
    return variable.kind === 'var' ? [variable] : [];
  });
}

/** gcc 12 puts `const volatile` variables where programs can write: the verifier knows no value. */
export const checkConstants: Check = ({ subject: { btf } }) => {
  const constants = (btf ? (variablesOf(btf, '.data') ?? []) : []).filter(({ type }) =>
    isConst(btf!, type),
  );
  if (constants.length === 0) return [];
  const names = constants.map(({ name }) => name).join(', ');
  const message = `constants among the variables (${names}): not frozen, unknown to the verifier`;
  return [finding('const-in-data', '.data', message)];
};

function isConst(btf: Btf, id: number): boolean {
  let type = btf.type(id);
  while (type.kind === 'volatile' || type.kind === 'typedef' || type.kind === 'array') {
    type = btf.type(type.type);
  }
  return type.kind === 'const';
}

/** bpf-gcc 12 adds a global symbol's address in the instruction; its relocation adds it again. */
export const checkDoubled: Check = ({ subject }) => {
  const { elf, relocations } = subject;
  const tables = codeTables(subject);
  if (!countsSymbolsTwice({ elf }, tables)) return [];
  const moved = relocations.filter(
    ({ home, symbol }) => isCode(home) && symbol.type !== 'section' && symbol.value > 0,
  );
  if (moved.length === 0) return [];
  const names = [...new Set(moved.map(({ symbol }) => symbolName(subject, symbol)))].join(', ');
  const message =
    `${moved.length} addresses of global symbols are counted twice (${names}): libbpf uses the ` +
    'wrong place, beeyard puts it right';
  return [finding('doubled-address', '', message)];
};

/** Relocations by the code they change, as the loader reads them. */
function codeTables({ elf, code, relocations }: Subject) {
  return [...code].map(([index, one]) => {
    const own = relocations.filter(({ home }) => home.index === index);
    const section = { section: elf.sections[index]!, code: one };
    return [section, own.map(({ relocation }) => relocation)] as const;
  });
}
