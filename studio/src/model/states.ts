/** A state of the verifier, read from the words of the kernel's log. */
import { valueWordsOf } from './proof-words.ts';

export interface ProofRegister {
  /** 'R1', 'fp-8' */
  readonly name: string;
  /** As the log has it: 'scalar(id=1,umax=255)'. */
  readonly value: string;
  /** 'scalar', 'map_value_or_null', 'fp' … */
  readonly kind: string;
  /** What is known besides the kind: 'id=1', 'umax=255'. */
  readonly facts: readonly string[];
}

export interface ProofState {
  /** Number of the frame; 0 is the program itself. */
  readonly frame: number;
  readonly registers: readonly ProofRegister[];
  readonly stack: readonly ProofRegister[];
  /** References held and other words at the end: 'refs=1'. */
  readonly rest: string;
}

const START = / (?=(?:R\d+|fp-\d+)(?:_[rwD]+)?=|refs=|cb$|async_cb$)/;

/** ' R1=ctx() R10=fp0 fp-8=mmmm????' in parts. */
export function proofState(text: string): ProofState {
  const frame = /^ frame(\d+):/.exec(text);
  const parts = (frame ? text.slice(frame[0].length) : text).split(START);
  const named = parts.flatMap((part) => {
    const found = /^(R\d+|fp-\d+)(?:_[rwD]+)?=(.*)$/s.exec(part.trim());
    return found ? [registerOf(found[1]!, found[2]!)] : [];
  });
  const rest = parts.filter((part) => /^(refs=|cb$|async_cb$)/.test(part.trim()));
  return {
    frame: Number(frame?.[1] ?? 0),
    registers: named.filter(({ name }) => name.startsWith('R')),
    stack: named.filter(({ name }) => name.startsWith('fp')),
    rest: rest.join(' '),
  };
}

function registerOf(name: string, value: string): ProofRegister {
  return { name, value, ...valueWordsOf(value) };
}
