import { bpfHelperName } from '../abi/names.ts';
import { BPF_PSEUDO_CALL, type Code, type KernelTextOptions } from '../isa/index.ts';
import type { ProgramSpec, Relocation } from './types.ts';

/**
 * Names for what instructions of a program refer to, where a kernel puts addresses: helpers,
 * functions, maps, kernel symbols.
 *
 * @example
 * const symbols = instructionSymbols(program, code);
 * kernelText(code, 3, symbols); // '(18) r1 = map[flows]'
 */
export function instructionSymbols(
  { relocations, functions }: ProgramSpec,
  code: Code,
): KernelTextOptions {
  const names = new Map(relocations.map((one) => [one.insn, symbolOf(one)]));
  const starts = new Map(functions.map((one) => [one.start, one.name]));
  return {
    helper: bpfHelperName,
    callee(_, at) {
      const local = code.src[at] === BPF_PSEUDO_CALL;
      return names.get(at) ?? (local ? starts.get(at + 1 + code.imm[at]!) : undefined);
    },
    constant: (_, at) => names.get(at),
  };
}

function symbolOf(relocation: Relocation): string {
  switch (relocation.kind) {
    case 'map':
      return `map[${relocation.map}]`;
    case 'map_value':
      return `map[${relocation.map}][0]+${relocation.offset}`;
    case 'extern':
      return relocation.extern;
  }
}
