import { FormatError } from '../../base/index.ts';

/** One line of /proc/kallsyms or System.map. */
export interface KernelSymbol {
  readonly name: string;
  readonly address: bigint;
  /** nm's letter: 't' and 'T' are code. */
  readonly type: string;
  /** Module it belongs to; undefined: the kernel itself. */
  readonly module: string | undefined;
}

const LINE = /^([0-9a-f]{8,16}) ([A-Za-z?]) (\S+)(?:\s+\[(\S+)\])?$/;
const CODE = 'tTwW';

/** The functions of a running or built kernel by name: names are not unique. */
export class SymbolTable {
  readonly #byName = new Map<string, KernelSymbol[]>();

  /** All lines of the file; throws `FormatError` with the line that is none. */
  constructor(text: string) {
    let at = 0;
    for (const line of text.split('\n')) {
      if (line !== '') this.#add(line, at);
      at += line.length + 1;
    }
  }

  #add(line: string, at: number): void {
    const [, address, type, name, module] = LINE.exec(line) ?? [];
    if (name === undefined) {
      const shown = JSON.stringify(line.slice(0, 40));
      throw new FormatError('symbols', at, `${shown} is no 'ADDRESS TYPE NAME [MODULE]'`);
    }
    if (!CODE.includes(type!)) return;
    const symbol = { name, address: BigInt(`0x${address}`), type: type!, module };
    const same = this.#byName.get(name);
    if (same) same.push(symbol);
    else this.#byName.set(name, [symbol]);
  }

  /** Functions of that name, in the order of the file. */
  named(name: string): readonly KernelSymbol[] {
    return this.#byName.get(name) ?? [];
  }

  /** Names that several functions have. */
  get ambiguous(): readonly string[] {
    return [...this.#byName].filter(([, same]) => same.length > 1).map(([name]) => name);
  }

  /** Functions in all. */
  get size(): number {
    let size = 0;
    for (const same of this.#byName.values()) size += same.length;
    return size;
  }
}
