/** Names for what instructions refer to. */
import { helperName, type ProgramSpec } from 'beeyard';
import { BPF_PSEUDO_CALL, type Code, type kernelText } from 'beeyard/isa';

type Symbols = NonNullable<Parameters<typeof kernelText>[2]>;

export function symbolsOf(program: ProgramSpec, code: Code): Symbols {
  const relocations = new Map(program.relocations.map((one) => [one.insn, symbolOf(one)]));
  const functions = new Map(program.functions.map((one) => [one.start, one.name]));
  return {
    helper: (id) => helperName(id) && `bpf_${helperName(id)}`,
    callee: (_, at) => {
      const local = code.src[at] === BPF_PSEUDO_CALL;
      return relocations.get(at) ?? (local ? functions.get(at + 1 + code.imm[at]!) : undefined);
    },
    constant: (_, at) => relocations.get(at),
  };
}

function symbolOf(relocation: ProgramSpec['relocations'][number]): string {
  switch (relocation.kind) {
    case 'map':
      return `map[${relocation.map}]`;
    case 'map_value':
      return `map[${relocation.map}][0]+${relocation.offset}`;
    case 'extern':
      return relocation.extern;
  }
}
